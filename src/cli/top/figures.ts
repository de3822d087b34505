/** "0", "0.3", "12", "1,234": short, and not more exact than it is. "-" where nothing is known. */
export function rate(perSecond: number | undefined): string {
  if (perSecond === undefined) return "-";
  if (perSecond === 0) return "0";
  if (perSecond < 0.05) return "<0.1";
  return perSecond < 10 ? trimmed(perSecond.toFixed(1)) : count(Math.round(perSecond));
}

/** "1,234". */
export function count(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** "0.42ms", "8.1ms", "120ms", "3.4s"; "-" where nothing is known. */
export function latency(durationMs: number | undefined): string {
  if (durationMs === undefined || durationMs <= 0) return "-";
  if (durationMs < 1) return `${durationMs.toFixed(2)}ms`;
  if (durationMs < 99.5) return `${trimmed(durationMs.toFixed(1))}ms`;
  if (durationMs < 999.5) return `${durationMs.toFixed(0)}ms`;
  return `${trimmed((durationMs / 1_000).toFixed(1))}s`;
}

/** "0.4s", "12s", "3m10s"; "-" where nothing is known. */
export function age(durationMs: number | undefined): string {
  if (durationMs === undefined) return "-";
  if (durationMs < 9_950) return `${(durationMs / 1_000).toFixed(1)}s`;
  const seconds = Math.round(durationMs / 1_000);
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m${seconds % 60}s`;
  return `${Math.floor(seconds / 3_600)}h${Math.floor(seconds / 60) % 60}m`;
}

/** A bar of `width` cells of which a share is full; a share above 0 shows. */
export function bar(ratio: number, width: number): string {
  const cells = Math.min(width, Math.max(ratio > 0 ? 1 : 0, Math.round(ratio * width)));
  return "█".repeat(cells) + "░".repeat(width - cells);
}

function trimmed(text: string): string {
  return text.replace(/\.0$/, "");
}
