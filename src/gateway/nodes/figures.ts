/** With one place after the point. */
export function percent(ratio: number): number {
  return Math.round(ratio * 1_000) / 10;
}

/** The latest time that JavaScript has. */
const UNIX_MS_MAX = 8.64e15;

/** ISO 8601. Never throws, whatever a clock elsewhere says. */
export function isoTime(unixMs: number): string {
  return new Date(Math.min(Math.max(0, unixMs), UNIX_MS_MAX)).toISOString();
}
