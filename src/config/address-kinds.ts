import { formatAddress, parseSocketAddress, parseDialableAddress, parseAddress } from "../core/address";
import { setting } from "./kinds";
import type { Entry, Setting } from "./setting";

const FORM = 'host:port, such as "127.0.0.1:61000" or "[::1]:61000", or "unix:/path/of/a.sock"';

function isAddress(parse: (value: string, field: string) => unknown, value: string): boolean {
  try {
    parse(value, "");
    return true;
  } catch {
    return false;
  }
}

/** An address to listen at. Port 0 lets the system choose one. */
export function listenAddress(name: string, entry: Entry<string>): Setting<string> {
  return setting(name, entry, {
    accepts: `${FORM}; port 0 takes a free one`,
    show: (value) => value,
    read: (text) => text,
    isValid: (value) => typeof value === "string" && isAddress(parseSocketAddress, value),
  });
}

/** An address to listen at, or `off` for not listening. */
export function optionalListenAddress(name: string, entry: Entry<string> & { readonly off: string }): Setting<string> {
  return setting(name, entry, {
    accepts: `${FORM}; port 0 takes a free one; "${entry.off}" for none`,
    show: (value) => value,
    read: (text) => text,
    isValid: (value) => typeof value === "string" && (value === entry.off || isAddress(parseSocketAddress, value)),
  });
}

/** Addresses to listen at, separated by commas. */
export function listenAddressList(name: string, entry: Entry<readonly string[]>): Setting<readonly string[]> {
  return setting(name, entry, {
    accepts: `a comma-separated list of ${FORM}`,
    show: (value) => value.join(","),
    read: (text) => text.split(",").map((part) => part.trim()),
    isValid: (value) =>
      Array.isArray(value) && value.length > 0 && value.every((item) => isAddress(parseSocketAddress, item)),
  });
}

/** An address that others can dial. */
export function dialableAddress(name: string, entry: Entry<string>): Setting<string> {
  return setting(name, entry, {
    accepts: `${FORM}, that others can dial: not 0.0.0.0 or [::], not port 0, no relative path`,
    show: (value) => value,
    read: (text) => text,
    isValid: (value) => typeof value === "string" && isAddress(parseDialableAddress, value),
  });
}

/** Addresses to dial, separated by commas. */
export function addressList(name: string, entry: Entry<readonly string[]>): Setting<readonly string[]> {
  return setting(name, entry, {
    accepts: `a comma-separated list of ${FORM}, each of which can be dialled`,
    show: (value) => value.join(","),
    read: (text) => text.split(",").map((part) => part.trim()),
    isValid: (value) =>
      Array.isArray(value) && value.length > 0 && value.every((item) => isAddress(parseDialableAddress, item)),
  });
}

/** The form etcd's own tools use: URLs, or plain host:port. */
export function endpointList(name: string, entry: Entry<readonly string[]>): Setting<readonly string[]> {
  const withoutScheme = (item: string) => item.replace(/^https?:\/\//, "").replace(/\/$/, "");
  return setting(name, entry, {
    accepts: 'a comma-separated list of host:port, with or without "http://" or "https://" before it',
    show: (value) => value.join(","),
    read: (text) => text.split(",").map((part) => part.trim()),
    isValid: (value) =>
      Array.isArray(value) &&
      value.length > 0 &&
      value.every(
        (item) =>
          typeof item === "string" &&
          isAddress(parseAddress, withoutScheme(item)) &&
          isAddress(parseDialableAddress, withoutScheme(item)),
      ),
  });
}

/** Adds `port` to a host that has none. */
export function withPort(hostOrAddress: string, port: number): string {
  if (isAddress(parseSocketAddress, hostOrAddress)) return hostOrAddress;
  return formatAddress({ host: hostOrAddress.replace(/^\[(.*)\]$/, "$1"), port });
}
