import type { Load, Tags } from "../core/member";

export type CallOutcome = "ok" | "failed" | "cancelled";

/** One call's share in the load of its endpoint. */
export interface Accounting {
  /** Ends it. The first call counts; later ones do nothing, so that racing endings are harmless. */
  finish(outcome: CallOutcome): void;
}

/** One worker as the balancer sees it. Lives as long as the member does, across snapshots, so its meters do too. */
export interface Endpoint {
  readonly memberId: string;
  readonly address: string;
  readonly services: ReadonlySet<string>;
  readonly tags: Tags;
  /** Calls it is willing to execute at once; 0 means no bound. */
  readonly slots: number;
  /** Used only when no other endpoint is ready (intent `standby`). */
  readonly standby: boolean;
  /** Calls begun here and not finished. */
  readonly inFlight: number;
  /** What the worker last said of itself. */
  readonly reportedLoad: Load;
  /** Starts accounting for one call. Nothing may await between the pick and this. */
  begin(): Accounting;
}
