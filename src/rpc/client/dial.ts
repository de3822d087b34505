import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls, type SecureContext } from "node:tls";
import { parseAddress } from "../../core/address";

/**
 * How to begin a connection to a server: plain, or TLS that negotiates "h2" and checks that the certificate names the host.
 * @param context - of TLS, asked for each connection; absent for plain text
 * @param reads - "lent": of plain sockets, each read overwrites the one before, so whoever keeps bytes copies them; "kept": bytes may
 *   be kept as they are, which whole messages are that a user gets
 */
export function dialer(context?: () => SecureContext, reads: "lent" | "kept" = "kept"): (address: string) => Socket {
  return (address) => {
    const { host, port } = parseAddress(address, "the server's address");
    if (context === undefined) {
      return reads === "lent" ? connectReadingInPlace(host, port) : connectTcp({ host, port, noDelay: true });
    }
    const socket = connectTls({
      host,
      port,
      secureContext: context(),
      ALPNProtocols: ["h2"],
      ...(isIP(host) === 0 ? { servername: host } : {}),
    });
    socket.setNoDelay(true);
    socket.once("secureConnect", () => {
      if (socket.alpnProtocol !== "h2") socket.destroy(new Error("the server does not speak HTTP/2"));
    });
    return socket;
  };
}

const READ_BYTES = 65_536;
/** Shared, because a read is dealt with before the next begins; but Windows may fill buffers of several sockets at once. */
const sharedBuffer = process.platform === "win32" ? undefined : Buffer.allocUnsafeSlow(READ_BYTES);

/**
 * A socket whose "data" is lent: the bytes are overwritten by the next read. Otherwise each read takes memory anew, and with a
 * gigabyte passing through, tens of megabytes of it wait to be collected.
 */
function connectReadingInPlace(host: string, port: number): Socket {
  const buffer = sharedBuffer ?? Buffer.allocUnsafeSlow(READ_BYTES);
  const callback = (bytes: number): boolean => socket.emit("data", buffer.subarray(0, bytes));
  const socket: Socket = connectTcp({ host, port, noDelay: true, onread: { buffer, callback } });
  return socket;
}
