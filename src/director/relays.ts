import type { DispatcherCounts } from "../balancing/dispatcher";
import type { EndpointCounts } from "../balancing/tracked-endpoint";
import type { Intent, Load, MemberRecord } from "../core/member";
import type { Measures } from "./measures/call-meter";
import type { CallBatch } from "./measures/call-watch";

/** What decides whether a member may be picked and how it is reached, apart from the state of one's own connection to it. */
export interface MemberFacts {
  readonly record: MemberRecord;
  /** Whether the shared record has it. If not, it is known only to its home director so far, and is not picked. */
  readonly shared: boolean;
  /** Absent: nobody set one. */
  readonly intent?: Intent;
  /** Its home director's judgement; absent when another director is its home. */
  readonly local?: { readonly ready: boolean; readonly notReadyReason: string };
}

/** What a director lets its relay processes know. Read when it is sent, not when it changes. */
export interface RelaySource {
  memberIds(): Iterable<string>;
  /** `undefined` for what is not a member. */
  facts(memberId: string): MemberFacts | undefined;
  /** As of its latest beat; `undefined` when another director is its home. */
  load(memberId: string): Load | undefined;
  policy(): string;
  /** Whether calls for workers are refused. */
  isInMaintenance(): boolean;
  /** Methods that may be run twice. The same array until they change. */
  idempotentPaths(): readonly string[];
  /** Methods whose streams may be resumed. The same array until they change. */
  resumablePaths(): readonly string[];
  /** Methods whose contract is known. The same array until they change. */
  describedPaths(): readonly string[];
  /** Calls that the director may have on the member at once, in all its processes; `undefined` for no bound. */
  slots(memberId: string): number | undefined;
  /** All relay processes together have so many calls on the member now. */
  inFlight(memberId: string, calls: number): void;
  /** Calls wait in a relay process, or do not any more. */
  queuedChanged(): void;
  /** What a process has counted since it told before. */
  measured(measures: Measures): void;
  /** Calls that ended in a process; told only while they are watched. */
  callsEnded(batch: CallBatch): void;
}

/** Calls of one member, as counted by all relay processes since the director started. */
export interface MemberCalls extends EndpointCounts {
  /** Mean over the processes, weighted by their answers; 0 without data. */
  readonly meanLatencyMs: number;
}

/**
 * The processes that relay a director's calls where it does not do so itself: told what may be picked, asked what they count.
 * What they tell is up to 50 ms old.
 */
export interface Relays {
  /** Begins to tell. Once. */
  follow(source: RelaySource): void;
  memberChanged(memberId: string): void;
  loadChanged(memberId: string): void;
  slotsChanged(memberId: string): void;
  /** The policy or the contracts may have changed. */
  settingsChanged(): void;
  /** Resolves when every process acts by all that was told before, or after a second. */
  caughtUp(): Promise<void>;
  calls(): DispatcherCounts;
  /** Calls that wait for a worker, and those that a standby has because the others were full. */
  waiting(): number;
  memberCalls(memberId: string): MemberCalls;
  /** Calls that the processes have on the member, or may begin there by what they were told before. */
  inUse(memberId: string): number;
  /** Whether somebody wants to be told of each call that ends. */
  watchCalls(watched: boolean): void;
}

/** All calls, this process's and those of the relay processes. */
export function sumOfCalls(a: DispatcherCounts, b: DispatcherCounts): DispatcherCounts {
  return {
    started: a.started + b.started,
    ok: a.ok + b.ok,
    failed: a.failed + b.failed,
    cancelled: a.cancelled + b.cancelled,
    retries: a.retries + b.retries,
    inFlight: a.inFlight + b.inFlight,
    queued: a.queued + b.queued,
  };
}

/** As `sumOfCalls`, of one member. */
export function sumOfMemberCalls(
  { counts, meanLatencyMs }: { readonly counts: EndpointCounts; readonly meanLatencyMs: number },
  others: MemberCalls,
): MemberCalls {
  const ok = counts.ok + others.ok;
  return {
    started: counts.started + others.started,
    ok,
    failed: counts.failed + others.failed,
    cancelled: counts.cancelled + others.cancelled,
    meanLatencyMs:
      others.ok === 0 ? meanLatencyMs : (meanLatencyMs * counts.ok + others.meanLatencyMs * others.ok) / ok,
  };
}

export const NO_CALLS: DispatcherCounts = {
  started: 0,
  ok: 0,
  failed: 0,
  cancelled: 0,
  retries: 0,
  inFlight: 0,
  queued: 0,
};
const NO_MEMBER_CALLS: MemberCalls = { started: 0, ok: 0, failed: 0, cancelled: 0, meanLatencyMs: 0 };

/** Of a director that relays its calls itself. */
export const NO_RELAYS: Relays = {
  follow: () => {},
  memberChanged: () => {},
  loadChanged: () => {},
  slotsChanged: () => {},
  settingsChanged: () => {},
  caughtUp: () => Promise.resolve(),
  calls: () => NO_CALLS,
  waiting: () => 0,
  memberCalls: () => NO_MEMBER_CALLS,
  inUse: () => 0,
  watchCalls: () => {},
};
