import type { Faults } from "./faulty-store";
import { STORE_HOST, type MemoryCluster } from "./memory-cluster";
import { nameOf, type Named } from "./test-network";

/** Faults of the store that the directors share. It keeps its guarantees throughout, as etcd would. */
export class TestStore {
  /** For the faults of the network: `cluster.network.partition("director-1", cluster.store)`. */
  readonly name = STORE_HOST;
  readonly #memory: MemoryCluster;

  constructor(memory: MemoryCluster) {
    this.#memory = memory;
  }

  /** Refuses every request until `endOutage`, as an etcd without a leader. No lease runs out meanwhile, and none is renewed. */
  beginOutage(): void {
    this.#memory.beginStoreOutage();
  }

  endOutage(): void {
    this.#memory.endStoreOutage();
  }

  /** Stops the store's process: requests wait, and fail by their timeout of 3 s. */
  freeze(): void {
    this.#memory.network.freeze(STORE_HOST);
  }

  thaw(): void {
    this.#memory.network.thaw(STORE_HOST);
  }

  /**
   * How often, from now on, it refuses a request (`refuseRatio`), does what it is asked and loses the answer, so that whoever asks
   * again asks twice (`loseAnswerRatio`), breaks a watch (`cutRatio`); and how long it takes at most (`delayMaxMs`).
   */
  degrade(change: Partial<Faults>): void {
    this.#memory.degradeStore(change);
  }

  /** Ends a director's leases at the store, and their keys with them, as if it had not renewed; it learns of that by itself. */
  async loseLeases(director: Named): Promise<void> {
    await this.#memory.loseLeases(nameOf(director));
  }
}
