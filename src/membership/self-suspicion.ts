export interface StallOptions {
  /** How often the director's loop is meant to tick. */
  readonly tickIntervalMs: number;
  /** Lateness that is normal for a timer, and not a stall. */
  readonly stallToleranceMs: number;
}

/** Notices that the director's own loop did not run: a long task, a garbage collection, SIGSTOP, a suspended machine. */
export class StallDetector {
  readonly #options: StallOptions;
  /** When the next tick is due; undefined before the first, when nothing can be late. */
  #dueMs: number | undefined;

  constructor(options: StallOptions) {
    this.#options = options;
  }

  /** Told that the loop runs now. Returns how long it was stalled beyond the tick interval; 0 when it was on time. */
  observe(nowMs: number): number {
    const lateMs = this.#dueMs === undefined ? 0 : nowMs - this.#dueMs;
    this.#dueMs = nowMs + this.#options.tickIntervalMs;
    return lateMs > this.#options.stallToleranceMs ? lateMs : 0;
  }

  /** Whether a tick is overdue, so that whatever is read now may have waited. */
  isLate(nowMs: number): boolean {
    return this.#dueMs !== undefined && nowMs - this.#dueMs > this.#options.stallToleranceMs;
  }
}

export interface AttentionOptions extends StallOptions {
  /** Longest time after a stall in which nobody is judged; a shorter stall gets only its own length. */
  readonly stallGraceMs: number;
  /** Longest time that stalls in a row can hold judgement. */
  readonly holdMaxMs: number;
}

/**
 * The director suspects itself before it suspects others (Lifeguard, Dadgar et al. 2018, arXiv 1707.00788).
 *
 * - A1 All silence is measured in *attentive time*: monotonic time less every stall of our own. So patience grows by exactly
 *   the stall, for every member and every deadline, without touching any of them.
 * - A2 After a stall nobody is judged for a grace: the timer that ticks may run before the sockets are read, and the beats
 *   of the whole stall are in them.
 * - A3 Stalls in a row cannot hold judgement for ever: a director that is always late still finds its dead.
 */
export class Attention {
  readonly #options: AttentionOptions;
  readonly #stalls: StallDetector;
  #stalledMs = 0;
  #lastSeenMs = Number.NEGATIVE_INFINITY;
  /** These in attentive time. */
  #lastStallMs = Number.NEGATIVE_INFINITY;
  #holdSinceMs = Number.NEGATIVE_INFINITY;
  #holdUntilMs = Number.NEGATIVE_INFINITY;

  constructor(options: AttentionOptions) {
    this.#options = options;
    this.#stalls = new StallDetector(options);
  }

  /**
   * To be told of every event before it is applied: after a stall, what waited in a socket may come before the tick does.
   * Returns the attentive time (A1).
   */
  observe(nowMs: number, isTick: boolean): number {
    if (isTick || this.#stalls.isLate(nowMs)) {
      // What was observed since the tick fell due proves that the loop ran then. (Should a broken clock go back, this is
      // negative and takes the step back out of attentive time, which so never goes back.)
      const stallMs = Math.min(this.#stalls.observe(nowMs), nowMs - this.#lastSeenMs);
      this.#stalledMs += stallMs;
      if (stallMs > 0) this.#hold(this.attentiveMs(nowMs), stallMs);
    }
    this.#lastSeenMs = nowMs;
    return this.attentiveMs(nowMs);
  }

  attentiveMs(nowMs: number): number {
    return nowMs - this.#stalledMs;
  }

  /** Whether nobody may be judged, because what they sent may not have been read yet (A2). */
  isHolding(attentiveMs: number): boolean {
    return attentiveMs < this.#holdUntilMs;
  }

  /** Whether an interval that began at `sinceMs` and ends at `attentiveMs` says something about the one who beats. */
  isFairInterval(sinceMs: number, attentiveMs: number): boolean {
    return this.#lastStallMs < sinceMs && !this.isHolding(attentiveMs);
  }

  #hold(attentiveMs: number, stallMs: number): void {
    this.#lastStallMs = attentiveMs;
    const isFirstInRow = attentiveMs > this.#holdUntilMs + this.#options.tickIntervalMs;
    if (isFirstInRow) this.#holdSinceMs = attentiveMs;
    const graceMs = Math.min(stallMs, this.#options.stallGraceMs);
    this.#holdUntilMs = Math.min(attentiveMs + graceMs, this.#holdSinceMs + this.#options.holdMaxMs); // A3
  }
}
