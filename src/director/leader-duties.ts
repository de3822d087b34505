import type { Clock } from "../core/clock";
import { messageOf } from "../core/errors";
import type { Logger } from "../core/logger";
import type { Condition, Store } from "../store/store";
import type { ClusterView } from "./cluster-view";
import { KEYS } from "./records";

export interface LeaderDutiesParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly store: Store;
  readonly view: ClusterView;
  /** The condition that the term still lasts; `undefined` while another director leads, or nobody. */
  fence(): Condition | undefined;
}

const LOOK_MS = 60_000;
/** By then every director has seen the removal, and its worker has come back as a new life or not at all. */
const REMOVAL_KEPT_MS = 600_000;

/**
 * What one director does for all: it forgets removals that nobody needs any more. Each write carries the term's fence, so one of a leader
 * that was replaced and has not noticed does nothing. Contracts that no worker has are collected likewise (ServiceContracts).
 */
export class LeaderDuties {
  readonly #parts: LeaderDutiesParts;

  constructor(parts: LeaderDutiesParts) {
    this.#parts = parts;
  }

  /** Until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#parts.clock.sleep(LOOK_MS, signal).catch(() => {});
      if (!signal.aborted) await this.#forgetRemovals();
    }
  }

  async #forgetRemovals(): Promise<void> {
    const { clock, logger, store, view, fence } = this.#parts;
    const beforeUnixMs = clock.wallMs() - REMOVAL_KEPT_MS;
    for (const [memberId, { atUnixMs }] of [...view.removals]) {
      const term = fence();
      if (!term) return;
      if (atUnixMs > beforeUnixMs) continue;
      const key = KEYS.removal(memberId);
      try {
        await store.commit({
          conditions: [term, { key, modRevision: view.modRevision(key) }],
          operations: [{ kind: "delete", key }],
        });
      } catch (error) {
        logger.debug("a removal is remembered for longer", { memberId, reason: messageOf(error) });
      }
    }
  }
}
