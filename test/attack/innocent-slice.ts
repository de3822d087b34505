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
}

/** Slices put together. */
export interface Goodput {
  readonly calls: number;
  /** The lesser of the shares that were answered right and in time, of both kinds of call; 0 when none was made. */
  readonly ratio: number;
  /** NaN when none was answered. */
  readonly p99Ms: number;
  /** What the others came to, each once. */
  readonly failures: readonly string[];
}

export function goodputOf(slices: readonly InnocentSlice[]): Goodput {
  const sum = (figure: "kept" | "keptGood" | "fresh" | "freshGood") =>
    slices.reduce((total, slice) => total + slice[figure], 0);
  const latenciesMs = slices.flatMap((slice) => slice.latenciesMs).sort((a, b) => a - b);
  const share = (good: number, all: number) => (all === 0 ? 0 : good / all);
  const ratio = Math.min(share(sum("keptGood"), sum("kept")), share(sum("freshGood"), sum("fresh")));
  const p99Ms = latenciesMs[Math.min(latenciesMs.length - 1, Math.floor(0.99 * latenciesMs.length))] ?? Number.NaN;
  const failures = [...new Set(slices.flatMap((slice) => slice.failures))];
  return { calls: sum("kept") + sum("fresh"), ratio, p99Ms, failures };
}
