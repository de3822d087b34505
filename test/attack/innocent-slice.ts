/** How long an answer may take to count. */
export const IN_TIME_MS = 1_000;

export const SLICE_MS = 100;

/** The innocent calls that began within a tenth of a second, and what became of them. */
export interface InnocentSlice {
  /** Unix time in milliseconds at which it began. */
  readonly atMs: number;
  /** Calls over connections that are kept. */
  kept: number;
  keptGood: number;
  /** Calls over a connection of their own, which is made for it. */
  fresh: number;
  freshGood: number;
  /** Of good calls. */
  readonly latenciesMs: number[];
  /** What the others came to. */
  readonly failures: string[];
  /** How late this client itself was at the worst: it had no processor, and can tell nothing of others then. */
  lagMs: number;
}

/** A slice in which the client was later than this counts for nobody. */
const LAG_MAX_MS = 200;

/** Slices put together. */
export interface Goodput {
  readonly calls: number;
  /** Share of the slices that were left out, because the client itself had no time. */
  readonly leftOutRatio: number;
  /** The lesser of the shares that were answered right and in time, of both kinds of call; 0 when none was made. */
  readonly ratio: number;
  /** NaN when none was answered. */
  readonly p99Ms: number;
  /** What the others came to, each once. */
  readonly failures: readonly string[];
}

export function goodputOf(all: readonly InnocentSlice[]): Goodput {
  const slices = all.filter(({ lagMs }) => lagMs <= LAG_MAX_MS);
  const leftOutRatio = all.length === 0 ? 0 : 1 - slices.length / all.length;
  const sum = (figure: "kept" | "keptGood" | "fresh" | "freshGood") =>
    slices.reduce((total, slice) => total + slice[figure], 0);
  const latenciesMs = slices.flatMap((slice) => slice.latenciesMs).sort((a, b) => a - b);
  const share = (good: number, made: number) => (made === 0 ? 0 : good / made);
  const ratio = Math.min(share(sum("keptGood"), sum("kept")), share(sum("freshGood"), sum("fresh")));
  const p99Ms = latenciesMs[Math.min(latenciesMs.length - 1, Math.floor(0.99 * latenciesMs.length))] ?? Number.NaN;
  const failures = [...new Set(slices.flatMap((slice) => slice.failures))];
  return { calls: sum("kept") + sum("fresh"), leftOutRatio, ratio, p99Ms, failures };
}
