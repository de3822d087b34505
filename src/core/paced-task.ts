import type { CancelTimer, Clock } from "./clock";

/** A shorter pause is not worth a timer. */
const PAUSE_MIN_MS = 1;

/**
 * Work that many events ask for and that is done once for all of them, such as publishing who is ready. Its cost grows with the
 * size of the cluster, and so does the number of events when the cluster starts: done for each, it would take the square.
 */
export class PacedTask {
  readonly #clock: Clock;
  readonly #run: () => void;
  readonly #pauseMs: () => number;
  #lastMs = Number.NEGATIVE_INFINITY;
  /** Due before the turn of the loop ends. */
  #isDue = false;
  #cancelTimer: CancelTimer | undefined;
  #cancelled = false;

  /**
   * @param pauseMs - least time from one run to the next that only `soon` asks for. In proportion to the run's own cost, it
   * bounds the share of the loop that runs can take; below 1 ms there is no pause
   */
  constructor(clock: Clock, run: () => void, pauseMs: () => number) {
    this.#clock = clock;
    this.#run = run;
    this.#pauseMs = pauseMs;
  }

  /** Before any other event of the loop is handled. */
  now(): void {
    if (this.#isDue || this.#cancelled) return;
    this.#isDue = true;
    queueMicrotask(() => this.#runDue());
  }

  /** As `now` when the last run is long enough ago, otherwise as soon as it is. */
  soon(): void {
    if (this.#isDue || this.#cancelTimer || this.#cancelled) return;
    const waitMs = this.#lastMs + this.#pauseMs() - this.#clock.monotonicMs();
    if (waitMs < PAUSE_MIN_MS) this.now();
    else this.#cancelTimer = this.#clock.after(waitMs, () => this.#runDue());
  }

  /** It runs no more. */
  cancel(): void {
    this.#cancelled = true;
    this.#cancelTimer?.();
  }

  #runDue(): void {
    this.#isDue = false;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (this.#cancelled) return;
    this.#run();
    this.#lastMs = this.#clock.monotonicMs();
  }
}
