import type { CancelTimer, Clock } from "../core/clock";
import type { CallQueue } from "./call-queue";

/**
 * Lanes that are tried in one go, and the pause until the next so many. Callers make lanes, by naming selectors: a thousand of them,
 * tried whenever a call ends, would leave no time for calls that have nothing to wait for (at some 30 µs for each). At this pace
 * they cost a tenth of a core at most, and all have had their turn after a third of a second. Few clusters have as many lanes as one go.
 */
const LANES_AT_ONCE = 16;
const PAUSE_MS = 5;

/** Tries those who wait whenever that may help, in bounded time for each turn. */
export class QueueSweep {
  readonly #queue: Pick<CallQueue, "lanes" | "wake">;
  readonly #clock: Clock;
  #cancelNext: CancelTimer | undefined;
  /** Something has changed since the sweep that runs began. */
  #isStale = false;
  #willWake = false;

  constructor(queue: Pick<CallQueue, "lanes" | "wake">, clock: Clock) {
    this.#queue = queue;
    this.#clock = clock;
  }

  /** A slot may have come free, or an endpoint may have become ready. */
  wake(): void {
    if (this.#cancelNext === undefined) this.#go(this.#queue.lanes());
    else this.#isStale = true;
  }

  /** `wake`, once for all that asks for it in this turn: calls that end together free their slots together. */
  wakeSoon(): void {
    if (this.#willWake) return;
    this.#willWake = true;
    queueMicrotask(() => {
      this.#willWake = false;
      this.wake();
    });
  }

  close(): void {
    this.#cancelNext?.();
    this.#cancelNext = undefined;
  }

  #go(lanes: readonly string[]): void {
    this.#queue.wake(lanes.slice(0, LANES_AT_ONCE));
    const left = lanes.slice(LANES_AT_ONCE);
    if (left.length === 0 && !this.#isStale) return;
    this.#cancelNext = this.#clock.after(PAUSE_MS, () => {
      this.#cancelNext = undefined;
      if (left.length > 0) {
        this.#go(left);
        return;
      }
      this.#isStale = false;
      this.#go(this.#queue.lanes());
    });
  }
}
