import { listenAddressList, optionalListenAddress } from "./address-kinds";
import { bytes } from "./kinds";

/** `httpAddress` of a director without an HTTP port. */
export const NO_HTTP = "off";
/** Where it listens unless told otherwise, if it can. */
export const DEFAULT_HTTP_ADDRESS = "127.0.0.1:8151";

/** Of the director's HTTP port: REST, JSON for every RPC, metrics, the dashboard. */
export const httpSettings = {
  httpAddress: optionalListenAddress("HEDDLE_HTTP_ADDR", {
    default: "",
    unset: `${DEFAULT_HTTP_ADDRESS}, or a free port where that is taken`,
    off: NO_HTTP,
    doc: `Where the director listens for HTTP: REST, JSON for every RPC, metrics, the dashboard. Only this machine can reach the default. \`${NO_HTTP}\` for none. HTTPS with the certificate of HEDDLE_TLS_CERT_FILE, and clients then need one where HEDDLE_TLS_CLIENT_CA_FILE is set.`,
  }),
  httpExtraAddresses: listenAddressList("HEDDLE_HTTP_EXTRA_ADDRS", {
    default: [],
    doc: "More addresses for the same, such as 127.0.0.1:47099 and 127.0.0.1:4401, where callers of PICCOLO and of Proxy Stone look for it.",
  }),
  httpBodyMaxBytes: bytes("HEDDLE_HTTP_BODY_MAX_BYTES", {
    default: 4 * 1024 * 1024,
    min: 1024,
    max: 1024 * 1024 * 1024,
    doc: "Largest body of an HTTP request; a larger one is answered with 413. The default is that of a gRPC message.",
  }),
};
