/** How a client calls. `stock` is grpc-js with one director's address and nothing of ours. */
export const MODES = ["proxy", "direct", "auto", "stock"] as const;
export type Mode = (typeof MODES)[number];

/**
 * - `read`: unary and idempotent.
 * - `append`: unary, and must not run twice.
 * - `count`: a stream of answers, which may break.
 * - `generate`: a stream that is resumed wherever it breaks.
 */
export const CALL_KINDS = ["read", "append", "count", "generate"] as const;
export type CallKind = (typeof CALL_KINDS)[number];

/** One call as its caller saw it; a line of the history. */
export interface CallRecord {
  readonly client: string;
  readonly mode: Mode;
  readonly kind: CallKind;
  readonly id: string;
  /** Unix time in milliseconds by `nowMs`, fractions included. */
  readonly startMs: number;
  readonly endMs: number;
  /** "" when it was answered in full, else the error. */
  readonly failure: string;
  /** Who answered; "" when nobody said. */
  readonly worker: string;
  /** Workers it was tried on, as the last director or client knows; 0 when nobody said. */
  readonly attempts: number;
  /** A gap or a repeat in a stream; "" when there was none. Never the fault of a break. */
  readonly disorder: string;
}

/** Unix time that nobody can set: what processes of one machine agree on while their clocks are being moved. */
export function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

/** What is wrong with the numbers a stream brought, of which the first is 1; "" when nothing is. */
export function disorderOf(numbers: readonly number[]): string {
  const wrong = numbers.findIndex((number, index) => number !== index + 1);
  return wrong === -1 ? "" : `${numbers[wrong]} came in place ${wrong + 1}`;
}
