import type { CancelTimer, Clock } from "../core/clock";

/** The clock of one process, which can be stopped with it: timers that fall due meanwhile run when it goes on. */
export class HostClock implements Clock {
  readonly #clock: Clock;
  readonly #overdue: (() => void)[] = [];
  #frozen = false;
  #dead = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  wallMs(): number {
    return this.#clock.wallMs();
  }

  after(delayMs: number, callback: () => void): CancelTimer {
    let cancelled = false;
    const run = () => {
      if (cancelled || this.#dead) return;
      if (this.#frozen) this.#overdue.push(run);
      else callback();
    };
    const cancel = this.#clock.after(delayMs, run);
    return () => {
      cancelled = true;
      cancel();
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

  freeze(): void {
    this.#frozen = true;
  }

  thaw(): void {
    this.#frozen = false;
    for (const run of this.#overdue.splice(0)) run();
  }

  /** Nothing runs any more. */
  kill(): void {
    this.#dead = true;
  }
}
