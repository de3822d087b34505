import { listenAddressList, optionalListenAddress } from "./address-kinds";
import { hostNameList } from "./host-names-kind";
import { bytes, durationMs, integer } from "./kinds";

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
    doc: "Largest body of an HTTP request; a larger one is answered with 413. The default is that of a gRPC message. All requests together hold at most 64 times as much; beyond it they are answered with 503.",
  }),
  httpNodeTimeoutMs: durationMs("HEDDLE_HTTP_NODE_TIMEOUT_MS", {
    default: 60_000,
    min: 1_000,
    max: 86_400_000,
    doc: "Silence after which a node that was registered by REST, and runs no agent of ours, is offline; after three quarters of it the node gets no calls. Such nodes are told to send a heartbeat in half of it, so one may be lost.",
  }),
  httpHosts: hostNameList("HEDDLE_HTTP_HOSTS", {
    default: [],
    unset: "addresses, localhost and the machine's own names",
    doc: "More names under which the HTTP port may be asked for: that of a proxy before it that keeps the Host header, of a Kubernetes service. Requests for other names are refused with 421, because a page of any site can have its own name lead to this machine (DNS rebinding). Addresses, localhost, the host name, and the hosts of HEDDLE_ADVERTISE_ADDR, HEDDLE_HTTP_ADDR and HEDDLE_HTTP_EXTRA_ADDRS are always allowed. `*.example.org` is every name below example.org; `*` is any name, for a port that only a proxy can reach.",
  }),
  httpConnectionsMax: integer("HEDDLE_HTTP_CONNECTIONS_MAX", {
    default: 2_000,
    min: 1,
    max: 1_000_000,
    doc: "HTTP connections open at once, over all addresses; one more is closed. Browsers hold six each.",
  }),
  httpRequestsMax: integer("HEDDLE_HTTP_REQUESTS_MAX", {
    default: 1_000,
    min: 1,
    max: 1_000_000,
    doc: "HTTP requests in hand at once, streams included; beyond it they are answered with 503 and Retry-After. `/healthz` and `/readyz` are always answered.",
  }),
  httpReceiveTimeoutMs: durationMs("HEDDLE_HTTP_RECEIVE_TIMEOUT_MS", {
    default: 30_000,
    min: 100,
    max: 3_600_000,
    doc: "How long the headers of an HTTP request may take to arrive, and then its body; then it is answered with 408 and the connection is closed. Streams of requests (NDJSON) may take as long as they like. 4 MiB in 30 s is a link of 1.1 Mbit/s; raise it together with HEDDLE_HTTP_BODY_MAX_BYTES.",
  }),
};
