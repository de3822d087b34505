import type { Cancellation } from "../core/cancellation";
import type { CancelTimer, Clock } from "../core/clock";
import { sleepOn } from "../core/sleep-on";

/**
 * The clock of one process on one machine. It can be stopped with its process: timers that fall due meanwhile run when it goes
 * on, one after another. It can go faster or slower than the others, and its wall clock can be set.
 */
export class HostClock implements Clock {
  readonly #clock: Clock;
  readonly #overdue: (() => void)[] = [];
  #frozen = false;
  #dead = false;
  #rate = 1;
  /** Where the two clocks met last: from there on this one goes by its rate. */
  #fromMs: number;
  #fromOwnMs: number;
  #wallStepMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#fromMs = clock.monotonicMs();
    this.#fromOwnMs = this.#fromMs;
  }

  monotonicMs(): number {
    return this.#fromOwnMs + (this.#clock.monotonicMs() - this.#fromMs) * this.#rate;
  }

  wallMs(): number {
    const driftMs = this.monotonicMs() - this.#clock.monotonicMs();
    return this.#clock.wallMs() + driftMs + this.#wallStepMs;
  }

  /** Sets the wall clock of this machine only, forward or, with a negative step, back. No timer notices. */
  stepWall(deltaMs: number): void {
    this.#wallStepMs += deltaMs;
  }

  /** From now on this clock gains `ratio` of the time that passes: 0.01 is 1 % fast, −0.01 slow, 0 right. Above −1. */
  drift(ratio: number): void {
    this.#fromOwnMs = this.monotonicMs();
    this.#fromMs = this.#clock.monotonicMs();
    this.#rate = 1 + ratio;
  }

  after(delayMs: number, callback: () => void): CancelTimer {
    let cancelled = false;
    const run = () => {
      if (cancelled || this.#dead) return;
      if (this.#frozen) this.#overdue.push(run);
      else callback();
    };
    const cancel = this.#clock.after(delayMs / this.#rate, run);
    return () => {
      cancelled = true;
      cancel();
    };
  }

  sleep(delayMs: number, signal?: Cancellation): Promise<void> {
    return sleepOn(this, delayMs, signal);
  }

  freeze(): void {
    this.#frozen = true;
  }

  thaw(): void {
    this.#frozen = false;
    // Each as a timer of its own, so that what one starts is settled before the next.
    for (const run of this.#overdue.splice(0)) this.#clock.after(0, run);
  }

  /** Nothing runs any more. */
  kill(): void {
    this.#dead = true;
    this.#overdue.length = 0;
  }
}
