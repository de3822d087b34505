import type { FaultRecord } from "./fault";
import type { CallKind, CallRecord } from "./history";
import type { LeaderSighting } from "./leader-watch";

/** Everything that was seen of a run. */
export interface Evidence {
  readonly calls: readonly CallRecord[];
  /** The ids in every worker's ledger. */
  readonly ledgers: ReadonlyMap<string, readonly string[]>;
  readonly faults: readonly FaultRecord[];
  readonly sightings: readonly LeaderSighting[];
  /** What was promised and is gone, in words. */
  readonly lostWrites: readonly string[];
  /** Whatever else must not be, in words: processes that died, views that differ, lines in logs. */
  readonly complaints: readonly string[];
  readonly heartbeatMs: number;
  readonly leaderTtlMs: number;
}

export interface Verdict {
  readonly calls: number;
  /** That may be tried again, within their deadline, and were not answered all the same. Those of `stock` during faults of its director are not among them. */
  readonly failedIdempotent: readonly CallRecord[];
  /** Ids that ran more than once, or were answered and did not run. */
  readonly duplicated: readonly string[];
  readonly lostWrites: readonly string[];
  /** Streams with a gap or a repeat. */
  readonly disorders: readonly CallRecord[];
  readonly complaints: readonly string[];
  /** Of appends and counts, which may fail: how many did. */
  readonly allowedFailures: number;
  /** Of each fault of a worker and each way of calling: until the last call that it held up was begun, in heartbeat intervals, ascending. */
  readonly rerouteIntervals: readonly number[];
  /** Of each fault of a leader, until there was another: in lives of its key, ascending. */
  readonly leaderGapTtls: readonly number[];
}

/** After a director is back, a client of grpc-js still waits out its pause. */
const STOCK_GRACE_MS = 3_000;
/** The stock client knows this director alone. */
const STOCK_DIRECTOR = "director-1";

export function judge(evidence: Evidence): Verdict {
  const { calls, lostWrites, complaints } = evidence;
  const mustSucceed = (kind: CallKind) => kind === "read" || kind === "generate";
  const failed = calls.filter(({ failure }) => failure !== "");
  return {
    calls: calls.length,
    failedIdempotent: failed.filter((call) => mustSucceed(call.kind) && !isExcused(call, evidence.faults)),
    duplicated: duplicated(evidence),
    lostWrites,
    disorders: calls.filter(({ disorder }) => disorder !== ""),
    complaints,
    allowedFailures: failed.filter((call) => !mustSucceed(call.kind) || isExcused(call, evidence.faults)).length,
    rerouteIntervals: reroutes(evidence),
    leaderGapTtls: leaderGaps(evidence),
  };
}

export function isGood(verdict: Verdict): boolean {
  const { failedIdempotent, duplicated: twice, lostWrites, disorders, complaints } = verdict;
  return [failedIdempotent, twice, lostWrites, disorders, complaints].every((list) => list.length === 0);
}

function isExcused({ mode, startMs, endMs }: CallRecord, faults: readonly FaultRecord[]): boolean {
  if (mode !== "stock") return false;
  return faults.some(
    (fault) =>
      fault.directors?.includes(STOCK_DIRECTOR) && startMs < fault.healedMs + STOCK_GRACE_MS && endMs > fault.startMs,
  );
}

/** A call that was answered ran exactly once, one that failed at most once. */
function duplicated({ calls, ledgers }: Evidence): string[] {
  const ran = new Map<string, string[]>();
  for (const [worker, ids] of ledgers) for (const id of ids) ran.set(id, [...(ran.get(id) ?? []), worker]);
  const twice = [...ran].filter(([, workers]) => workers.length > 1);
  const never = calls.filter(({ kind, failure, id }) => kind === "append" && failure === "" && !ran.has(id));
  return [
    ...twice.map(([id, workers]) => `${id} ran ${workers.length} times: ${workers.join(", ")}`),
    ...never.map(({ id, worker }) => `${id} was answered by ${worker || "somebody"} and is in no ledger`),
  ];
}

/** A unary call that took this long was held up. */
const STALLED_INTERVALS = 1;

/** Whether a call went to this worker, as far as is known, and was the worse for it. */
function wasHeldUp(call: CallRecord, worker: string, heartbeatMs: number): boolean {
  if (call.attempts > 1) return true;
  if (call.worker !== worker && call.worker !== "") return false;
  return call.failure !== "" || call.endMs - call.startMs > STALLED_INTERVALS * heartbeatMs;
}

/**
 * For each fault of a worker, by client and mode: how long calls were still begun that it held up: that were tried on more than one
 * worker, or failed at this one, or took an interval or more there. Not counted are ways that another fault held up meanwhile: a director through
 * which they may have gone, or the client itself.
 */
function reroutes({ calls, faults, heartbeatMs }: Evidence): number[] {
  const unary = calls.filter(({ kind }) => kind === "read" || kind === "append");
  const ways = new Set(unary.map(({ client, mode }) => `${client} ${mode}`));
  const intervals: number[] = [];
  for (const fault of faults) {
    if (fault.worker === undefined) continue;
    const during = faults.filter(
      (other) => other !== fault && other.startMs < fault.healedMs && other.healedMs > fault.startMs,
    );
    for (const way of ways) {
      const [client, mode] = way.split(" ");
      const isBlurred = during.some(
        (other) => other.client === client || (mode !== "direct" && other.directors !== undefined),
      );
      if (isBlurred) continue;
      const heldUp = unary.filter(
        (call) =>
          call.client === client &&
          call.mode === mode &&
          call.startMs >= fault.startMs &&
          call.startMs < fault.healedMs &&
          wasHeldUp(call, fault.worker!, heartbeatMs),
      );
      intervals.push(Math.max(0, ...heldUp.map(({ startMs }) => startMs - fault.startMs)) / heartbeatMs);
    }
  }
  return intervals.sort((a, b) => a - b);
}

/** From the start of the fault until anybody saw a new leader, or else until the old one was back. */
function leaderGaps({ faults, sightings, leaderTtlMs }: Evidence): number[] {
  const gaps: number[] = [];
  for (const { leader, startMs, healedMs } of faults) {
    if (leader === undefined) continue;
    const epoch = Math.max(0, ...sightings.filter(({ atMs }) => atMs <= startMs).map((seen) => seen.epoch));
    const next = sightings.find((seen) => seen.atMs > startMs && seen.epoch > epoch);
    gaps.push(((next === undefined ? healedMs : next.atMs) - startMs) / leaderTtlMs);
  }
  return gaps.sort((a, b) => a - b);
}
