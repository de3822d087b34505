import { LATENCY_CLASSES, quantileMs } from "./latency-scale";

/** Two windows, so what is told is of the last half to whole minute. */
const WINDOW_MS = 30_000;

/** Latencies of about the last minute: of the window that runs and the one before. */
export class RecentLatency {
  #current = new Float64Array(LATENCY_CLASSES);
  #previous = new Float64Array(LATENCY_CLASSES);
  /** When the window that runs ends. */
  #turnAtMs: number;

  constructor(nowMs: number) {
    this.#turnAtMs = nowMs + WINDOW_MS;
  }

  count(latencyClass: number, nowMs: number, calls = 1): void {
    if (nowMs >= this.#turnAtMs) this.#turn(nowMs);
    this.#current[latencyClass]! += calls;
  }

  /** @param quantiles - each from 0 to 1. Answers 0 for each where nothing was counted */
  quantilesMs(quantiles: readonly number[], nowMs: number): number[] {
    if (nowMs >= this.#turnAtMs) this.#turn(nowMs);
    const both = this.#current.map((count, index) => count + this.#previous[index]!);
    return quantiles.map((quantile) => quantileMs(both, quantile));
  }

  /** What the window that runs has, by class. */
  get counts(): Float64Array {
    return this.#current;
  }

  #turn(nowMs: number): void {
    const old = this.#previous;
    const isLongAgo = nowMs >= this.#turnAtMs + WINDOW_MS;
    this.#previous = this.#current;
    this.#current = old.fill(0);
    if (isLongAgo) this.#previous.fill(0);
    this.#turnAtMs = nowMs + WINDOW_MS;
  }
}
