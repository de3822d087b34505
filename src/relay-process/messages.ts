import type { DispatcherCounts } from "../balancing/dispatcher";
import type { EndpointCounts } from "../balancing/tracked-endpoint";
import type { LogFields } from "../core/logger";
import type { Load } from "../core/member";
import type { Measures } from "../director/measures/call-meter";
import type { CallBatch } from "../director/measures/call-watch";
import type { MemberFacts } from "../director/relays";

/**
 * What a director's process and one of its relay processes say to each other, as JSON over the channel that comes with a child
 * process. It is ordered, and ends with either of them. Both are always of the same version.
 */

/** What changed since the update before; the first says everything. */
export interface Update {
  /** Counts from 1. */
  readonly revision: number;
  /** `null` for those that are members no more. */
  readonly members?: readonly (readonly [memberId: string, facts: MemberFacts | null])[];
  readonly loads?: readonly (readonly [memberId: string, load: Load])[];
  readonly policy?: string;
  /** Whether calls for workers are refused; absent: as before. */
  readonly maintenance?: boolean;
  readonly idempotentPaths?: readonly string[];
  /** Methods whose streams may be resumed: all of them. */
  readonly resumablePaths?: readonly string[];
  /** Methods whose contract is known: all of them. */
  readonly describedPaths?: readonly string[];
  /** Calls that the other relay processes have on the member. */
  readonly elsewhere?: readonly (readonly [memberId: string, calls: number])[];
  /** Of the slots of members that have a bound, how many this process may use; 0 until it is told. */
  readonly shares?: readonly (readonly [memberId: string, slots: number])[];
}

/** What one relay process counts. Numbers are since its start, so that none is lost with a message. */
export interface Tally {
  readonly calls: DispatcherCounts;
  /** Calls that standbys have now, while there are others: these were full. */
  readonly spilled: number;
  /** Those that changed since the tally before. */
  readonly members: readonly MemberTally[];
  /** The `address` of every connection that was handed over and has ended since the tally before. */
  readonly ended: readonly string[];
}

export interface MemberTally extends EndpointCounts {
  readonly memberId: string;
  readonly inFlight: number;
  readonly meanLatencyMs: number;
}

export type ToRelay<Settings = unknown> =
  /** First, and once. */
  | { readonly kind: "start"; readonly settings: Settings }
  | { readonly kind: "update"; readonly update: Update }
  /** Comes with the socket of a client, and the remote address it had when it came; "" for none. */
  | { readonly kind: "connection"; readonly address: string }
  /** Whether to tell of each call that ends. */
  | { readonly kind: "watch-calls"; readonly watched: boolean }
  | { readonly kind: "drain" }
  | { readonly kind: "stop"; readonly reason: string };

export type FromRelay =
  /** The first update is applied: it takes connections. */
  | { readonly kind: "ready" }
  /** It cannot start. */
  | { readonly kind: "failed"; readonly reason: string }
  | { readonly kind: "applied"; readonly revision: number }
  | { readonly kind: "tally"; readonly tally: Tally }
  /** At most once a second. What is lost with the process are the counts of that second. */
  | { readonly kind: "measures"; readonly measures: Measures }
  | { readonly kind: "calls-ended"; readonly batch: CallBatch }
  /** After `drain`: the last call has ended. */
  | { readonly kind: "drained" }
  | {
      readonly kind: "log";
      readonly level: "debug" | "info" | "warn" | "error";
      readonly message: string;
      readonly fields: LogFields;
    };
