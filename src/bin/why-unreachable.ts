import { liveTls } from "../api/process-parts";
import type { Finding } from "../cli/report-failure";
import type { ClientConfig } from "../config/client-settings";
import { messageOf } from "../core/errors";
import { SILENT_LOGGER } from "../core/logger";
import { systemClock } from "../platform/system-clock";
import { dialer } from "../rpc/client/dial";
import { dialingTls } from "../wire/tls";

/** What a director may take to greet. */
const GREETING_MS = 1_000;
/** Preface and empty SETTINGS of HTTP/2 (RFC 9113, section 3.4): a server answers with its own. */
const PREFACE = Buffer.concat([
  Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  Buffer.from("000000040000000000", "hex"),
]);
/** First byte of a TLS alert (RFC 8446, section 5.1). */
const TLS_ALERT = 0x15;

const NOBODY = new Map([
  ["ECONNREFUSED", "nobody listens there"],
  ["ENOTFOUND", "there is no host of this name"],
  ["EAI_AGAIN", "the name cannot be looked up now"],
  ["EHOSTUNREACH", "there is no way to this host"],
  ["ENETUNREACH", "there is no way to this network"],
  ["ENOENT", "there is no such socket"],
]);
/** A TLS alert of the other side about the certificate that this one showed, or did not. */
const REFUSED_CERTIFICATE =
  /ALERT_(CERTIFICATE|BAD_CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED|UNSUPPORTED_CERTIFICATE|HANDSHAKE_FAILURE)/;

const REFUSES_US = "it refuses us: it wants a certificate, or another one";

/** Why these directors do not answer, as one more connection to each finds. For people: what was tried before said only that it failed. */
export async function whyUnreachable(config: ClientConfig): Promise<readonly Finding[]> {
  const tls = dialingTls(liveTls({ ...config, tlsReloadMs: 0 }, { clock: systemClock, logger: SILENT_LOGGER }));
  const dial = dialer({ context: tls?.context });
  return await Promise.all(config.directors.map((address) => find(address, dial, tls !== undefined)));
}

function find(address: string, dial: ReturnType<typeof dialer>, isTls: boolean): Promise<Finding> {
  return new Promise((resolve) => {
    const socket = dial(address);
    const conclude = (reason: string, denied = false) => {
      cancelTimer();
      socket.destroy();
      resolve({ address, reason, denied });
    };
    const cancelTimer = systemClock.after(GREETING_MS, () => conclude(`no answer within ${GREETING_MS} ms`));
    let isSecure = false;
    socket.on(isTls ? "secureConnect" : "connect", () => {
      isSecure = isTls;
      socket.write(PREFACE);
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      const { code = "" } = error;
      if (REFUSED_CERTIFICATE.test(code)) conclude(REFUSES_US, true);
      else conclude(NOBODY.get(code) ?? messageOf(error));
    });
    socket.on("data", (bytes: Buffer) => {
      if (!isTls && bytes[0] === TLS_ALERT) conclude("it wants TLS: HEDDLE_TLS_CA_FILE");
      else conclude("it answers, but too slowly or not as a director");
    });
    socket.on("close", () => {
      // In TLS 1.3 the client is done before the server has looked at its certificate (RFC 8446, section 4.4.2), and ours closes without an alert.
      if (isSecure) conclude(REFUSES_US, true);
      else conclude(`it closes the connection${isTls ? "" : ": does it want TLS (HEDDLE_TLS_CA_FILE)?"}`);
    });
  });
}
