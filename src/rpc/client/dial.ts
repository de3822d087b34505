import { connect, isIP, type LookupFunction, type Socket } from "node:net";
import { connect as connectTls, type SecureContext } from "node:tls";
import { type SocketAddress, parseSocketAddress } from "../../core/address";
import { RotatingLookup } from "./rotating-lookup";

/** The host of a unix socket: in `:authority`, and in the certificate of a server that speaks TLS there (gRPC naming.md, resolver of "unix"). */
const SOCKET_AUTHORITY = "localhost";

/** The `:authority` of calls to an address. */
export function authorityOf(address: string): string {
  return address.startsWith("unix") && "path" in parseSocketAddress(address, "the server's address")
    ? SOCKET_AUTHORITY
    : address;
}

export interface DialerOptions {
  /** Of TLS, asked for each connection; absent for plain text. */
  readonly context?: (() => SecureContext) | undefined;
  /**
   * "lent": of plain sockets, each read overwrites the one before, so whoever keeps bytes copies them. "kept", the default: bytes may be
   * kept as they are, which whole messages are that a user gets.
   */
  readonly reads?: "lent" | "kept";
  /** Finds the addresses of names. Default: the system's. */
  readonly lookup?: LookupFunction | undefined;
}

/**
 * How to begin a connection to a server: plain, or TLS that negotiates "h2" and checks that the certificate names the host. The addresses
 * of a name are tried one after the other, IPv6 and IPv4 in turn (RotatingLookup).
 */
export function dialer({ context, reads = "kept", lookup }: DialerOptions = {}): (address: string) => Socket {
  const addresses = new RotatingLookup(lookup);
  return (text) => {
    const address = parseSocketAddress(text, "the server's address");
    const target = { ...address, noDelay: true, autoSelectFamily: true, lookup: addresses.lookup };
    const socket = context === undefined ? connectPlain(target, reads) : connectSecurely(target, context());
    if ("host" in address && isIP(address.host) === 0) addresses.follow(address.host, socket);
    return socket;
  };
}

type Target = SocketAddress & { readonly noDelay: boolean; readonly lookup: LookupFunction };

function connectPlain(target: Target, reads: "lent" | "kept"): Socket {
  return reads === "lent" ? connectReadingInPlace(target) : connect(target);
}

function connectSecurely(target: Target, secureContext: SecureContext): Socket {
  const servername = serverNameOf(target);
  const name = isIP(servername) === 0 ? { servername } : {};
  const socket = connectTls({ ...target, ...name, secureContext, ALPNProtocols: ["h2"] });
  socket.setNoDelay(true);
  socket.once("secureConnect", () => {
    if (socket.alpnProtocol !== "h2") socket.destroy(new Error("the server does not speak HTTP/2"));
  });
  return socket;
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
function connectReadingInPlace(target: Target): Socket {
  const buffer = sharedBuffer ?? Buffer.allocUnsafeSlow(READ_BYTES);
  const callback = (bytes: number): boolean => socket.emit("data", buffer.subarray(0, bytes));
  const socket: Socket = connect({ ...target, onread: { buffer, callback } });
  return socket;
}
