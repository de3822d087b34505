/** The settings that bound how many connections there are. */
export type ConnectionBound = "HEDDLE_CONNECTIONS_MAX" | "HEDDLE_CONNECTIONS_PER_ADDRESS_MAX";

/** Counts connections, all together and by the address they come from. */
export class ConnectionBounds {
  readonly #connectionsMax: number;
  readonly #perAddressMax: number;
  readonly #byNetwork = new Map<string, number>();
  #count = 0;

  constructor(connectionsMax: number, perAddressMax: number) {
    this.#connectionsMax = connectionsMax;
    this.#perAddressMax = perAddressMax;
  }

  /**
   * Counts one more, until `release` with the same address; or nothing, and says which bound forbids it. An address of "", as
   * unix sockets have, has no share.
   */
  take(address: string): ConnectionBound | undefined {
    if (this.#count >= this.#connectionsMax) return "HEDDLE_CONNECTIONS_MAX";
    const network = networkOf(address);
    const known = this.#byNetwork.get(network) ?? 0;
    if (network !== "" && known >= this.#perAddressMax) return "HEDDLE_CONNECTIONS_PER_ADDRESS_MAX";
    this.#byNetwork.set(network, known + 1);
    this.#count += 1;
    return undefined;
  }

  release(address: string): void {
    const network = networkOf(address);
    const left = (this.#byNetwork.get(network) ?? 0) - 1;
    if (left > 0) this.#byNetwork.set(network, left);
    else this.#byNetwork.delete(network);
    this.#count -= 1;
  }
}

/** Who shares a share: an IPv4 address; of IPv6 the /64, because whoever has one address there has them all (RFC 6177 §2). */
export function networkOf(address: string): string {
  if (!address.includes(":")) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped) return mapped[1]!;
  const [head = "", tail] = address.replace(/%.*$/, "").split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => "0");
  return `${[...before, ...zeros, ...after].slice(0, 4).join(":")}::/64`;
}
