import { lookup as systemLookup, type LookupAddress } from "node:dns";
import type { LookupFunction, Socket } from "node:net";

/** Names that are remembered for having failed: those of workers that are gone do not come back to be forgotten. */
const NAMES_MAX = 1_000;

/**
 * Looks names up for `net.connect`, which tries a name's addresses one after the other, each for 250 ms and the last for as long as it takes
 * (RFC 8305 without racing). So that no address is the one that never gets time enough, and none is tried for ever that accepts and says
 * nothing, each connection that failed moves the first address to the end for the next; one that did not puts them back in order.
 */
export class RotatingLookup {
  readonly #lookup: LookupFunction;
  /** Connections in a row that brought nothing, by name. */
  readonly #failures = new Map<string, number>();

  constructor(lookup: LookupFunction = systemLookup) {
    this.#lookup = lookup;
  }

  readonly lookup: LookupFunction = (name, options, callback) => {
    this.#lookup(name, options, (error, found, family) => {
      if (error !== null || !Array.isArray(found)) callback(error, found, family);
      else callback(null, rotated(found, this.#failures.get(name) ?? 0));
    });
  };

  /** Takes note of how the connection ends. */
  follow(name: string, socket: Socket): void {
    socket.once("close", () => {
      if (socket.bytesRead > 0) this.#failures.delete(name);
      else this.#failed(name);
    });
  }

  #failed(name: string): void {
    const failures = (this.#failures.get(name) ?? 0) + 1;
    // The last to have failed comes last, so that the first is the one to forget.
    this.#failures.delete(name);
    this.#failures.set(name, failures);
    if (this.#failures.size <= NAMES_MAX) return;
    for (const oldest of this.#failures.keys()) {
      this.#failures.delete(oldest);
      break;
    }
  }
}

function rotated(addresses: readonly LookupAddress[], by: number): LookupAddress[] {
  const first = addresses.length === 0 ? 0 : by % addresses.length;
  return [...addresses.slice(first), ...addresses.slice(0, first)];
}
