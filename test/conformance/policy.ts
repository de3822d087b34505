import fc from "fast-check";
import type { Accounting } from "../../src/balancing/endpoint";
import type { BalancingPolicy, Picker, PickRequest } from "../../src/balancing/picker";
import { TrackedEndpoint, type EndpointTraits } from "../../src/balancing/tracked-endpoint";
import { seededRandom } from "../../src/core/random";
import { shares, simulate, SteppedClock } from "./policy-simulation";

export interface PolicyTraits {
  /** Whether the policy prefers endpoints with less load. Default true. */
  readonly looksAtLoad?: boolean;
  /** By how much of the mean a share may deviate among equals. Default 0.2. */
  readonly shareTolerance?: number;
}

const REQUEST: PickRequest = { method: "a.B/C" };

/** What every balancing policy must do. Run for each built-in policy, and fit for a user's. */
export function policyConformance(name: string, policy: BalancingPolicy, traits: PolicyTraits = {}): void {
  const { looksAtLoad = true, shareTolerance = 0.2 } = traits;

  describe(`${name} keeps the promises of a policy`, () => {
    let clock: SteppedClock;
    beforeEach(() => {
      clock = new SteppedClock();
    });

    const endpoint = (index: number, described: Partial<EndpointTraits> = {}, slowStartMs = 0) =>
      new TrackedEndpoint(`w${index}`, { address: `10.0.0.${index}:1`, ...described }, { clock, slowStartMs });
    const settled = (count: number, described: Partial<EndpointTraits> = {}) =>
      Array.from({ length: count }, (_, index) => endpoint(index, described));

    it("waits when there is no endpoint, and picks the only one there is", () => {
      const only = endpoint(1);
      expect(policy([], seededRandom(1)).pick(REQUEST)).toEqual({ kind: "wait" });
      expect(policy([only], seededRandom(1)).pick(REQUEST)).toEqual({ kind: "picked", endpoint: only });
    });

    it("picks only given endpoints, and never above their slots, whatever begins and ends", () => {
      const steps = fc.array(fc.record({ begin: fc.boolean(), which: fc.nat(), key: fc.nat(9) }), { maxLength: 120 });
      const slots = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 9 });
      fc.assert(
        fc.property(slots, steps, fc.nat(), (slotsOf, plan, seed) => {
          const endpoints = slotsOf.map((each, index) => endpoint(index, { slots: each }));
          const picker = policy(endpoints, seededRandom(seed));
          const running: Accounting[] = [];
          for (const step of plan) {
            if (!step.begin) {
              running.splice(step.which % Math.max(1, running.length), 1)[0]?.finish("ok");
              continue;
            }
            const result = picker.pick({ method: "a.B/C", affinityKey: `key-${step.key}` });
            const hasRoom = endpoints.some((each) => each.slots === 0 || each.inFlight < each.slots);
            expect(result.kind).toBe(hasRoom ? "picked" : "wait");
            const picked = result.kind === "picked" ? [result.endpoint] : [];
            expect(picked.every((each) => endpoints.includes(each))).toBe(true);
            running.push(...picked.map((each) => each.begin()));
            expect(endpoints.every((each) => each.slots === 0 || each.inFlight <= each.slots)).toBe(true);
          }
        }),
        { numRuns: 60 },
      );
    });

    it("waits while every slot is taken, and picks the one that is freed", () => {
      const endpoints = settled(3, { slots: 1 });
      const picker = policy(endpoints, seededRandom(2));
      const calls = [1, 2, 3].map(() => begin(picker));
      expect(picker.pick(REQUEST)).toEqual({ kind: "wait" });
      calls[1]!.accounting.finish("cancelled");
      expect(picker.pick(REQUEST)).toEqual({ kind: "picked", endpoint: calls[1]!.endpoint });
    });

    it("gives equals equal shares, from the first call on", () => {
      for (const slowStartMs of [0, 10_000]) {
        const endpoints = Array.from({ length: 10 }, (_, index) => endpoint(index, {}, slowStartMs));
        const picked = steadily(policy(endpoints, seededRandom(3)), { calls: 20_000, atOnce: 200 });
        const deviations = shares(picked, endpoints).map((share) => Math.abs(share / 2_000 - 1));
        expect(Math.max(...deviations)).toBeLessThanOrEqual(shareTolerance);
      }
    });

    it("gives equals equal shares where nothing is begun, as when workers are assigned and not called", () => {
      const endpoints = settled(10);
      const picker = policy(endpoints, seededRandom(4));
      const picked = Array.from({ length: 20_000 }, () => pickFrom(picker));
      const deviations = shares(picked, endpoints).map((share) => Math.abs(share / 2_000 - 1));
      expect(Math.max(...deviations)).toBeLessThanOrEqual(shareTolerance);
    });

    it("makes the same picks from the same seed", () => {
      const run = (seed: number) => {
        clock = new SteppedClock();
        const endpoints = [0, 1, 2, 3, 4].map((index) => endpoint(index, { slots: index }, 5_000));
        const calls = simulate({
          clock,
          picker: policy(endpoints, seededRandom(seed)),
          random: seededRandom(7),
          durationMs: 10_000,
          callsPerSecond: 100,
          serviceMs: () => 30,
          fails: ({ memberId }) => memberId === "w3",
        });
        return calls.map(({ memberId }) => memberId);
      };
      expect(run(5)).toEqual(run(5));
    });

    it("starves none: an endpoint that failed is trusted again, with a full share", () => {
      const endpoints = settled(5);
      const picker = policy(endpoints, seededRandom(6));
      for (let failure = 0; failure < 50; failure += 1) endpoints[2]!.begin().finish("failed");
      clock.nowMs += 60_000;
      const calls = simulate({
        clock,
        picker,
        random: seededRandom(8),
        durationMs: 30_000,
        callsPerSecond: 200,
        serviceMs: () => 50,
      });
      expect(shares(calls, endpoints)[2]! / (calls.length / 5)).toBeGreaterThanOrEqual(1 - 2 * shareTolerance);
    });

    it("gives a worker that fails in 1 ms at most its share, and less while it goes on", () => {
      const endpoints = settled(20, { slots: 32 });
      const calls = simulate({
        clock,
        picker: policy(endpoints, seededRandom(9)),
        random: seededRandom(10),
        durationMs: 20_000,
        callsPerSecond: 500,
        serviceMs: ({ memberId }) => (memberId === "w7" ? 1 : 50),
        fails: ({ memberId }) => memberId === "w7",
      });
      const late = calls.filter(({ startedAtMs }) => startedAtMs > 2_000);
      expect(shares(late, endpoints)[7]! / late.length).toBeLessThan(0.5 / 20);
    });

    it("gives a newcomer without data no flood at first, and a mean share in the end", () => {
      const old = settled(9, { slots: 100 });
      const run = (endpoints: readonly TrackedEndpoint[], durationMs: number) =>
        simulate({
          clock,
          picker: policy(endpoints, seededRandom(11)),
          random: seededRandom(12),
          durationMs,
          callsPerSecond: 1_000,
          serviceMs: () => 50 + 50 * (clock.nowMs % 1),
        });
      run(old, 5_000);
      // So busy that a policy which looks for idle endpoints would send the newcomer the next 20 calls.
      const held = old.flatMap((each) => Array.from({ length: 20 }, () => each.begin()));
      const newcomer = endpoint(9, { slots: 100 }, 10_000);
      const endpoints = [...old, newcomer];
      const first = shares(run(endpoints, 100), endpoints)[9]!;
      expect(first).toBeLessThanOrEqual(2 * (100 / 10));
      for (const each of held) each.finish("ok");
      run(endpoints, 15_000);
      const calls = run(endpoints, 30_000);
      expect(Math.abs(shares(calls, endpoints)[9]! / (calls.length / 10) - 1)).toBeLessThanOrEqual(2 * shareTolerance);
    });

    it("picks no endpoint that the call has tried while another is free, and one of them otherwise", () => {
      const endpoints = settled(4, { slots: 1 });
      const picker = policy(endpoints, seededRandom(13));
      const excluded = new Set(["w0", "w2"]);
      for (let pick = 0; pick < 200; pick += 1) {
        expect(excluded.has(pickFrom(picker, { affinityKey: `key-${pick}`, excluded }).memberId)).toBe(false);
      }
      endpoints[1]!.begin();
      endpoints[3]!.begin();
      expect([...excluded]).toContain(pickFrom(picker, { excluded }).memberId);
      const all = new Set(endpoints.map(({ memberId }) => memberId));
      expect([...excluded]).toContain(pickFrom(picker, { excluded: all }).memberId);
    });

    it("picks a standby only when no other endpoint is free and untried", () => {
      const ordinary = [endpoint(0, { slots: 1 }), endpoint(1, { slots: 1 })];
      const standby = [endpoint(2, { standby: true }), endpoint(3, { standby: true })];
      const picker = policy([standby[0]!, ...ordinary, standby[1]!], seededRandom(14));
      for (let pick = 0; pick < 100; pick += 1) {
        expect(pickFrom(picker, { affinityKey: `key-${pick}` }).standby).toBe(false);
      }
      expect(pickFrom(picker, { excluded: new Set(["w0", "w1"]) }).standby).toBe(true);
      const calls = ordinary.map((each) => each.begin());
      expect(pickFrom(picker).standby).toBe(true);
      calls[0]!.finish("ok");
      expect(pickFrom(picker)).toBe(ordinary[0]);
    });

    it("picks standbys when there is nothing else", () => {
      const standby = settled(2, { standby: true });
      expect(standby).toContain(pickFrom(policy(standby, seededRandom(15))));
    });

    it("lets go of its endpoints when it is closed", () => {
      const endpoints = [...settled(5), endpoint(5, { standby: true })];
      const picker = policy(endpoints, seededRandom(16));
      pickFrom(picker);
      picker.close?.();
      expect(endpoints.map((each) => each.observations)).toEqual([0, 0, 0, 0, 0, 0]);
    });

    if (!looksAtLoad) return;
    it("gives the more loaded endpoint the fewer calls", () => {
      const endpoints = [0, 1, 2, 3].map((index) =>
        endpoint(index, {
          slots: 20,
          reportedLoad: {
            cpuRatio: index * 0.2,
            memoryRatio: index * 0.2,
            diskRatio: 0,
            loadAverage: index,
            inFlight: 0,
            loopLagMs: 0,
          },
        }),
      );
      endpoints.forEach((each, index) => {
        for (let call = 0; call < 4 * index; call += 1) each.begin();
      });
      const picker = policy(endpoints, seededRandom(17));
      const counts = shares(
        Array.from({ length: 4_000 }, () => pickFrom(picker)),
        endpoints,
      );
      expect([...counts].sort((a, b) => b - a)).toEqual(counts);
      expect(counts[0]! / 4_000).toBeGreaterThan(1.3 / 4);
    });
  });
}

function pickFrom(picker: Picker<TrackedEndpoint>, request: Partial<PickRequest> = {}): TrackedEndpoint {
  const result = picker.pick({ ...REQUEST, ...request });
  if (result.kind !== "picked") throw new Error(`the picker said ${result.kind}`);
  return result.endpoint;
}

function begin(picker: Picker<TrackedEndpoint>): { endpoint: TrackedEndpoint; accounting: Accounting } {
  const endpoint = pickFrom(picker);
  return { endpoint, accounting: endpoint.begin() };
}

/** Makes calls one after the other, each ending when `atOnce` others have begun after it. */
function steadily(
  picker: Picker<TrackedEndpoint>,
  { calls, atOnce }: { readonly calls: number; readonly atOnce: number },
): TrackedEndpoint[] {
  const running: Accounting[] = [];
  return Array.from({ length: calls }, (_, call) => {
    const endpoint = pickFrom(picker, { affinityKey: `key-${call}` });
    running.push(endpoint.begin());
    running.splice(0, running.length - atOnce).forEach((each) => each.finish("ok"));
    return endpoint;
  });
}
