import type { Endpoint, EndpointObserver } from "./endpoint";

/** A set of positions in an array of endpoints. */
export interface PositionSet {
  add(position: number): void;
  delete(position: number): void;
}

/**
 * Keeps a set of the endpoints that have a free slot, and knows which may have a weight below 1. Costs nothing per call: it
 * hears of an endpoint only when that fills up, frees a slot or fails.
 */
export class Availability<E extends Endpoint> implements EndpointObserver {
  readonly #endpoints: readonly E[];
  readonly #free: PositionSet;
  /** 1 where the weight has to be read; a column of its own, since reading 100,000 endpoints at random misses the cache. */
  readonly #unsettled: Uint8Array;
  /** The highest weight seen. Where all are newcomers they are equals, and none has to stand back. */
  #topWeight = 0;

  constructor(endpoints: readonly E[], free: PositionSet) {
    this.#endpoints = endpoints;
    this.#free = free;
    this.#unsettled = new Uint8Array(endpoints.length);
    for (let position = 0; position < endpoints.length; position += 1) {
      endpoints[position]!.observe(this, position, "availability");
      this.endpointChanged(position);
    }
  }

  /** The endpoint's weight relative to the highest, above 0 and at most 1. Does not look at the endpoint once it has settled. */
  shareAt(position: number): number {
    if (this.#unsettled[position] === 0) return 1;
    const weight = this.#endpoints[position]!.weight;
    if (weight === 1) this.#unsettled[position] = 0;
    if (weight > this.#topWeight) this.#topWeight = weight;
    return weight / this.#topWeight;
  }

  endpointChanged(position: number): void {
    const endpoint = this.#endpoints[position]!;
    if (endpoint.isFull) this.#free.delete(position);
    else this.#free.add(position);
    const weight = endpoint.weight;
    this.#unsettled[position] = weight < 1 ? 1 : 0;
    if (weight > this.#topWeight) this.#topWeight = weight;
  }

  close(): void {
    for (const endpoint of this.#endpoints) endpoint.unobserve(this);
  }
}
