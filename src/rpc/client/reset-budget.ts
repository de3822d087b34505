import type { Clock } from "../../core/clock";

/**
 * How many streams may be reset on one connection to a peer that counts resets. Servers on nghttp2 allow 1,000 at once and 33
 * a second, and answer one more with the end of the connection and all its calls; half of that leaves room for the resets of a
 * burst that the peer sees together.
 */
const BURST = 500;
const PER_SECOND = 16;

/** A token bucket. */
export class ResetBudget {
  readonly #clock: Clock;
  #tokens = BURST;
  #refilledMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#refilledMs = clock.monotonicMs();
  }

  /** Whether one more may be sent now. */
  take(): boolean {
    this.#refill();
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Less than half is left: what can wait should. */
  get isLow(): boolean {
    this.#refill();
    return this.#tokens < BURST / 2;
  }

  #refill(): void {
    const nowMs = this.#clock.monotonicMs();
    this.#tokens = Math.min(BURST, this.#tokens + ((nowMs - this.#refilledMs) * PER_SECOND) / 1_000);
    this.#refilledMs = nowMs;
  }
}
