/**
 * Upper bounds, in milliseconds, of the classes that latencies are counted in; a last class, without a bound, follows. About six to a power
 * of ten, so that a quantile read from them is right to some tenths; from what a call within one machine takes, to the longest deadline
 * that people set.
 */
export const LATENCY_BOUNDS_MS: readonly number[] = [
  0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 7.5, 10, 15, 20, 30, 50, 75, 100, 150, 200, 300, 500, 750, 1_000, 1_500, 2_000,
  3_000, 5_000, 7_500, 10_000, 15_000, 20_000, 30_000, 60_000,
];

/** The last has no upper bound. */
export const LATENCY_CLASSES = LATENCY_BOUNDS_MS.length + 1;

const BOUNDS = Float64Array.from(LATENCY_BOUNDS_MS);

/** Most calls are short, so the scan from below ends soon. */
export function latencyClass(latencyMs: number): number {
  let index = 0;
  while (index < BOUNDS.length && latencyMs > BOUNDS[index]!) index += 1;
  return index;
}

/** How many took at most as long as each bound, and last how many there were. */
export function cumulative(counts: ArrayLike<number>): number[] {
  let sum = 0;
  return Array.from(counts, (count) => (sum += count));
}

/**
 * Estimate of a quantile, in milliseconds: within a class, latencies are taken to be spread evenly. 0 without data; what took longer than the
 * last bound counts as that.
 */
export function quantileMs(counts: ArrayLike<number>, quantile: number): number {
  const below = cumulative(counts);
  const total = below[below.length - 1] ?? 0;
  if (total === 0) return 0;
  const rank = quantile * total;
  const index = below.findIndex((count) => count >= rank && count > 0);
  const upperMs = LATENCY_BOUNDS_MS[index];
  if (upperMs === undefined) return LATENCY_BOUNDS_MS.at(-1)!;
  const lowerMs = LATENCY_BOUNDS_MS[index - 1] ?? 0;
  const before = below[index - 1] ?? 0;
  return lowerMs + (upperMs - lowerMs) * ((rank - before) / (below[index]! - before));
}
