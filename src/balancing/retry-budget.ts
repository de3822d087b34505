import type { Clock } from "../core/clock";

export interface RetryBudgetOptions {
  /**
   * Retries allowed for each call, on top of `retryBudgetPerSecond`. Default 0.2: an outage costs workers at most 20 % more calls.
   * Env: HEDDLE_RETRY_BUDGET_RATIO.
   */
  readonly retryBudgetRatio?: number | undefined;
  /** Retries always allowed, so that clients with few calls may retry at all. Default 10. Env: HEDDLE_RETRY_BUDGET_PER_SECOND. */
  readonly retryBudgetPerSecond?: number | undefined;
}

/** Unused allowance is kept for so long. */
const SAVED_SECONDS = 10;
/** And this much of it always, or what calls pay in would be lost where nothing is allowed each second. */
const SAVED_MIN = 10;

/**
 * Keeps retries from multiplying an overload: a token bucket that calls and time fill and retries empty. The numbers are
 * Finagle's (RetryBudget: 20 %, 10/s, 10 s).
 */
export class RetryBudget {
  readonly #clock: Clock;
  readonly #ratio: number;
  readonly #perSecond: number;
  readonly #burst: number;
  #tokens: number;
  #filledAtMs: number;

  constructor(clock: Clock, options: RetryBudgetOptions = {}) {
    this.#clock = clock;
    this.#ratio = options.retryBudgetRatio ?? 0.2;
    this.#perSecond = options.retryBudgetPerSecond ?? 10;
    this.#burst = Math.max(SAVED_MIN, SAVED_SECONDS * this.#perSecond);
    this.#tokens = this.#ratio === 0 && this.#perSecond === 0 ? 0 : this.#burst;
    this.#filledAtMs = clock.monotonicMs();
  }

  /** Counts a call (not its retries). */
  deposit(): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + this.#ratio);
  }

  /** Takes one retry out; false when there is none left. */
  withdraw(): boolean {
    const nowMs = this.#clock.monotonicMs();
    this.#tokens = Math.min(this.#burst, this.#tokens + ((nowMs - this.#filledAtMs) / 1_000) * this.#perSecond);
    this.#filledAtMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
