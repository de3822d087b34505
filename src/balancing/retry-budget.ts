import type { Clock } from "../core/clock";

export interface RetryBudgetOptions {
  /** Retries allowed for each call, on top of `perSecond`. Default 0.2: an outage costs workers at most 20 % more calls. */
  readonly ratio?: number;
  /** Retries always allowed, so that clients with few calls may retry at all. Default 10. */
  readonly perSecond?: number;
  /** Unused allowance that is kept. Default 100: ten seconds of `perSecond`. */
  readonly burst?: number;
}

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
    this.#ratio = options.ratio ?? 0.2;
    this.#perSecond = options.perSecond ?? 10;
    this.#burst = options.burst ?? 100;
    this.#tokens = this.#burst;
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
