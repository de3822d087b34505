import { Backoff } from "../core/backoff";
import type { Clock } from "../core/clock";
import { messageOf } from "../core/errors";
import type { Logger } from "../core/logger";
import type { Random } from "../core/random";
import type { Store, Transaction } from "../store/store";
import type { ClusterView } from "./cluster-view";
import type { LostFact } from "./lost-facts";
import { encodeRecord, KEYS } from "./records";

export interface StoreRecoveryParts {
  readonly store: Store;
  readonly view: ClusterView;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  newId(): string;
}

const RETRY = { initialMs: 50, maxMs: 1_000 } as const;

/**
 * Gives the store an identity, by which everybody notices that it was emptied or replaced, and writes back what it lost then:
 * - R1 only what the store acknowledged before and its operators rely on: intents, settings, contracts. Members are written by their
 *   directors, each under its lease.
 * - R2 never over something newer: a key is created where it is missing, or replaces the very version that a backup brought.
 * - R3 by every director that knows of it. The writes of several do no more than those of one, and a leader that was elected on the empty
 *   store may be the one that knows nothing (docs/decisions/0014).
 */
export class StoreRecovery {
  readonly #parts: StoreRecoveryParts;

  constructor(parts: StoreRecoveryParts) {
    this.#parts = parts;
  }

  /** Until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { view, clock, random, logger } = this.#parts;
    const backoff = new Backoff(RETRY, random);
    await Promise.race([view.whenLoaded(), aborted(signal)]);
    while (!signal.aborted) {
      if (view.lost.size === 0 && view.identity !== undefined) {
        backoff.reset();
        await Promise.race([view.whenIncomplete(), aborted(signal)]);
        continue;
      }
      try {
        await this.#complete();
      } catch (error) {
        logger.debug("the store does not take what it lost yet", { reason: messageOf(error) });
      }
      // What was written shows in the watch a moment later.
      await clock.sleep(backoff.nextMs(), signal).catch(() => {});
    }
  }

  async #complete(): Promise<void> {
    const { store, view, logger, newId } = this.#parts;
    const lost = view.lost.values();
    const outcomes = await Promise.all(lost.map((fact) => store.commit(writeBack(fact))));
    const written = outcomes.filter(({ succeeded }) => succeeded).length;
    if (written > 0) logger.warn(`💾 wrote ${written} records back that the store had lost`);
    if (view.identity !== undefined) return;
    // Another than before, so that who was away meanwhile notices too.
    const value = encodeRecord(newId());
    await store.commit({
      conditions: [{ key: KEYS.identity, createRevision: 0 }],
      operations: [{ kind: "put", key: KEYS.identity, value }],
    });
  }
}

function writeBack({ key, value, overRevision }: LostFact): Transaction {
  const condition = overRevision === 0 ? { key, createRevision: 0 } : { key, modRevision: overRevision };
  return { conditions: [condition], operations: [{ kind: "put", key, value }] };
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
