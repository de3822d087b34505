import type { CallMetadata } from "../../core/call-metadata";

/** What a handler knows of its call. */
export interface CallContext {
  /** "/package.Service/Method". */
  readonly path: string;
  /** Aborts when the caller cancels, its deadline passes, its connection breaks, or the server ends the call. */
  readonly signal: AbortSignal;
  /** Time that was left when the call arrived; `undefined` without a deadline. */
  readonly timeoutMs: number | undefined;
  /** What the caller sent. */
  readonly metadata: CallMetadata;
  /** Initial metadata of the answer; sent with its first message. */
  readonly headers: CallMetadata;
  /** Sent at the end, also of a failed call. */
  readonly trailers: CallMetadata;
  /** Sends `headers` now, before the first message. Twice is once. */
  sendHeaders(): void;
  readonly peer: string;
}
