import { ROW_FIELDS } from "../../../../src/dashboard/feed-messages";
import { LatencyWindow } from "../../../../src/gateway/dashboard/latency-window";
import { errorsByMember, WorkerRows } from "../../../../src/gateway/dashboard/worker-rows";
import type { CallSeries, WireMember } from "../../../../src/wire/contract";
import { CallSeries as WireCallSeries } from "../../../../generated/heddle/v1/calls";
import { Member, MemberState } from "../../../../generated/heddle/v1/member";

const NOW = 1_700_000_000_000;

function member(memberId: string, changes: Partial<WireMember> = {}): WireMember {
  const lastHeartbeatUnixMs = BigInt(NOW - 200);
  return { ...Member.fromPartial({ memberId, state: MemberState.ALIVE, lastHeartbeatUnixMs }), ...changes };
}

const NO_STATS = new Map();
const update = (rows: WorkerRows, members: readonly WireMember[], nowMs = NOW) =>
  rows.update(members, NO_STATS, new Map(), nowMs);

describe("WorkerRows", () => {
  it("say nothing of workers that beat and idle, though each beat is another", () => {
    const rows = new WorkerRows();
    update(rows, [member("w1", { phi: 0.2 })]);
    const next = member("w1", { phi: 0.7, lastHeartbeatUnixMs: BigInt(NOW + 800) });
    expect(update(rows, [next], NOW + 1_000)).toEqual({ added: [], changed: [], removed: [] });
  });

  it("say once since when a worker is silent", () => {
    const rows = new WorkerRows();
    const silent = member("w1");
    update(rows, [silent]);
    const index = ROW_FIELDS.indexOf("beatUnixMs");
    expect(update(rows, [silent], NOW + 6_000).changed).toEqual([[1, index, NOW - 200]]);
    expect(update(rows, [silent], NOW + 7_000).changed).toEqual([]);
  });

  it("number workers that come, and name the numbers of those that go", () => {
    const rows = new WorkerRows();
    expect(update(rows, [member("w1"), member("w2")]).added.map(([handle]) => handle)).toEqual([1, 2]);
    const { added, removed } = update(rows, [member("w2"), member("w3")]);
    expect({ added: added.map(([handle, id]) => [handle, id]), removed }).toEqual({ added: [[3, "w3"]], removed: [1] });
    expect(rows.all().map(([, id]) => id)).toEqual(["w2", "w3"]);
  });

  it("see that tags changed, by what is in them", () => {
    const rows = new WorkerRows();
    update(rows, [member("w1", { tags: new Map([["zone", "a"]]) })]);
    expect(update(rows, [member("w1", { tags: new Map([["zone", "a"]]) })]).changed).toEqual([]);
    const index = ROW_FIELDS.indexOf("tags");
    expect(update(rows, [member("w1", { tags: new Map([["zone", "b"]]) })]).changed).toEqual([
      [1, index, { zone: "b" }],
    ]);
  });

  it("a busy fleet of 1,000 changes less than 100 kB of them a second", () => {
    const rows = new WorkerRows();
    const fleet = (round: number) =>
      Array.from({ length: 1_000 }, (_, index) =>
        member(`worker-${index}`, {
          load: {
            cpuRatio: ((index + round) % 20) / 20,
            memoryRatio: 0.5,
            diskRatio: 0,
            loadAverage: 0,
            inFlight: (index + round) % 9,
            loopLagMs: 2,
          },
        }),
      );
    update(rows, fleet(0));
    expect(JSON.stringify(update(rows, fleet(1))).length).toBeLessThan(100_000);
  });
});

function series(changes: Partial<CallSeries>): CallSeries {
  return { ...WireCallSeries.fromPartial({}), ...changes };
}

describe("errorsByMember", () => {
  it("adds what methods failed with, and leaves out what went well", () => {
    const ended = (pairs: readonly (readonly [number, bigint])[]) => new Map(pairs);
    const errors = errorsByMember([
      series({ memberId: "w1", method: "a/A", ended: ended([[0, 9n], [14, 2n]]) }), // prettier-ignore
      series({ memberId: "w1", method: "a/B", ended: ended([[14, 1n], [4, 0n]]) }), // prettier-ignore
      series({ memberId: "w2", method: "a/A", ended: ended([[0, 3n]]) }),
    ]);
    expect(Object.fromEntries(errors)).toEqual({ w1: { 14: 3 } });
  });
});

describe("LatencyWindow", () => {
  const take = (window: LatencyWindow, counts: readonly bigint[]) =>
    window.take([10, 100], [series({ latencyCounts: [...counts] })], [0.5, 0.99]);

  it("tells of the calls since it was last asked", () => {
    const window = new LatencyWindow();
    expect(take(window, [100n, 100n, 100n])).toEqual([0, 0]);
    // Ten calls, all between 10 and 100 ms, spread evenly there.
    expect(take(window, [100n, 110n, 110n])).toEqual([55, 99.1]);
    expect(take(window, [100n, 110n, 110n])).toEqual([0, 0]);
  });

  it("takes the last bound for what is beyond it", () => {
    const window = new LatencyWindow();
    take(window, [0n, 0n, 0n]);
    expect(take(window, [0n, 0n, 4n])).toEqual([100, 100]);
  });
});
