import type { Status } from "../core/status";

/** A call that a dispatcher has ended. Whoever is told looks at it at once, and keeps nothing of it. Times are on the monotonic clock. */
export interface EndedCall {
  /** "package.Service/Method", as the caller has it. */
  readonly method: string;
  /** Who had its last attempt; "" when there was none. */
  readonly memberId: string;
  readonly status: Status;
  readonly attempts: number;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  /** How long the last attempt took, without what waiting and other attempts did; undefined when it was cancelled, or there was none. */
  readonly attemptMs: number | undefined;
}

/** Told of every call that ends; within the path of the call, so it has to be quick. */
export interface CallObserver {
  callEnded(call: EndedCall): void;
}
