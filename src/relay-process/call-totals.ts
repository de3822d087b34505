import type { DispatcherCounts } from "../balancing/dispatcher";
import { NO_CALLS, sumOfCalls, type MemberCalls } from "../director/relays";
import type { MemberTally, Tally } from "./messages";

/** What one process has told of its calls. */
export interface Tallied {
  readonly calls: Tally["calls"] | undefined;
  member(memberId: string): MemberTally | undefined;
  members(): Iterable<MemberTally>;
}

type MemberSum = Omit<MemberCalls, "meanLatencyMs"> & { readonly latencySumMs: number };

const NONE: MemberSum = { started: 0, ok: 0, failed: 0, cancelled: 0, latencySumMs: 0 };

/** Sums over the processes, those that have ended included: a number that only rises must not fall with one of them. */
export class CallTotals {
  readonly #endedMembers = new Map<string, MemberSum>();
  #endedCalls: DispatcherCounts = NO_CALLS;

  /** The process has ended: the calls it had in flight have failed. */
  keep(ended: Tallied): void {
    if (ended.calls) {
      const sum = sumOfCalls(this.#endedCalls, ended.calls);
      this.#endedCalls = { ...sum, failed: sum.started - sum.ok - sum.cancelled, inFlight: 0, queued: 0 };
    }
    for (const tally of ended.members()) {
      const sum = add(this.#endedMembers.get(tally.memberId) ?? NONE, tally);
      this.#endedMembers.set(tally.memberId, { ...sum, failed: sum.started - sum.ok - sum.cancelled });
    }
  }

  forget(memberId: string): void {
    this.#endedMembers.delete(memberId);
  }

  calls(processes: readonly Tallied[]): DispatcherCounts {
    return processes.reduce((sum, { calls }) => (calls ? sumOfCalls(sum, calls) : sum), this.#endedCalls);
  }

  member(memberId: string, processes: readonly Tallied[]): MemberCalls {
    const sum = processes.reduce(
      (before, process) => {
        const tally = process.member(memberId);
        return tally ? add(before, tally) : before;
      },
      this.#endedMembers.get(memberId) ?? NONE,
    );
    const { latencySumMs, ...calls } = sum;
    return { ...calls, meanLatencyMs: sum.ok === 0 ? 0 : latencySumMs / sum.ok };
  }

  /** Calls in flight of each member that has any. */
  inFlight(processes: readonly Tallied[]): { readonly memberId: string; readonly calls: number }[] {
    const sums = new Map<string, number>();
    for (const process of processes) {
      for (const { memberId, inFlight } of process.members()) {
        if (inFlight > 0) sums.set(memberId, (sums.get(memberId) ?? 0) + inFlight);
      }
    }
    return [...sums].map(([memberId, calls]) => ({ memberId, calls }));
  }
}

function add(sum: MemberSum, tally: MemberTally): MemberSum {
  return {
    started: sum.started + tally.started,
    ok: sum.ok + tally.ok,
    failed: sum.failed + tally.failed,
    cancelled: sum.cancelled + tally.cancelled,
    latencySumMs: sum.latencySumMs + tally.meanLatencyMs * tally.ok,
  };
}
