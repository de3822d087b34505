/** Handlers of numbers.proto whose time is that of `pause`. */
export declare function numbers(
  pause: (pauseMs: number, signal: AbortSignal) => Promise<void>,
): Readonly<Record<"count" | "sum" | "double" | "plain", unknown>>;
