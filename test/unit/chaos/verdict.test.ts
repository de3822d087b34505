import type { FaultRecord } from "../../chaos/fault";
import { disorderOf, type CallRecord } from "../../chaos/history";
import { isGood, judge, type Evidence } from "../../chaos/verdict";

/** A call that went well; a second after the one before it, if `startMs` is not given. */
function callOf(given: Partial<CallRecord>): CallRecord {
  const startMs = given.startMs ?? 0;
  return {
    ...{ client: "client-1", mode: "proxy", kind: "read", id: "id", endMs: startMs + 5, failure: "" },
    ...{ worker: "worker-1", attempts: 1, disorder: "", ...given, startMs },
  };
}

function faultOf(given: Partial<FaultRecord>): FaultRecord {
  return { kind: "a fault", target: "somebody", startMs: 1_000, healedMs: 9_000, ...given };
}

function evidenceOf(given: Partial<Evidence>): Evidence {
  return {
    ...{ calls: [], ledgers: new Map(), faults: [], sightings: [], lostWrites: [], complaints: [] },
    ...{ heartbeatMs: 500, leaderTtlMs: 6_000, ...given },
  };
}

describe("the verdict on a run under chaos", () => {
  it("a failed idempotent call is a violation; one that is not, and a stream that is not resumed, may fail", () => {
    const failure = "[WORKER_LOST] gone";
    const kinds = ["read", "generate", "append", "count"] as const;
    const verdict = judge(evidenceOf({ calls: kinds.map((kind) => callOf({ kind, id: kind, failure })) }));
    expect(verdict.failedIdempotent.map(({ id }) => id)).toEqual(["read", "generate"]);
    expect(verdict.allowedFailures).toBe(2);
    expect(isGood(verdict)).toBe(false);
  });

  it.each([
    ["its director is away", { directors: ["director-1"] }, "stock", 0],
    ["another director is away", { directors: ["director-2"] }, "stock", 1],
    ["its director is away, and it is ours", { directors: ["director-1"] }, "proxy", 1],
  ] as const)("a client with one director may fail while that is away: %s", (_, effect, mode, violations) => {
    const calls = [callOf({ mode, failure: "14 UNAVAILABLE", startMs: 2_000 })];
    expect(judge(evidenceOf({ calls, faults: [faultOf(effect)] })).failedIdempotent).toHaveLength(violations);
  });

  it.each([
    ["ran on two workers", "", [["a"], ["a"]], ["a ran 2 times: worker-1, worker-2"]],
    ["ran twice on one", "", [["a", "a"], []], ["a ran 2 times: worker-1, worker-1"]],
    ["was answered and never ran", "", [[], []], ["a was answered by worker-1 and is in no ledger"]],
    ["failed and never ran", "[WORKER_LOST]", [[], []], []],
    ["failed and ran once", "[WORKER_LOST]", [["a"], []], []],
    ["was answered and ran once", "", [["a"], []], []],
  ] as const)("a call that is not idempotent and %s", (_, failure, ledgers, duplicated) => {
    const calls = [callOf({ kind: "append", id: "a", failure })];
    const byWorker = new Map(ledgers.map((ids, index) => [`worker-${index + 1}`, ids]));
    expect(judge(evidenceOf({ calls, ledgers: byWorker })).duplicated).toEqual(duplicated);
  });

  it.each([
    ["a gap", [1, 2, 4], "4 came in place 3"],
    ["a repeat", [1, 2, 2], "2 came in place 3"],
    ["a break", [1, 2], ""],
  ])("a stream with %s", (_, numbers, disorder) => {
    expect(disorderOf(numbers)).toBe(disorder);
  });

  it("the time to reroute is that of the last call that the fault held up, in intervals, and 0 where it held up none", () => {
    const heldUp = { attempts: 2, worker: "worker-2" };
    const calls = [
      callOf({ startMs: 900, ...heldUp }),
      callOf({ startMs: 1_500, ...heldUp }),
      callOf({ startMs: 3_000, endMs: 3_900, attempts: 1 }),
      callOf({ startMs: 4_000, endMs: 5_000, worker: "worker-3" }),
      callOf({ startMs: 5_000 }),
      callOf({ startMs: 9_500, ...heldUp }),
      callOf({ startMs: 5_000, mode: "direct" }),
    ];
    const { rerouteIntervals } = judge(evidenceOf({ calls, faults: [faultOf({ worker: "worker-1" })] }));
    expect(rerouteIntervals).toEqual([0, 4]);
  });

  it("a way that another fault held up meanwhile says nothing of the worker", () => {
    const calls = [callOf({ startMs: 2_000, attempts: 2 }), callOf({ startMs: 2_000, mode: "direct", attempts: 2 })];
    const away = faultOf({ directors: ["director-1"], startMs: 8_000, healedMs: 12_000 });
    const { rerouteIntervals } = judge(evidenceOf({ calls, faults: [faultOf({ worker: "worker-1" }), away] }));
    expect(rerouteIntervals).toEqual([2]);
  });

  it("the gap of a leader lasts until anybody sees a new epoch, or until the old leader is back", () => {
    const sightings = [
      { atMs: 0, seenBy: "director-2", leader: "director-1", epoch: 7 },
      { atMs: 3_000, seenBy: "director-2", leader: "", epoch: 0 },
      { atMs: 4_000, seenBy: "director-3", leader: "director-3", epoch: 9 },
    ];
    const faults = [
      faultOf({ leader: "director-1" }),
      faultOf({ leader: "director-3", startMs: 5_000, healedMs: 8_000 }),
    ];
    expect(judge(evidenceOf({ sightings, faults })).leaderGapTtls).toEqual([0.5, 0.5]);
  });
});
