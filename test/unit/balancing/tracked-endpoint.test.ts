import fc from "fast-check";
import type { CallOutcome } from "../../../src/balancing/endpoint";
import { TrackedEndpoint, type EndpointTraits } from "../../../src/balancing/tracked-endpoint";
import { NO_LOAD } from "../../../src/core/member";
import { SteppedClock } from "../../conformance/policy-simulation";

const OUTCOMES: readonly CallOutcome[] = ["ok", "failed", "cancelled"];

function open(traits: Partial<EndpointTraits> = {}, slowStartMs = 0) {
  const clock = new SteppedClock();
  return { clock, endpoint: new TrackedEndpoint("w1", traits, { clock, slowStartMs }) };
}

describe("TrackedEndpoint", () => {
  it("R-07 E1 counts go up at begin and down exactly once, in whatever order and however often calls are ended", () => {
    const endings = fc.array(fc.array(fc.constantFrom(...OUTCOMES), { minLength: 1, maxLength: 4 }), { maxLength: 20 });
    fc.assert(
      fc.property(endings, fc.array(fc.nat()), (plans, order) => {
        const { endpoint } = open({ slots: 5 });
        const calls = plans.map((outcomes) => ({ accounting: endpoint.begin(), outcomes }));
        expect(endpoint.inFlight).toBe(plans.length);
        // All the endings of all calls, shuffled together: a call is ended again long after others.
        const steps = calls.flatMap(({ accounting, outcomes }) => outcomes.map((outcome) => ({ accounting, outcome })));
        const shuffled = steps
          .map((step, index) => ({ step, key: order[index % Math.max(1, order.length)] ?? 0 }))
          .sort((a, b) => a.key - b.key);
        const ended = new Map<unknown, CallOutcome>();
        for (const { step } of shuffled) {
          ended.set(step.accounting, ended.get(step.accounting) ?? step.outcome);
          step.accounting.finish(step.outcome);
          expect(endpoint.inFlight).toBe(plans.length - ended.size);
        }
        const count = (outcome: CallOutcome) => [...ended.values()].filter((each) => each === outcome).length;
        expect(endpoint.inFlight).toBe(0);
        expect(endpoint.counts).toEqual({
          started: plans.length,
          ok: count("ok"),
          failed: count("failed"),
          cancelled: count("cancelled"),
        });
      }),
    );
  });

  it("E2 takes a cancelled call for neither a failure nor an answer", () => {
    const { clock, endpoint } = open();
    const call = endpoint.begin();
    clock.nowMs = 5_000;
    call.finish("cancelled");
    expect(endpoint.weight).toBe(1);
    expect(endpoint.meanLatencyMs).toBe(0);
    expect(endpoint.counts).toEqual({ started: 1, ok: 0, failed: 0, cancelled: 1 });
  });

  it("E3 takes a quick failure for no sign of speed, and a slow one for a sign of slowness", () => {
    const { clock, endpoint } = open();
    const after = (latencyMs: number, outcome: CallOutcome) => {
      const call = endpoint.begin();
      clock.nowMs += latencyMs;
      call.finish(outcome);
    };
    after(100, "ok");
    after(1, "failed");
    expect(endpoint.meanLatencyMs).toBe(100);
    after(3_000, "failed");
    expect(endpoint.peakLatencyMs).toBe(3_000);
  });

  describe("slow start", () => {
    it.each([
      [0, 0.1],
      [999, 0.1],
      [2_500, 0.25],
      [5_000, 0.5],
      [9_999, 0.9999],
      [10_000, 1],
      [3_600_000, 1],
    ])("gives a newcomer of %d ms a weight of %d", (ageMs, weight) => {
      const { clock, endpoint } = open({}, 10_000);
      clock.nowMs = ageMs;
      expect(endpoint.weight).toBeCloseTo(weight, 6);
    });

    it("begins anew when the worker rejoins, without forgetting calls in flight", () => {
      const { clock, endpoint } = open({ reportedLoad: { ...NO_LOAD, cpuRatio: 1 } }, 10_000);
      const call = endpoint.begin();
      clock.nowMs = 20_000;
      call.finish("ok");
      endpoint.begin();
      endpoint.rejoin();
      expect(endpoint.weight).toBe(0.1);
      expect(endpoint.meanLatencyMs).toBe(0);
      expect(endpoint.reportedLoad).toBe(NO_LOAD);
      expect(endpoint.inFlight).toBe(1);
    });
  });

  describe("failure penalty", () => {
    it.each([
      [1, 1 / 2],
      [2, 1 / 3],
      [4, 1 / 5],
      [16, 1 / 17],
      [1_000, 1 / 17],
    ])("after %d failures in a row the weight is %d", (failures, weight) => {
      const { endpoint } = open();
      for (let failure = 0; failure < failures; failure += 1) endpoint.begin().finish("failed");
      expect(endpoint.weight).toBeCloseTo(weight, 6);
    });

    it("halves every 3 s and with every success, and is over within 25 s", () => {
      const { clock, endpoint } = open();
      for (let failure = 0; failure < 4; failure += 1) endpoint.begin().finish("failed");
      clock.nowMs = 3_000;
      expect(endpoint.weight).toBeCloseTo(1 / 3, 6);
      endpoint.begin().finish("ok");
      expect(endpoint.weight).toBeCloseTo(1 / 2, 6);
      for (let failure = 0; failure < 100; failure += 1) endpoint.begin().finish("failed");
      clock.nowMs += 25_000;
      expect(endpoint.weight).toBe(1);
    });

    it("never lets the weight fall to where an endpoint starves", () => {
      const { endpoint } = open({}, 10_000);
      for (let failure = 0; failure < 100; failure += 1) endpoint.begin().finish("failed");
      expect(endpoint.weight).toBe(0.05);
    });
  });

  describe("foreign calls", () => {
    const report = (endpoint: TrackedEndpoint, inFlight: number) =>
      endpoint.update({ reportedLoad: { ...NO_LOAD, inFlight } });

    it("are what the worker reports beyond our own, smoothed", () => {
      const { endpoint } = open();
      endpoint.begin();
      endpoint.begin();
      for (let beat = 0; beat < 30; beat += 1) report(endpoint, 12);
      expect(endpoint.foreignCalls).toBeCloseTo(10, 2);
    });

    it("are none when reports differ from our count only by being late", () => {
      const { endpoint } = open();
      endpoint.begin();
      for (const reported of [2, 0, 1, 2, 0, 1, 0, 2, 1]) report(endpoint, reported);
      expect(endpoint.foreignCalls).toBe(0);
    });
  });

  describe("observers", () => {
    function watched(topic: "load" | "availability", traits: Partial<EndpointTraits>) {
      const { clock, endpoint } = open(traits);
      const seen: string[] = [];
      const observer = {
        endpointChanged: (position: number) => seen.push(`${position}:${endpoint.inFlight}/${endpoint.slots}`),
      };
      endpoint.observe(observer, 7, topic);
      return { clock, endpoint, observer, seen };
    }

    it("E4 of load hear of each begin, finish and report, after it happened", () => {
      const { endpoint, seen } = watched("load", { slots: 9 });
      const call = endpoint.begin();
      endpoint.update({ reportedLoad: NO_LOAD });
      call.finish("ok");
      call.finish("ok");
      expect(seen).toEqual(["7:1/9", "7:1/9", "7:0/9"]);
    });

    it("of availability hear only of becoming full, free, or less worthy", () => {
      const { endpoint, seen } = watched("availability", { slots: 2 });
      const calls = [endpoint.begin(), endpoint.begin()];
      calls[0]!.finish("ok");
      calls[1]!.finish("failed");
      endpoint.update({ slots: 1 });
      expect(seen).toEqual(["7:2/2", "7:1/2", "7:0/2", "7:0/1"]);
    });

    it("are told nothing after they left, and others still are", () => {
      const { endpoint, observer, seen } = watched("load", {});
      const other: number[] = [];
      endpoint.observe({ endpointChanged: (position) => other.push(position) }, 8, "load");
      endpoint.observe(observer, 9, "load");
      endpoint.unobserve(observer);
      endpoint.begin();
      expect([seen, other]).toEqual([[], [8]]);
      expect(endpoint.observations).toBe(1);
    });
  });

  it("takes over what an update gives and keeps the rest", () => {
    const { endpoint } = open({ address: "a:1", services: ["x.Y"], tags: { gpu: "true" }, slots: 4 });
    endpoint.update({ address: "b:2", slots: 0, standby: true });
    expect(endpoint).toMatchObject({ address: "b:2", slots: 0, standby: true, tags: { gpu: "true" } });
    expect([...endpoint.services]).toEqual(["x.Y"]);
  });
});
