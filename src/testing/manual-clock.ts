import type { CancelTimer, Clock } from "../core/clock";

interface Timer {
  readonly dueMs: number;
  readonly order: number;
  readonly run: () => void;
}

/**
 * A clock that a test moves. `advance` runs every timer that falls due, in due order and at its own time, and lets promises
 * settle in between, so a loop that sleeps 100 ms three times runs three times inside `advance(300)`.
 */
export class ManualClock implements Clock {
  #nowMs: number;
  #wallOffsetMs: number;
  #timers: Timer[] = [];
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
    const timer: Timer = { dueMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, run: callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason as Error);
        return;
      }
      const onAbort = () => {
        cancel();
        reject(signal?.reason as Error);
      };
      const cancel = this.after(delayMs, () => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      });
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  /** Timers waiting; for tests that claim that nothing is left behind. */
  get pendingTimers(): number {
    return this.#timers.length;
  }

  async advance(durationMs: number): Promise<void> {
    const endMs = this.#nowMs + durationMs;
    await settle();
    for (;;) {
      const due = this.#timers
        .filter((timer) => timer.dueMs <= endMs)
        .sort((a, b) => a.dueMs - b.dueMs || a.order - b.order)[0];
      if (!due) break;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.#nowMs = Math.max(this.#nowMs, due.dueMs);
      due.run();
      await settle();
    }
    this.#nowMs = endMs;
    await settle();
  }
}

/** Lets promises that are ready, and those that they make ready, settle. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
