import type { CancelTimer, Clock } from "../../core/clock";

/**
 * Ends requests whose body takes too long to arrive. Node's own `requestTimeout` would end streams of requests too, which may take as long
 * as they like.
 */
export class SlowBodies<Request> {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #end: (request: Request) => void;
  /** With the time each is due; all have the same while, so the first is the next. */
  readonly #dueMs = new Map<Request, number>();
  #cancelTimer: CancelTimer | undefined;

  /** @param end - answers a request that took too long */
  constructor(clock: Clock, timeoutMs: number, end: (request: Request) => void) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#end = end;
  }

  begin(request: Request): void {
    this.#dueMs.set(request, this.#clock.monotonicMs() + this.#timeoutMs);
    this.#cancelTimer ??= this.#clock.after(this.#timeoutMs, this.#sweep);
  }

  /** It is all there, or nobody waits for it any more. */
  arrived(request: Request): void {
    this.#dueMs.delete(request);
  }

  close(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#dueMs.clear();
  }

  readonly #sweep = () => {
    this.#cancelTimer = undefined;
    const nowMs = this.#clock.monotonicMs();
    for (const [request, dueMs] of this.#dueMs) {
      if (dueMs > nowMs) {
        this.#cancelTimer = this.#clock.after(dueMs - nowMs, this.#sweep);
        return;
      }
      this.#dueMs.delete(request);
      this.#end(request);
    }
  };
}
