import type { EngineClock } from "./clock";

/**
 * The deadlines of one connection on a single timer. Setting and clearing are assignments, since most deadlines are cleared
 * long before they pass: the timer is moved only forward in need, and looks again when it fires.
 */
export class Deadlines<Name extends string> {
  readonly #clock: EngineClock;
  readonly #onExpired: (name: Name) => void;
  readonly #dueMs = new Map<Name, number>();
  #timerDueMs = Infinity;
  #cancelTimer: (() => void) | undefined;

  constructor(clock: EngineClock, onExpired: (name: Name) => void) {
    this.#clock = clock;
    this.#onExpired = onExpired;
  }

  /** Replaces one of the same name. 0 or less: none. */
  set(name: Name, delayMs: number): void {
    if (delayMs <= 0) return;
    const dueMs = this.#clock.monotonicMs() + delayMs;
    this.#dueMs.set(name, dueMs);
    if (dueMs < this.#timerDueMs) this.#startTimer(dueMs, delayMs);
  }

  has(name: Name): boolean {
    return this.#dueMs.has(name);
  }

  clear(name: Name): void {
    this.#dueMs.delete(name);
  }

  clearAll(): void {
    this.#dueMs.clear();
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#timerDueMs = Infinity;
  }

  #startTimer(dueMs: number, delayMs: number): void {
    this.#cancelTimer?.();
    this.#timerDueMs = dueMs;
    this.#cancelTimer = this.#clock.after(delayMs, () => this.#look());
  }

  #look(): void {
    this.#cancelTimer = undefined;
    this.#timerDueMs = Infinity;
    const nowMs = this.#clock.monotonicMs();
    for (const [name, dueMs] of [...this.#dueMs]) {
      if (dueMs > nowMs || this.#dueMs.get(name) !== dueMs) continue;
      this.#dueMs.delete(name);
      this.#onExpired(name);
    }
    let earliestMs = Infinity;
    for (const dueMs of this.#dueMs.values()) earliestMs = Math.min(earliestMs, dueMs);
    if (earliestMs < this.#timerDueMs) this.#startTimer(earliestMs, Math.max(0, earliestMs - nowMs));
  }
}
