import type { Clock } from "../../src/core/clock";
import type { Random } from "../../src/core/random";
import { SILENT_LOGGER } from "../../src/core/logger";
import { Election } from "../../src/store/election";
import type { Store } from "../../src/store/store";

export const LEDGER_KEY = "ledger/entry";
/** Of the lease under which a leader leads. */
export const LEADER_TTL_MS = 4_000;
const WRITE_EVERY_MS = 250;

/** What a leader would do and nobody else may: writes an entry into a ledger, through its fence, for as long as it leads. */
export class LeaderLedger {
  readonly election: Election;
  readonly #store: Store;
  readonly #directorId: string;
  readonly #clock: Clock;
  #stopped = false;

  constructor(options: { store: Store; directorId: string; clock: Clock; random: Random }) {
    const { store, directorId, clock, random } = options;
    this.#store = store;
    this.#directorId = directorId;
    this.#clock = clock;
    this.election = Election.start({
      store,
      clock,
      random,
      logger: SILENT_LOGGER,
      candidate: { directorId, address: `${directorId}:1` },
      prefix: "ledger/election/",
      ttlMs: LEADER_TTL_MS,
    });
    void this.#write();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.election.stop();
  }

  async #write(): Promise<void> {
    for (let entry = 0; !this.#stopped; entry += 1) {
      const term = this.election.term();
      if (term) {
        const value = Buffer.from(JSON.stringify({ epoch: term.epoch, directorId: this.#directorId, entry }));
        const operations = [{ kind: "put" as const, key: LEDGER_KEY, value }];
        // Not waited for: a leader may have several under way.
        this.#store.commit({ conditions: [term.fence], operations }).catch(() => {});
      }
      await this.#clock.sleep(WRITE_EVERY_MS);
    }
  }
}
