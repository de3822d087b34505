import type { CallSeries } from "../../wire/contract";

/** Latencies of the calls that ended between two readings of a director's counters. */
export class LatencyWindow {
  #before: readonly number[] = [];

  /** Resolves which latency this share of the calls since the last time stayed below; 0 where there was none. */
  take(boundsMs: readonly number[], series: readonly CallSeries[], ratios: readonly number[]): number[] {
    const now = sumOfCounts(series, boundsMs.length + 1);
    const before = this.#before;
    this.#before = now;
    if (boundsMs.length === 0 || before.length !== now.length) return ratios.map(() => 0);
    // Cumulative: each entry counts the calls that took at most as long as its bound, the last one all of them.
    const counts = now.map((count, index) => count - before[index]!);
    return ratios.map((ratio) => quantile(boundsMs, counts, ratio));
  }
}

function sumOfCounts(series: readonly CallSeries[], length: number): number[] {
  const sums = new Array<number>(length).fill(0);
  for (const { latencyCounts } of series) {
    for (const [index, count] of latencyCounts.entries()) if (index < length) sums[index]! += Number(count);
  }
  return sums;
}

/** Within the bucket where it falls, calls are taken to be spread evenly, as Prometheus' histogram_quantile does. */
function quantile(boundsMs: readonly number[], counts: readonly number[], ratio: number): number {
  const total = counts.at(-1) ?? 0;
  if (total <= 0) return 0;
  const rank = total * ratio;
  const index = counts.findIndex((count) => count >= rank);
  const upperMs = boundsMs[index];
  if (upperMs === undefined) return boundsMs.at(-1)!;
  const lowerMs = index === 0 ? 0 : boundsMs[index - 1]!;
  const below = index === 0 ? 0 : counts[index - 1]!;
  const inBucket = counts[index]! - below;
  return lowerMs + ((upperMs - lowerMs) * (rank - below)) / inBucket;
}
