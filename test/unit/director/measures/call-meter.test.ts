import fc from "fast-check";

import type { EndedCall } from "../../../../src/balancing/ended-call";
import { Status } from "../../../../src/core/status";
import { CallMeter, OTHER, SERIES_MAX, type CallMeterParts } from "../../../../src/director/measures/call-meter";
import type { CallSeries } from "../../../../src/director/measures/call-series";
import { LATENCY_BOUNDS_MS, latencyClass, quantileMs } from "../../../../src/director/measures/latency-scale";
import { ManualClock } from "../../../../src/testing/manual-clock";

const ECHO = "test.EchoService/Echo";
const KNOWN = new Set([`/${ECHO}`, "/test.EchoService/Other"]);

let clock: ManualClock;
let members: Set<string>;

function meter(parts: Partial<CallMeterParts> = {}): CallMeter {
  return new CallMeter({
    clock,
    isKnown: (path) => KNOWN.has(path),
    isMember: (memberId) => members.has(memberId),
    ...parts,
  });
}

function call(facts: Partial<EndedCall> & { readonly tookMs?: number } = {}): EndedCall {
  const { tookMs = 4, ...rest } = facts;
  const endedAtMs = clock.monotonicMs();
  return {
    method: ECHO,
    memberId: "w1",
    status: Status.OK,
    attempts: 1,
    startedAtMs: endedAtMs - tookMs,
    endedAtMs,
    attemptMs: tookMs,
    ...rest,
  };
}

const summary = (series: readonly CallSeries[]) =>
  Object.fromEntries(
    series.map(({ method, memberId, counts }) => [`${method} ${memberId}`, Object.fromEntries(counts.ended)]),
  );

beforeEach(() => {
  clock = new ManualClock({ startMs: 100_000 });
  members = new Set(["w1", "w2"]);
});

describe("The meter of calls", () => {
  it("counts calls by method, member and status", () => {
    const counts = meter();
    for (let count = 0; count < 3; count += 1) counts.callEnded(call());
    counts.callEnded(call({ status: Status.NOT_FOUND }));
    counts.callEnded(call({ memberId: "w2" }));
    counts.callEnded(call({ memberId: "", status: Status.UNAVAILABLE, attemptMs: undefined, attempts: 0 }));
    expect(summary(counts.series())).toEqual({
      [`${ECHO} w1`]: { [Status.OK]: 3, [Status.NOT_FOUND]: 1 },
      [`${ECHO} w2`]: { [Status.OK]: 1 },
      [`${ECHO} `]: { [Status.UNAVAILABLE]: 1 },
    });
  });

  it("counts how long calls took from their beginning, waiting included, each in the class of its bound", () => {
    const counts = meter();
    for (const tookMs of [0, 0.5, 0.5625, 60_000, 60_001]) counts.callEnded(call({ tookMs, attemptMs: 1 }));
    const [series] = counts.series();
    const last = LATENCY_BOUNDS_MS.length;
    expect(series!.counts.latency).toEqual([[0, 1], [2, 1], [3, 1], [last - 1, 1], [last, 1]]); // prettier-ignore
    expect(series!.latencySumMs).toBeCloseTo(120_002.0625);
  });

  it("M2 gives a method that callers invent no series of its own, whatever they are refused with", () => {
    const counts = meter();
    for (let count = 0; count < 5_000; count += 1) {
      counts.callEnded(call({ method: `test.EchoService/Invented${count}`, status: Status.UNIMPLEMENTED }));
      counts.callEnded(call({ method: `x.Y/Z${count}`, memberId: "", status: Status.UNIMPLEMENTED, attempts: 0 }));
    }
    expect(summary(counts.series())).toEqual({
      [`${OTHER} w1`]: { [Status.UNIMPLEMENTED]: 5_000 },
      [`${OTHER} `]: { [Status.UNIMPLEMENTED]: 5_000 },
    });
  });

  it("tells a method apart that was known once, also while nobody serves it: that is when its failures are looked for", () => {
    let isKnown = true;
    const counts = meter({ isKnown: () => isKnown });
    counts.callEnded(call());
    isKnown = false;
    counts.callEnded(call({ memberId: "", status: Status.UNAVAILABLE }));
    expect(Object.keys(summary(counts.series()))).toEqual([`${ECHO} w1`, `${ECHO} `]);
  });

  it("keeps the names of a bounded number of methods", () => {
    const counts = meter({ isKnown: () => true });
    for (let count = 0; count < 1_500; count += 1) counts.callEnded(call({ method: `a.B/C${count}` }));
    expect(counts.series()).toHaveLength(1_025);
  });

  it("M2 tells a method without a contract apart once a worker has answered it, up to a bound", () => {
    const counts = meter();
    counts.callEnded(call({ method: "plain.Service/Get", status: Status.INTERNAL }));
    counts.callEnded(call({ method: "plain.Service/Get" }));
    counts.callEnded(call({ method: "plain.Service/Get", status: Status.INTERNAL }));
    expect(summary(counts.series())).toEqual({
      [`${OTHER} w1`]: { [Status.INTERNAL]: 1 },
      "plain.Service/Get w1": { [Status.OK]: 1, [Status.INTERNAL]: 1 },
    });
    for (let count = 0; count < 1_000; count += 1) counts.callEnded(call({ method: `plain.Service/Get${count}` }));
    expect(counts.series().length).toBeLessThanOrEqual(258);
  });

  it("keeps a bounded number of series, and still counts every call", () => {
    const counts = meter({ isKnown: () => true, isMember: () => true });
    const calls = SERIES_MAX + 500;
    for (let count = 0; count < calls; count += 1) {
      counts.callEnded(call({ method: `a.B/C${count % 500}`, memberId: `m${count >> 8}-${count % 500}` }));
    }
    const series = counts.series();
    expect(series.length).toBeLessThanOrEqual(SERIES_MAX + 1);
    expect(series.reduce((sum, { ended }) => sum + ended[Status.OK]!, 0)).toBe(calls);
    expect(series.find(({ method }) => method === OTHER)?.ended[Status.OK]).toBe(500);
  });

  it("makes room for those who are there by what members had that are gone", () => {
    const counts = meter({ isKnown: () => true });
    for (let count = 0; count < SERIES_MAX; count += 1) counts.callEnded(call({ memberId: `gone${count}` }));
    counts.callEnded(call({ memberId: "w2" }));
    expect(summary(counts.series())).toEqual({ [`${ECHO} w2`]: { [Status.OK]: 1 } });
  });

  it("M3 tells of a member that is gone for ten minutes, and afterwards of all departed together: sums do not fall", async () => {
    const counts = meter();
    const total = () =>
      [...counts.series(), ...counts.departed()].reduce((sum, series) => sum + series.ended[Status.OK]!, 0);
    counts.callEnded(call());
    counts.callEnded(call({ memberId: "w2" }));
    members.delete("w1");
    counts.forgetGone();
    await clock.advance(599_000);
    counts.forgetGone();
    expect(Object.keys(summary(counts.series()))).toEqual([`${ECHO} w1`, `${ECHO} w2`]);
    await clock.advance(1_000);
    counts.forgetGone();
    expect(Object.keys(summary(counts.series()))).toEqual([`${ECHO} w2`]);
    expect(summary(counts.departed())).toEqual({ [`${ECHO} `]: { [Status.OK]: 1 } });
    expect(total()).toBe(2);
    counts.callEnded(call());
    expect(total()).toBe(3);
  });

  it("M3 goes on with the counts of a member that comes back in time", async () => {
    const counts = meter();
    counts.callEnded(call());
    members.delete("w1");
    counts.forgetGone();
    await clock.advance(590_000);
    members.add("w1");
    counts.forgetGone();
    members.delete("w1");
    counts.forgetGone();
    await clock.advance(590_000);
    counts.forgetGone();
    counts.callEnded(call());
    expect(summary(counts.series())).toEqual({ [`${ECHO} w1`]: { [Status.OK]: 2 } });
  });

  it("adds up what other processes count, whichever of them counts what and when they tell", () => {
    const facts = fc.record({
      method: fc.constantFrom(ECHO, "test.EchoService/Other", OTHER),
      memberId: fc.constantFrom("w1", "w2", ""),
      status: fc.constantFrom(Status.OK, Status.INTERNAL, Status.CANCELLED),
      tookMs: fc.integer({ min: 0, max: 70_000 }),
      process: fc.nat(2),
      tells: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(facts, { maxLength: 60 }), (calls) => {
        const alone = meter();
        const director = meter();
        const processes = [meter(), meter()];
        for (const { process, tells, ...each } of calls) {
          alone.callEnded(call(each));
          (processes[process] ?? director).callEnded(call(each));
          const teller = processes[process];
          if (tells && teller) director.add(JSON.parse(JSON.stringify(teller.take())) as ReturnType<CallMeter["take"]>);
        }
        for (const process of processes) director.add(process.take());
        expect(facetsOf(director)).toEqual(facetsOf(alone));
      }),
      { numRuns: 200 },
    );
  });
});

const facetsOf = (counts: CallMeter) => ({
  series: counts
    .series()
    .map(({ counts: { latencySumMs, ...each } }) => ({ ...each, latencySumMs: Math.round(latencySumMs) }))
    .sort((a, b) => (`${a.method} ${a.memberId}` < `${b.method} ${b.memberId}` ? -1 : 1)),
  recent: ["w1", "w2"].map((memberId) => counts.recentMs(memberId, [0.5, 0.99])),
});

describe("Quantiles of a member's latency", () => {
  it("are of about the last minute", async () => {
    const counts = meter();
    for (let count = 0; count < 100; count += 1) counts.callEnded(call({ tookMs: 900 }));
    expect(counts.recentMs("w1", [0.5])[0]).toBeGreaterThan(750);
    await clock.advance(29_000);
    for (let count = 0; count < 100; count += 1) counts.callEnded(call({ tookMs: 4 }));
    expect(counts.recentMs("w1", [0.99])[0]).toBeGreaterThan(750);
    await clock.advance(30_000);
    expect(counts.recentMs("w1", [0.99])[0]).toBeGreaterThan(750);
    counts.callEnded(call({ tookMs: 4 }));
    await clock.advance(31_000);
    expect(counts.recentMs("w1", [0.99])[0]).toBeLessThanOrEqual(5);
    await clock.advance(60_000);
    expect(counts.recentMs("w1", [0.5, 0.99])).toEqual([0, 0]);
  });

  it("are of attempts, and leave out what was cancelled or never sent", () => {
    const counts = meter();
    counts.callEnded(call({ tookMs: 5_000, attemptMs: 4 }));
    counts.callEnded(call({ tookMs: 9_000, attemptMs: undefined, status: Status.CANCELLED }));
    expect(counts.recentMs("w1", [0.99])[0]).toBeLessThanOrEqual(5);
    expect(counts.recentMs("nobody", [0.5, 0.99])).toEqual([0, 0]);
  });

  it("are within the class of the true one", () => {
    const latencies = fc.array(fc.double({ min: 0, max: 70_000, noNaN: true }), { minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(latencies, fc.constantFrom(0.5, 0.9, 0.99), (values, quantile) => {
        const counts = new Float64Array(LATENCY_BOUNDS_MS.length + 1);
        for (const value of values) counts[latencyClass(value)]! += 1;
        const sorted = [...values].sort((a, b) => a - b);
        const index = latencyClass(sorted[Math.ceil(quantile * values.length) - 1]!);
        const estimateMs = quantileMs(counts, quantile);
        expect(estimateMs).toBeGreaterThanOrEqual(LATENCY_BOUNDS_MS[index - 1] ?? 0);
        expect(estimateMs).toBeLessThanOrEqual(LATENCY_BOUNDS_MS[index] ?? 60_000);
      }),
    );
  });
});
