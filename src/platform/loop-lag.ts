import { type IntervalHistogram, monitorEventLoopDelay } from "node:perf_hooks";

/** How often the delay is looked at. Shorter stalls may go unseen; each look costs about a microsecond. */
const RESOLUTION_MS = 20;

/**
 * Measures how late this process's event loop runs. A stall counts from the loop's first turn after it, so code that runs
 * in that very turn may not see it yet: what must judge by the stall itself compares its own timer with the clock.
 */
export class LoopLag {
  readonly #histogram: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });

  constructor() {
    this.#histogram.enable();
  }

  /** The longest delay since the last `take`, and the 99th percentile; then starts over. */
  take(): { readonly maxMs: number; readonly p99Ms: number } {
    const histogram = this.#histogram;
    // The histogram counts whole intervals between looks, so its own interval is no delay.
    const delayMs = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
    const taken =
      histogram.count === 0
        ? { maxMs: 0, p99Ms: 0 }
        : { maxMs: delayMs(histogram.max), p99Ms: delayMs(histogram.percentile(99)) };
    histogram.reset();
    return taken;
  }

  stop(): void {
    this.#histogram.disable();
  }
}
