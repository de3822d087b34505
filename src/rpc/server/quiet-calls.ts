import type { CancelTimer, Clock } from "../../core/clock";
import type { PortLimits } from "./port-limits";
import type { ServerCall } from "./server-call";

export type QuietLimits = Pick<PortLimits, "firstMessageTimeoutMs" | "stallTimeoutMs" | "callIdleTimeoutMs">;

/** Calls are looked at so many times within the shortest limit: each ends at most so much of it late. */
const LOOKS = 4;
/** Between looks, for any limits. */
const PERIOD_MS = { least: 50, most: 15_000 };

/**
 * Ends calls that hold what they do not use. One timer for all, and only while there are any: nothing is done for a call when it
 * starts, when it ends, or for a frame of it.
 */
export class QuietCalls {
  readonly #clock: Clock;
  readonly #limits: QuietLimits;
  readonly #periodMs: number;
  readonly #calls: () => Iterable<ServerCall>;
  #cancel: CancelTimer | undefined;

  constructor(clock: Clock, limits: QuietLimits, calls: () => Iterable<ServerCall>) {
    this.#clock = clock;
    this.#limits = limits;
    this.#calls = calls;
    const { firstMessageTimeoutMs, stallTimeoutMs, callIdleTimeoutMs } = limits;
    const shortestMs = Math.min(...[firstMessageTimeoutMs, stallTimeoutMs, callIdleTimeoutMs].filter((ms) => ms > 0));
    this.#periodMs = Math.max(PERIOD_MS.least, Math.min(PERIOD_MS.most, shortestMs / LOOKS));
    this.#isOff = shortestMs === Infinity;
  }

  readonly #isOff: boolean;

  /** There may be calls. */
  watch(): void {
    if (this.#isOff) return;
    this.#cancel ??= this.#clock.after(this.#periodMs, () => {
      this.#cancel = undefined;
      this.#look();
      this.watch();
    });
  }

  /** There are none until `watch` is called again. */
  rest(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #look(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const call of this.#calls()) call.endIfQuiet(nowMs, this.#limits);
  }
}
