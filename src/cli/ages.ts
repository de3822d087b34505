import { formatDuration } from "./duration";

/** "8m12s ago"; "never" for 0, which is how the contract says so. An instant that another clock puts in the future is "now". */
export function ago(nowUnixMs: number, thenUnixMs: number | bigint): string {
  if (Number(thenUnixMs) === 0) return "never";
  const ageMs = nowUnixMs - Number(thenUnixMs);
  return ageMs < 1_000 ? "now" : `${formatDuration(Math.floor(ageMs / 1_000) * 1_000)} ago`;
}

/** "8m12s"; "0s" where another clock puts the instant in the future. */
export function age(nowUnixMs: number, thenUnixMs: number | bigint): string {
  return formatDuration(Math.floor(Math.max(0, nowUnixMs - Number(thenUnixMs)) / 1_000) * 1_000);
}

/** "2026-11-21T15:34:16Z": the same for everyone who compares notes. */
export function instant(unixMs: number | bigint): string {
  return `${new Date(Number(unixMs)).toISOString().slice(0, 19)}Z`;
}

/** "12", "1,234". */
export function count(value: number | bigint): string {
  return value.toLocaleString("en-US");
}

/** "0.4 ms", "12 ms", "1.2 s"; "-" for 0, which is how the contract says that nothing was measured. */
export function latency(durationMs: number): string {
  if (!(durationMs > 0)) return "-";
  if (durationMs >= 1_000) return `${(durationMs / 1_000).toFixed(1)} s`;
  return `${durationMs < 10 ? durationMs.toFixed(1) : Math.round(durationMs)} ms`;
}
