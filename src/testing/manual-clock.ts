import type { CancelTimer, Clock } from "../core/clock";
import type { Cancellation } from "../core/cancellation";
import { sleepOn } from "../core/sleep-on";
import { TimerHeap, type HeapTimer } from "./timer-heap";

/** Taken when this loads, so that a test framework's fake timers do not stop it. */
const nextTurn = setImmediate;

/**
 * A clock that a test moves. `advance` runs every timer that falls due, in due order and at its own time, and lets promises
 * settle in between, so a loop that sleeps 100 ms three times runs three times inside `advance(300)`.
 */
export class ManualClock implements Clock {
  readonly #timers = new TimerHeap();
  #nowMs: number;
  #wallOffsetMs: number;
  #order = 0;

  constructor(options: { startMs?: number; wallMs?: number } = {}) {
    this.#nowMs = options.startMs ?? 0;
    this.#wallOffsetMs = (options.wallMs ?? 1_700_000_000_000) - this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#nowMs + this.#wallOffsetMs;
  }

  /** Moves the wall clock only, as an administrator or NTP would. */
  stepWall(deltaMs: number): void {
    this.#wallOffsetMs += deltaMs;
  }

  after(delayMs: number, callback: () => void): CancelTimer {
    const dueMs = this.#nowMs + Math.max(0, delayMs);
    const timer: HeapTimer = { dueMs, order: this.#order++, run: callback, cancelled: false };
    this.#timers.push(timer);
    return () => this.#timers.cancel(timer);
  }

  sleep(delayMs: number, signal?: Cancellation): Promise<void> {
    return sleepOn(this, delayMs, signal);
  }

  /** Timers waiting; for tests that claim that nothing is left behind. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  /**
   * Moves on by that time. What a timer started is settled before the next one runs: promises to their end, and, before time
   * moves on to another instant, one turn of `setImmediate` too. Real I/O is not waited for.
   *
   * Stops early, after a timer, once `isOver` says so.
   */
  async advance(durationMs: number, isOver: () => boolean = () => false): Promise<void> {
    const endMs = this.#nowMs + durationMs;
    let isFirst = true;
    await settle();
    while (!isOver()) {
      const due = this.#timers.popDue(endMs);
      if (!due) {
        // Another `advance` may have gone further meanwhile.
        this.#nowMs = Math.max(this.#nowMs, endMs);
        break;
      }
      if (due.dueMs > this.#nowMs) {
        // What promises put off to the turn after them must not find that time has moved on.
        if (!isFirst) await turn();
        this.#nowMs = due.dueMs;
      }
      isFirst = false;
      due.run();
      await turn();
    }
    await settle();
  }
}

/** Lets promises that are ready, and those that they make ready, settle. */
export async function settle(): Promise<void> {
  for (let turns = 0; turns < 3; turns += 1) await turn();
}

function turn(): Promise<void> {
  return new Promise((resolve) => void nextTurn(resolve));
}
