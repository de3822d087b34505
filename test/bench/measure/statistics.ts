import { seededRandom } from "../../../src/core/random";

/** A median with the interval that holds 95 % of the medians of resamples (bootstrap, percentile method). */
export interface Estimate {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

const RESAMPLES = 2_000;

const ascending = (a: number, b: number) => a - b;

/** NaN without values. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort(ascending);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The value that `ratio` of the values do not exceed. `sorted` is ascending; NaN when it is empty. */
export function quantile(sorted: ArrayLike<number>, ratio: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(ratio * sorted.length))] ?? Number.NaN;
}

export function estimate(values: readonly number[]): Estimate {
  const random = seededRandom(20_263);
  const medians = Array.from({ length: RESAMPLES }, () =>
    median(values.map(() => values[random.below(values.length)]!)),
  ).sort(ascending);
  return { median: median(values), low: quantile(medians, 0.025), high: quantile(medians, 0.975) };
}

/** How many times as large the first of each pair is: on logarithms, so that swapping the two inverts the result. */
export function estimateRatio(pairs: readonly (readonly [number, number])[]): Estimate {
  const { median: middle, low, high } = estimate(pairs.map(([a, b]) => Math.log(a / b)));
  return { median: Math.exp(middle), low: Math.exp(low), high: Math.exp(high) };
}

/** The odd rounds against the even ones: 1 but for noise, so far from 1 says that the run is not to be trusted. */
export function sameAgain(values: readonly number[]): number {
  const half = (parity: number) => median(values.filter((_, round) => round % 2 === parity));
  return half(0) / half(1);
}

const rounded = (value: number) =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);

export function inBrackets({ median: middle, low, high }: Estimate): string {
  return `${rounded(middle)} [${rounded(low)}, ${rounded(high)}]`;
}
