import type { Clock } from "../core/clock";

const MARGIN_MIN_MS = 100;
const MARGIN_MAX_MS = 1_000;

/**
 * When a session must consider itself lost: `ttlMs` after the last renewal that is known to have reached the store, counted
 * from when that renewal was *sent*, less a margin. The store counts from when it arrived, which is later, so the session
 * knows before the store acts. The margin (a tenth of the TTL, 100 to 1,000 ms) covers clocks that run at different speeds
 * and the time that it takes the owner to stop.
 */
export class SessionClock {
  readonly #clock: Clock;
  readonly #ttlMs: number;
  #renewedMs: number;

  /** `grantedMs`: monotonic time when the lease was asked for. */
  constructor(clock: Clock, ttlMs: number, grantedMs: number) {
    this.#clock = clock;
    this.#ttlMs = ttlMs;
    this.#renewedMs = grantedMs;
  }

  /** Notes a renewal that the store acknowledged. `sentMs`: monotonic time when it was sent. */
  renewed(sentMs: number): void {
    this.#renewedMs = Math.max(this.#renewedMs, sentMs);
  }

  /** Milliseconds until the session must stop acting; zero or less when it must have. */
  leftMs(): number {
    return this.expiresInMs() - Math.min(MARGIN_MAX_MS, Math.max(MARGIN_MIN_MS, this.#ttlMs / 10));
  }

  /** Milliseconds until the store may drop the session's keys. */
  expiresInMs(): number {
    return this.#renewedMs + this.#ttlMs - this.#clock.monotonicMs();
  }
}
