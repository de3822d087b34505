import type { EngineClock } from "./clock";
import { ErrorCode, Http2Error } from "./error-codes";
import type { LimitCounters, LimitName, Limits, RateLimit, RateLimitName } from "./limits";

/** A token bucket that looks at the clock only when it is empty. */
class TokenBucket {
  readonly #limit: RateLimit;
  #tokens: number;
  #refilledMs: number;

  constructor(limit: RateLimit, nowMs: number) {
    this.#limit = limit;
    this.#tokens = limit.burst;
    this.#refilledMs = nowMs;
  }

  take(clock: EngineClock): boolean {
    if (this.#tokens < 1) {
      const nowMs = clock.monotonicMs();
      this.earn(((nowMs - this.#refilledMs) / 1_000) * this.#limit.perSecond);
      this.#refilledMs = nowMs;
      if (this.#tokens < 1) return false;
    }
    this.#tokens -= 1;
    return true;
  }

  earn(tokens: number): void {
    this.#tokens = Math.min(this.#limit.burst, this.#tokens + tokens);
  }
}

/** Watches the rates of one connection, and counts what went over any limit. */
export class FloodGuard {
  readonly #limits: Limits;
  readonly #clock: EngineClock;
  readonly #counters: LimitCounters;
  readonly #onLimit: (name: LimitName) => void;
  readonly #startedMs: number;
  /** Most connections never meet most kinds: buckets are made when first used. */
  readonly #buckets: Partial<Record<RateLimitName, TokenBucket>> = {};
  #updates: TokenBucket | undefined;
  #pings: TokenBucket | undefined;

  constructor(limits: Limits, clock: EngineClock, counters: LimitCounters, onLimit: (name: LimitName) => void) {
    this.#onLimit = onLimit;
    this.#limits = limits;
    this.#clock = clock;
    this.#counters = counters;
    this.#startedMs = clock.monotonicMs();
  }

  /** Charges one event. Throws when the peer has had its share. */
  charge(name: RateLimitName): void {
    const bucket = (this.#buckets[name] ??= this.#newBucket(name));
    if (!bucket.take(this.#clock)) throw this.exceeded(name);
  }

  /** DATA that we sent lets the peer answer with updates and pings. */
  dataSent(bytes: number): void {
    this.#updates?.earn(bytes / 1_024);
    this.#pings?.earn(1);
  }

  /** Counts, and makes the error that ends the connection. */
  exceeded(name: LimitName, code: ErrorCode = ErrorCode.ENHANCE_YOUR_CALM): Http2Error {
    this.count(name);
    return new Http2Error(code, `over the limit ${name}`);
  }

  /** Counts where only a stream is reset. */
  count(name: LimitName): void {
    this.#counters[name] += 1;
    this.#onLimit(name);
  }

  #newBucket(name: RateLimitName): TokenBucket {
    const bucket = new TokenBucket(this.#limits[name], this.#startedMs);
    if (name === "windowUpdates") this.#updates = bucket;
    if (name === "pingFrames") this.#pings = bucket;
    return bucket;
  }
}
