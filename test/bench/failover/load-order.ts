/** What a load process is told, in JSON, as its argument. */
export interface LoadOrder {
  readonly directors: readonly string[];
  readonly mode: "proxy" | "direct";
  readonly callsPerSecond: number;
  readonly timeoutMs: number;
  /** Answers that took longer are reported one by one. */
  readonly slowMs: number;
}

/** A line for a call that was slow or failed. */
export interface SlowCall {
  /** Unix time in milliseconds at which it was to begin. */
  readonly intendedMs: number;
  /** From then to its end. */
  readonly latencyMs: number;
  /** "" when it was answered. */
  readonly failure: string;
}

/** The last line. */
export interface LoadTotal {
  readonly calls: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}
