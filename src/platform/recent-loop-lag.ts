import type { Clock } from "../core/clock";
import type { LoopLag } from "./loop-lag";

/** What is told is of so long. */
const RECENT_MS = 10_000;

/**
 * The longest delay of the event loop in the last ten seconds, for any number of readers: a `LoopLag` forgets with each `take`. Where nobody
 * read for longer, of that time.
 */
export class RecentLoopLag {
  readonly #clock: Clock;
  readonly #lag: Pick<LoopLag, "take">;
  #taken: { readonly atMs: number; readonly maxMs: number }[] = [];

  constructor(clock: Clock, lag: Pick<LoopLag, "take">) {
    this.#clock = clock;
    this.#lag = lag;
  }

  maxMs(): number {
    const nowMs = this.#clock.monotonicMs();
    const taken = this.#taken.filter(({ atMs }) => atMs > nowMs - RECENT_MS);
    const { maxMs } = this.#lag.take();
    // Those before that were no longer will never be the longest.
    this.#taken = [...taken.filter((each) => each.maxMs > maxMs), { atMs: nowMs, maxMs }];
    return this.#taken[0]!.maxMs;
  }
}
