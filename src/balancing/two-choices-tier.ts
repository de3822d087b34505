import type { Random } from "../core/random";
import { Availability } from "./availability";
import type { Endpoint } from "./endpoint";
import { FreeList } from "./free-list";
import type { PickRequest } from "./picker";
import type { Tier } from "./tier";

/** The cost of one more call on an endpoint; lower is better. */
export type Cost<E extends Endpoint> = (endpoint: E) => number;

/** Draws two different free endpoints and takes the one that costs less; the first of the two if they cost the same. */
export class TwoChoicesTier<E extends Endpoint> implements Tier<E> {
  readonly #endpoints: readonly E[];
  readonly #random: Random;
  readonly #cost: Cost<E>;
  readonly #free: FreeList;
  readonly #availability: Availability<E>;

  constructor(endpoints: readonly E[], random: Random, cost: Cost<E>) {
    this.#endpoints = endpoints;
    this.#random = random;
    this.#cost = cost;
    this.#free = new FreeList(endpoints.length);
    this.#availability = new Availability(endpoints, this.#free);
  }

  choose(_request: PickRequest, excluded: ReadonlySet<string> | undefined): E | undefined {
    const size = this.#free.size;
    if (size === 0) return undefined;
    const one = this.#random.below(size);
    if (size === 1) return this.#allowed(one, excluded);
    let other = this.#random.below(size - 1);
    if (other >= one) other += 1; // skip over `one`, so that the two always differ
    const first = this.#allowed(one, excluded);
    const second = this.#allowed(other, excluded);
    if (first === undefined || second === undefined) return first ?? second ?? this.#firstAllowed(one, excluded);
    return this.#cost(second) < this.#cost(first) ? second : first;
  }

  close(): void {
    this.#availability.close();
  }

  #allowed(index: number, excluded: ReadonlySet<string> | undefined): E | undefined {
    const endpoint = this.#endpoints[this.#free.at(index)]!;
    return excluded?.has(endpoint.memberId) ? undefined : endpoint;
  }

  #firstAllowed(start: number, excluded: ReadonlySet<string> | undefined): E | undefined {
    const size = this.#free.size;
    for (let step = 0; step < size; step += 1) {
      const endpoint = this.#allowed((start + step) % size, excluded);
      if (endpoint !== undefined) return endpoint;
    }
    return undefined;
  }
}
