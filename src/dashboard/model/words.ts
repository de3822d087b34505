/** Numbers and times as people read them. */

export function count(value: number): string {
  if (value < 10_000) return String(value);
  if (value < 1_000_000) return `${(value / 1_000).toFixed(value < 100_000 ? 1 : 0)}k`;
  return `${(value / 1_000_000).toFixed(1)}M`;
}

/** Calls per second and the like. */
export function rate(value: number): string {
  return value !== 0 && value < 10 ? value.toFixed(1) : count(Math.round(value));
}

/** "–" for none. */
export function milliseconds(value: number): string {
  if (value === 0) return "–";
  if (value < 10) return `${Number(value.toPrecision(2))} ms`;
  if (value < 1_000) return `${Math.round(value)} ms`;
  return duration(value);
}

/** "12 s", "3 min", "2 h", "5 d". */
export function duration(milliseconds: number): string {
  const seconds = Math.max(0, milliseconds) / 1_000;
  if (seconds < 10 && seconds % 1 !== 0) return `${seconds.toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 36 * 3_600) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

export function ago(atUnixMs: number, nowUnixMs: number): string {
  const age = nowUnixMs - atUnixMs;
  return age < 1_000 ? "just now" : `${duration(Math.floor(age / 1_000) * 1_000)} ago`;
}

/** "14:03:07", of the reader's own time zone. */
export function clockTime(atUnixMs: number): string {
  const at = new Date(atUnixMs);
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map((part) => String(part).padStart(2, "0")).join(":");
}

export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** In single quotes where a shell would read it otherwise. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
