import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { parseAddress } from "../../src/core/address";

/** A socket to the target; over TLS with ALPN "h2", whoever it says it is. */
export function dial(target: string, tls: boolean): Socket {
  const { host, port } = parseAddress(target, "the target");
  if (!tls) return connectTcp({ host, port, noDelay: true });
  return connectTls({ host, port, ALPNProtocols: ["h2"], rejectUnauthorized: false });
}
