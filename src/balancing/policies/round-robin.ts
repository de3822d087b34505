import type { Random } from "../../core/random";
import { Availability } from "../availability";
import type { Endpoint } from "../endpoint";
import { FreeBitmap } from "../free-bitmap";
import type { PickRequest } from "../picker";
import { tieredPolicy, type Tier } from "../tier";

/** Visits per pick at most. The smallest weight is a twentieth, so a full credit is found within this many on average. */
const VISITS_MAX = 20;

/**
 * Each free endpoint in turn, from a random one on: many pickers are made, and each starting at the same endpoint would
 * overload it. An endpoint with a weight below 1 saves up its weight at each visit and is passed over until it has saved 1
 * (deficit round robin: Shreedhar, Varghese 1995), so it gets its share exactly and evenly spaced.
 */
class RoundRobinTier<E extends Endpoint> implements Tier<E> {
  readonly #endpoints: readonly E[];
  readonly #free: FreeBitmap;
  readonly #availability: Availability<E>;
  #credits: Float32Array | undefined;
  #cursor: number;

  constructor(endpoints: readonly E[], random: Random) {
    this.#endpoints = endpoints;
    this.#free = new FreeBitmap(endpoints.length);
    this.#availability = new Availability(endpoints, this.#free);
    this.#cursor = endpoints.length > 0 ? random.below(endpoints.length) : 0;
  }

  choose(_request: PickRequest, excluded: ReadonlySet<string> | undefined): E | undefined {
    if (this.#free.size === 0) return undefined;
    const visitsMax = VISITS_MAX + (excluded?.size ?? 0);
    let passed: E | undefined;
    for (let visit = 0; visit < visitsMax; visit += 1) {
      const position = this.#free.nextFrom(this.#cursor);
      this.#cursor = position + 1;
      const endpoint = this.#endpoints[position]!;
      if (excluded?.has(endpoint.memberId)) continue;
      if (this.#isDue(position)) return endpoint;
      passed = endpoint;
    }
    return passed;
  }

  close(): void {
    this.#availability.close();
  }

  #isDue(position: number): boolean {
    const share = this.#availability.shareAt(position);
    if (share === 1) return true;
    this.#credits ??= new Float32Array(this.#endpoints.length);
    const credit = this.#credits[position]! + share;
    this.#credits[position] = credit >= 1 ? credit - 1 : credit;
    return credit >= 1;
  }
}

export const roundRobin = tieredPolicy((endpoints, random) => new RoundRobinTier(endpoints, random));
