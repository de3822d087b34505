import type { Random } from "./random";

export interface BackoffOptions {
  /** First delay, before jitter. */
  readonly initialMs: number;
  readonly maxMs: number;
  /** Factor between delays. */
  readonly factor?: number;
}

/**
 * Delays between attempts: exponential with "equal jitter" (half fixed, half random), so that attempts of many peers spread
 * but none comes at once. Source: M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.
 */
export class Backoff {
  readonly #options: Required<BackoffOptions>;
  readonly #random: Random;
  #attempt = 0;

  constructor(options: BackoffOptions, random: Random) {
    this.#options = { factor: 2, ...options };
    this.#random = random;
  }

  /** The delay before the next attempt; longer each time, up to `maxMs`. */
  nextMs(): number {
    const { initialMs, maxMs, factor } = this.#options;
    const ceilingMs = Math.min(maxMs, initialMs * factor ** this.#attempt);
    this.#attempt += 1;
    return ceilingMs / 2 + (ceilingMs / 2) * this.#random.unit();
  }

  /** Delays given since it began, or began anew. */
  get attempts(): number {
    return this.#attempt;
  }

  /** Starts over. Call it only after the link has held for a while, or a peer that accepts and drops causes a storm. */
  reset(): void {
    this.#attempt = 0;
  }
}
