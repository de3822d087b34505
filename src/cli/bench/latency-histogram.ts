/** Buckets of each power of two: a value is known to 1/128, or 0.8 %. */
const BUCKETS_PER_OCTAVE = 128;
/** From one microsecond to 2^36 of them, which is 19 hours. */
const OCTAVES = 36;

/**
 * Durations by logarithmic buckets that are divided evenly, as in HdrHistogram (hdrhistogram.org): of constant size, quantiles with an error of at
 * most 0.8 %.
 */
export class LatencyHistogram {
  readonly #counts = new Float64Array(OCTAVES * BUCKETS_PER_OCTAVE);
  #count = 0;
  #sumMs = 0;
  #minMs = Infinity;
  #maxMs = 0;

  get count(): number {
    return this.#count;
  }

  get meanMs(): number {
    return this.#count === 0 ? 0 : this.#sumMs / this.#count;
  }

  /** 0 while there is none. */
  get minMs(): number {
    return this.#count === 0 ? 0 : this.#minMs;
  }

  get maxMs(): number {
    return this.#maxMs;
  }

  observe(durationMs: number): void {
    const microseconds = Math.max(1, durationMs * 1_000);
    const octave = Math.min(OCTAVES - 1, Math.floor(Math.log2(microseconds)));
    const share = microseconds / 2 ** octave - 1;
    const bucket = Math.min(BUCKETS_PER_OCTAVE - 1, Math.floor(share * BUCKETS_PER_OCTAVE));
    this.#counts[octave * BUCKETS_PER_OCTAVE + bucket]! += 1;
    this.#count += 1;
    this.#sumMs += durationMs;
    this.#minMs = Math.min(this.#minMs, durationMs);
    this.#maxMs = Math.max(this.#maxMs, durationMs);
  }

  /** The least duration that at least this share of all took at most. 0 while there is none. */
  quantileMs(quantile: number): number {
    const rank = Math.max(1, Math.ceil(quantile * this.#count));
    let seen = 0;
    for (let index = 0; index < this.#counts.length; index += 1) {
      seen += this.#counts[index]!;
      if (seen >= rank && this.#count > 0) return Math.max(this.minMs, Math.min(this.#maxMs, edgeMs(index, 0.5)));
    }
    return 0;
  }

  /** How many took more than `fromMs` and at most `toMs`, to within a bucket. */
  between(fromMs: number, toMs: number): number {
    let sum = 0;
    for (let index = 0; index < this.#counts.length; index += 1) {
      const beginMs = edgeMs(index, 0);
      if (beginMs > fromMs && beginMs <= toMs) sum += this.#counts[index]!;
    }
    return sum;
  }
}

/** Where a bucket begins, or a share of the way through it. */
function edgeMs(index: number, part: number): number {
  const octave = Math.floor(index / BUCKETS_PER_OCTAVE);
  const share = ((index % BUCKETS_PER_OCTAVE) + part) / BUCKETS_PER_OCTAVE;
  return (2 ** octave * (1 + share)) / 1_000;
}
