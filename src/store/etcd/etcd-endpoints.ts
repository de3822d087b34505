import type { Random } from "../../core/random";
import type { EtcdEndpoint } from "./etcd-endpoint";

/**
 * Which etcd server to ask. One at a time, as long as it answers; the next one after a failure. Everybody starts at a random
 * one, so that directors spread.
 */
export class EtcdEndpoints {
  readonly #endpoints: readonly EtcdEndpoint[];
  #index: number;

  /** `endpoints`: at least one. */
  constructor(endpoints: readonly EtcdEndpoint[], random: Random) {
    this.#endpoints = endpoints;
    this.#index = random.below(endpoints.length);
  }

  get count(): number {
    return this.#endpoints.length;
  }

  current(): EtcdEndpoint {
    return this.#endpoints[this.#index]!;
  }

  /** Turns to the next one; does nothing if `failed` is no longer the current one, as when many calls fail together. */
  moveOnFrom(failed: EtcdEndpoint): void {
    if (failed === this.current()) this.#index = (this.#index + 1) % this.#endpoints.length;
  }

  close(): void {
    for (const endpoint of this.#endpoints) endpoint.close();
  }
}
