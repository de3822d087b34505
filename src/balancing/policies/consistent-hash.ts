import type { Random } from "../../core/random";
import { Availability } from "../availability";
import type { Endpoint, EndpointObserver } from "../endpoint";
import { FreeBitmap } from "../free-bitmap";
import { HashRing, hashKey } from "../hash-ring";
import type { PickRequest } from "../picker";
import { mix32 } from "../string-hash";
import { tieredPolicy, type Tier } from "../tier";
import { CALLS_IN_FLIGHT, TwoChoicesTier } from "../two-choices-tier";

/**
 * No endpoint takes more than this × the mean number of calls in flight; the surplus of a hot key goes to the next ones on
 * the ring. Lower is more even but moves more keys; 1.25 is the value of HAProxy's and Vimeo's reports.
 */
const LOAD_FACTOR = 1.25;

const COIN_SEED = 0x51ed270b;

/**
 * The same affinity key to the same endpoint while that has room. Mirrokni, Thorup, Zadimoghaddam 2017, "Consistent Hashing
 * with Bounded Loads". Calls without a key take the less busy of two random endpoints.
 */
class ConsistentHashTier<E extends Endpoint> implements Tier<E>, EndpointObserver {
  readonly #endpoints: readonly E[];
  readonly #keyless: TwoChoicesTier<E>;
  readonly #ring: HashRing;
  /** Places on the ring whose endpoints have a free slot. */
  readonly #free: FreeBitmap;
  readonly #availability: Availability<E>;
  readonly #inFlight: Uint32Array;
  #totalInFlight = 0;

  constructor(endpoints: readonly E[], random: Random) {
    this.#endpoints = endpoints;
    this.#keyless = new TwoChoicesTier(endpoints, random, CALLS_IN_FLIGHT);
    this.#ring = new HashRing(endpoints.map((endpoint) => endpoint.memberId));
    const free = new FreeBitmap(this.#ring.size);
    this.#free = free;
    this.#availability = new Availability(endpoints, {
      add: (position) => this.#ring.placesOf(position).forEach((place) => free.add(place)),
      delete: (position) => this.#ring.placesOf(position).forEach((place) => free.delete(place)),
    });
    this.#inFlight = new Uint32Array(endpoints.length);
    for (let position = 0; position < endpoints.length; position += 1) {
      endpoints[position]!.observe(this, position, "load");
      this.endpointChanged(position);
    }
  }

  choose(request: PickRequest, excluded: ReadonlySet<string> | undefined): E | undefined {
    if (this.#free.size === 0) return undefined;
    if (request.affinityKey === undefined || request.affinityKey === "") return this.#keyless.choose(request, excluded);
    const keyHash = hashKey(request.affinityKey);
    const bound = Math.ceil((LOAD_FACTOR * (this.#totalInFlight + 1)) / this.#endpoints.length);
    let place = this.#ring.placeOf(keyHash);
    let fallback: E | undefined;
    for (let step = 0; step < this.#free.size; step += 1) {
      place = this.#free.nextFrom(place);
      const position = this.#ring.memberAt(place);
      place += 1;
      const endpoint = this.#endpoints[position]!;
      if (excluded?.has(endpoint.memberId)) continue;
      if (this.#inFlight[position]! < bound && this.#accepts(position, keyHash)) return endpoint;
      fallback ??= endpoint;
    }
    return fallback;
  }

  endpointChanged(position: number): void {
    const { inFlight } = this.#endpoints[position]!;
    this.#totalInFlight += inFlight - this.#inFlight[position]!;
    this.#inFlight[position] = inFlight;
  }

  close(): void {
    this.#keyless.close();
    this.#availability.close();
    for (const endpoint of this.#endpoints) endpoint.unobserve(this);
  }

  /**
   * An endpoint at half its weight takes half of its keys. The key decides which, so that it does not go to and fro: in slow
   * start each key moves once, when the weight rises past its coin.
   */
  #accepts(position: number, keyHash: number): boolean {
    const share = this.#availability.shareAt(position);
    return share === 1 || mix32(keyHash ^ mix32(position ^ COIN_SEED)) < share * 0x1_0000_0000;
  }
}

export const consistentHash = tieredPolicy((endpoints, random) => new ConsistentHashTier(endpoints, random));
