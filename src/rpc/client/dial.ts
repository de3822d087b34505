import { connect, isIP, type Socket } from "node:net";
import { connect as connectTls, type SecureContext } from "node:tls";
import { type SocketAddress, parseSocketAddress } from "../../core/address";

/** The host of a unix socket: in `:authority`, and in the certificate of a server that speaks TLS there (gRPC naming.md, resolver of "unix"). */
const SOCKET_AUTHORITY = "localhost";

/** The `:authority` of calls to an address. */
export function authorityOf(address: string): string {
  return address.startsWith("unix") && "path" in parseSocketAddress(address, "the server's address")
    ? SOCKET_AUTHORITY
    : address;
}

/**
 * How to begin a connection to a server: plain, or TLS that negotiates "h2" and checks that the certificate names the host.
 * @param context - of TLS, asked for each connection; absent for plain text
 * @param reads - "lent": of plain sockets, each read overwrites the one before, so whoever keeps bytes copies them; "kept": bytes may
 *   be kept as they are, which whole messages are that a user gets
 */
export function dialer(context?: () => SecureContext, reads: "lent" | "kept" = "kept"): (address: string) => Socket {
  return (text) => {
    const address = parseSocketAddress(text, "the server's address");
    if (context === undefined) {
      return reads === "lent" ? connectReadingInPlace(address) : connect({ ...address, noDelay: true });
    }
    const servername = serverNameOf(address);
    const socket = connectTls({
      ...address,
      secureContext: context(),
      ALPNProtocols: ["h2"],
      ...(isIP(servername) === 0 ? { servername } : {}),
    });
    socket.setNoDelay(true);
    socket.once("secureConnect", () => {
      if (socket.alpnProtocol !== "h2") socket.destroy(new Error("the server does not speak HTTP/2"));
    });
    return socket;
  };
}

/** Whom the certificate must name. */
function serverNameOf(address: SocketAddress): string {
  return "path" in address ? SOCKET_AUTHORITY : address.host;
}

const READ_BYTES = 65_536;
/** Shared, because a read is dealt with before the next begins; but Windows may fill buffers of several sockets at once. */
const sharedBuffer = process.platform === "win32" ? undefined : Buffer.allocUnsafeSlow(READ_BYTES);

/**
 * A socket whose "data" is lent: the bytes are overwritten by the next read. Otherwise each read takes memory anew, and with a
 * gigabyte passing through, tens of megabytes of it wait to be collected.
 */
function connectReadingInPlace(address: SocketAddress): Socket {
  const buffer = sharedBuffer ?? Buffer.allocUnsafeSlow(READ_BYTES);
  const callback = (bytes: number): boolean => socket.emit("data", buffer.subarray(0, bytes));
  const socket: Socket = connect({ ...address, noDelay: true, onread: { buffer, callback } });
  return socket;
}
