import type { Random } from "../core/random";
import type { Endpoint, EndpointObserver } from "./endpoint";
import { FreeList } from "./free-list";
import type { PickRequest } from "./picker";
import type { Tier } from "./tier";

/** What one more call on an endpoint costs; lower is better. */
export interface Cost {
  /**
   * The cost as long as nothing happens to the endpoint; NaN where it also depends on something else (its weight, say, which
   * changes with time), so that it has to be asked for at each pick.
   */
  lasting(endpoint: Endpoint): number;
  /** The cost now, where `lasting` is NaN. */
  current(endpoint: Endpoint): number;
}

/** Draws two different free endpoints and takes the one that costs less; the first of the two if they cost the same. */
export class TwoChoicesTier<E extends Endpoint> implements Tier<E>, EndpointObserver {
  readonly #endpoints: readonly E[];
  readonly #random: Random;
  readonly #cost: Cost;
  readonly #free: FreeList;
  /** Lasting costs in a column of their own: looking at two of 100,000 endpoints costs more in cache misses than all the rest. */
  readonly #costs: Float64Array;

  constructor(endpoints: readonly E[], random: Random, cost: Cost) {
    this.#endpoints = endpoints;
    this.#random = random;
    this.#cost = cost;
    this.#free = new FreeList(endpoints.length);
    this.#costs = new Float64Array(endpoints.length);
    for (let position = 0; position < endpoints.length; position += 1) {
      endpoints[position]!.observe(this, position, "load");
      this.endpointChanged(position);
    }
  }

  choose(_request: PickRequest, excluded: ReadonlySet<string> | undefined): E | undefined {
    const size = this.#free.size;
    if (size === 0) return undefined;
    const one = this.#random.below(size);
    let other = size === 1 ? 0 : this.#random.below(size - 1);
    if (other >= one && size > 1) other += 1; // skip over `one`, so that the two always differ
    const first = this.#free.at(one);
    const second = this.#free.at(other);
    if (excluded) return this.#chooseOutside(excluded, one, first, second);
    return this.#endpoints[this.#cheaper(first, second)];
  }

  endpointChanged(position: number): void {
    const endpoint = this.#endpoints[position]!;
    if (endpoint.isFull) this.#free.delete(position);
    else this.#free.add(position);
    this.#costs[position] = this.#cost.lasting(endpoint);
  }

  close(): void {
    for (const endpoint of this.#endpoints) endpoint.unobserve(this);
  }

  #cheaper(first: number, second: number): number {
    return this.#costAt(second) < this.#costAt(first) ? second : first;
  }

  #costAt(position: number): number {
    const cost = this.#costs[position]!;
    return cost === cost ? cost : this.#costNow(position); // only NaN differs from itself
  }

  #costNow(position: number): number {
    const endpoint = this.#endpoints[position]!;
    const lasting = this.#cost.lasting(endpoint);
    this.#costs[position] = lasting;
    return Number.isNaN(lasting) ? this.#cost.current(endpoint) : lasting;
  }

  #chooseOutside(excluded: ReadonlySet<string>, start: number, first: number, second: number): E | undefined {
    const allowed = (position: number) => !excluded.has(this.#endpoints[position]!.memberId);
    if (allowed(first) && allowed(second)) return this.#endpoints[this.#cheaper(first, second)];
    if (allowed(first)) return this.#endpoints[first];
    if (allowed(second)) return this.#endpoints[second];
    // At most as many steps as there are excluded endpoints, and one.
    for (let step = 1; step < this.#free.size; step += 1) {
      const position = this.#free.at((start + step) % this.#free.size);
      if (allowed(position)) return this.#endpoints[position];
    }
    return undefined;
  }
}

/** Calls in flight, one more counted; more for an endpoint that should get less. */
export const CALLS_IN_FLIGHT: Cost = {
  lasting: (endpoint) => (endpoint.weight === 1 ? endpoint.inFlight + 1 : NaN),
  current: (endpoint) => (endpoint.inFlight + 1) / endpoint.weight,
};
