import { FabricError } from "./errors";

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

const FORM = 'use host:port such as "127.0.0.1:61000" or "[::1]:61000"';

/**
 * Reads "host:port" (IPv6 in brackets). `field` names the value in the error.
 * @throws FabricError INVALID_ARGUMENT
 */
export function parseAddress(text: string, field: string): HostPort {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9_.-]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  if (!match || host === undefined) throw new FabricError("INVALID_ARGUMENT", `${field} is "${text}": ${FORM}`);
  const port = Number(match[3]);
  if (port > 65_535) throw new FabricError("INVALID_ARGUMENT", `${field} is "${text}": the port must be 0 to 65535`);
  return { host, port };
}

/** "host:port", with IPv6 in brackets. */
export function formatAddress({ host, port }: HostPort): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * Checks that others can dial an address: not the wildcard host, not port 0.
 * @throws FabricError INVALID_ARGUMENT
 */
export function parseDialableAddress(text: string, field: string): HostPort {
  const address = parseAddress(text, field);
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
