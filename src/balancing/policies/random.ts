import type { Random } from "../../core/random";
import { Availability } from "../availability";
import type { Endpoint } from "../endpoint";
import { FreeList } from "../free-list";
import type { PickRequest } from "../picker";
import { tieredPolicy, type Tier } from "../tier";

/** Draws at most, until one is accepted: with the smallest weight everywhere the last draw is then taken as it is. */
const DRAWS_MAX = 8;

/** Any free endpoint, each equally likely. One with a weight below 1 is accepted with that probability, else drawn anew. */
class RandomTier<E extends Endpoint> implements Tier<E> {
  readonly #endpoints: readonly E[];
  readonly #random: Random;
  readonly #free: FreeList;
  readonly #availability: Availability<E>;

  constructor(endpoints: readonly E[], random: Random) {
    this.#endpoints = endpoints;
    this.#random = random;
    this.#free = new FreeList(endpoints.length);
    this.#availability = new Availability(endpoints, this.#free);
  }

  choose(_request: PickRequest, excluded: ReadonlySet<string> | undefined): E | undefined {
    const size = this.#free.size;
    if (size === 0) return undefined;
    let drawn: E | undefined;
    for (let draw = 0; draw < DRAWS_MAX; draw += 1) {
      const position = this.#free.at(this.#random.below(size));
      const endpoint = this.#endpoints[position]!;
      if (excluded?.has(endpoint.memberId)) continue;
      drawn = endpoint;
      const share = this.#availability.shareAt(position);
      if (share === 1 || this.#random.unit() < share) return endpoint;
    }
    return drawn ?? this.#firstOutside(excluded);
  }

  close(): void {
    this.#availability.close();
  }

  #firstOutside(excluded: ReadonlySet<string> | undefined): E | undefined {
    for (let index = 0; index < this.#free.size; index += 1) {
      const endpoint = this.#endpoints[this.#free.at(index)]!;
      if (!excluded?.has(endpoint.memberId)) return endpoint;
    }
    return undefined;
  }
}

export const random = tieredPolicy((endpoints, chance) => new RandomTier(endpoints, chance));
