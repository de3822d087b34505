import type { Clock } from "../core/clock";
import type { Logger } from "../core/logger";
import type { PooledEndpoint } from "./worker-pool";

/** Changes within this time become one report. */
const QUIET_MS = 200;
const NAMED_MAX = 10;

/** Reports who can be picked, whenever that has changed and settled. */
export class PoolLog {
  readonly #clock: Clock;
  readonly #logger: Logger;
  #shown = "";
  #latest: readonly PooledEndpoint[] = [];
  #waiting = false;

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  show(ready: readonly PooledEndpoint[]): void {
    this.#latest = ready;
    if (this.#waiting) return;
    this.#waiting = true;
    this.#clock.after(QUIET_MS, () => {
      this.#waiting = false;
      this.#report();
    });
  }

  #report(): void {
    const ready = this.#latest;
    const summary = ready.map((endpoint) => endpoint.memberId).join();
    if (summary === this.#shown) return;
    this.#shown = summary;
    this.#logger.info(`📊 Worker pool status: ${ready.length} workers available`);
    for (const endpoint of ready.slice(0, NAMED_MAX)) {
      this.#logger.info(`   - ${endpoint.record.label} at ${endpoint.address} (${endpoint.inFlight} connections)`);
    }
    if (ready.length > NAMED_MAX) this.#logger.info(`   … and ${ready.length - NAMED_MAX} more`);
  }
}
