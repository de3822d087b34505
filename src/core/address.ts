import { FabricError } from "./errors";

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** A unix socket, as Node's `net` names it: a file, or after "\0" a name in Linux's abstract namespace. */
export interface SocketPath {
  readonly path: string;
}

/** Where a server listens. What `net.connect` and `server.listen` take. */
export type SocketAddress = HostPort | SocketPath;

const FORM = 'use host:port such as "127.0.0.1:61000" or "[::1]:61000"';
const SOCKET_FORM = `${FORM}, or "unix:/path/of/a.sock"`;

/** Of `sun_path` in unix(7), with the byte that ends it. macOS has 104. */
const PATH_BYTES_MAX = 107;

/**
 * Reads "host:port" (IPv6 in brackets), "unix:path", "unix:///absolute/path" or "unix-abstract:name" (gRPC naming.md). `field` names the value in
 * the error.
 * @throws FabricError INVALID_ARGUMENT
 */
export function parseSocketAddress(text: string, field: string): SocketAddress {
  return parseSocketPath(text, field) ?? parse(text, field, SOCKET_FORM);
}

/** As parseSocketAddress, without unix sockets. */
export function parseAddress(text: string, field: string): HostPort {
  return parse(text, field, FORM);
}

function parse(text: string, field: string, form: string): HostPort {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9_.-]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  if (!match || host === undefined) throw new FabricError("INVALID_ARGUMENT", `${field} is "${text}": ${form}`);
  const port = Number(match[3]);
  if (port > 65_535) throw new FabricError("INVALID_ARGUMENT", `${field} is "${text}": the port must be 0 to 65535`);
  return { host, port };
}

/** Undefined: it names none, though a host may be called "unix". */
function parseSocketPath(text: string, field: string): SocketPath | undefined {
  const match = /^unix(-abstract)?:(?:\/\/(?=\/))?(.*)$/s.exec(text);
  if (!match || (match[1] === undefined && /^\d{1,5}$/.test(match[2]!))) return undefined;
  const path = match[1] === undefined ? match[2]! : `\0${match[2]!}`;
  const bytes = Buffer.byteLength(path);
  if (match[2] === "" || /[\p{Cc},]/u.test(match[2]!) || match[2]!.startsWith("//")) {
    const what = 'use "unix:/path/of/a.sock" or "unix-abstract:name", without commas and control characters';
    throw new FabricError("INVALID_ARGUMENT", `${field} is "${text}": ${what}`);
  }
  if (bytes > PATH_BYTES_MAX) {
    const what = `a unix socket's path has at most ${PATH_BYTES_MAX} bytes, not ${bytes}; choose a shorter one`;
    throw new FabricError("INVALID_ARGUMENT", `${field} is "${text}": ${what}`);
  }
  return { path };
}

/** "host:port" with IPv6 in brackets, "unix:path" or "unix-abstract:name". */
export function formatAddress(address: SocketAddress): string {
  if ("path" in address) {
    const { path } = address;
    return path.startsWith("\0") ? `unix-abstract:${path.slice(1)}` : `unix:${path}`;
  }
  const { host, port } = address;
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * Checks that others can dial an address: not the wildcard host, not port 0, no path that depends on the folder of whoever reads it.
 * @throws FabricError INVALID_ARGUMENT
 */
export function parseDialableAddress(text: string, field: string): SocketAddress {
  const address = parseSocketAddress(text, field);
  if ("path" in address) {
    if (/^[\0/]/.test(address.path)) return address;
    const what = `${address.path} is relative to the folder of a process; name the whole path`;
    throw new FabricError("INVALID_ARGUMENT", `${field} is "${text}": ${what}`);
  }
  if (address.port === 0) {
    throw new FabricError("INVALID_ARGUMENT", `${field} is "${text}": port 0 cannot be dialled; name the real port`);
  }
  if (address.host === "0.0.0.0" || /^[0:]+$/.test(address.host)) {
    throw new FabricError(
      "INVALID_ARGUMENT",
      `${field} is "${text}": ${address.host} means "every interface" and cannot be dialled; name one host`,
    );
  }
  return address;
}
