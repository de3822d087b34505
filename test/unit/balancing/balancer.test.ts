import { Balancer, type BalancerOptions, type BalancerRequest } from "../../../src/balancing/balancer";
import type { BalancingPolicy } from "../../../src/balancing/picker";
import { createPolicyRegistry } from "../../../src/balancing/policy-registry";
import { POLICIES } from "../../../src/balancing/policy-table";
import { serviceOf } from "../../../src/balancing/service-index";
import { TrackedEndpoint, type EndpointTraits } from "../../../src/balancing/tracked-endpoint";
import { seededRandom } from "../../../src/core/random";
import { SteppedClock } from "../../conformance/policy-simulation";

const clock = new SteppedClock();
const REQUEST: BalancerRequest = { method: "a.B/C" };

function worker(memberId: string, traits: Partial<EndpointTraits> = {}): TrackedEndpoint {
  return new TrackedEndpoint(memberId, { services: ["a.B"], ...traits }, { clock, slowStartMs: 0 });
}

function open(endpoints: readonly TrackedEndpoint[], options: Partial<BalancerOptions> = {}) {
  const balancer = new Balancer<TrackedEndpoint>({ random: seededRandom(1), ...options });
  balancer.publish(endpoints);
  return balancer;
}

/** Members picked by many picks, sorted. */
function picked(balancer: Balancer<TrackedEndpoint>, request: Partial<BalancerRequest> = {}): string[] {
  const members = new Set<string>();
  for (let pick = 0; pick < 60; pick += 1) {
    const result = balancer.pick({ ...REQUEST, ...request });
    members.add(result.kind === "picked" ? result.endpoint.memberId : result.kind);
  }
  return [...members].sort();
}

describe("Balancer", () => {
  it("picks among the workers that serve the method's service", () => {
    const balancer = open([
      worker("w1"),
      worker("w2", { services: ["a.B", "x.Y"] }),
      worker("w3", { services: ["x.Y"] }),
    ]);
    expect(picked(balancer)).toEqual(["w1", "w2"]);
    expect(picked(balancer, { method: "x.Y/Z" })).toEqual(["w2", "w3"]);
    expect(picked(balancer, { method: "/x.Y/Z" })).toEqual(["w2", "w3"]);
    expect(picked(balancer, { method: "un.Known/Z" })).toEqual(["wait"]);
  });

  it.each([
    ["a.B/C", "a.B"],
    ["/a.B/C", "a.B"],
    ["a.B", "a.B"],
    ["/", ""],
    ["", ""],
  ])("reads %j as a method of %j", (method, service) => {
    expect(serviceOf(method)).toBe(service);
  });

  it("sees what is published at once, and nothing of what was before", () => {
    const balancer = open([worker("w1")]);
    expect(picked(balancer)).toEqual(["w1"]);
    balancer.publish([worker("w2")]);
    expect(picked(balancer)).toEqual(["w2"]);
    balancer.publish([]);
    expect(picked(balancer)).toEqual(["wait"]);
  });

  it("R-09 G-03 keeps a call to the workers that its selector matches", () => {
    const balancer = open([
      worker("w1", { tags: { gpu: "true", zone: "a" } }),
      worker("w2", { tags: { gpu: "true", zone: "b" } }),
      worker("w3", { tags: { zone: "a" } }),
    ]);
    expect(picked(balancer, { match: "gpu=true" })).toEqual(["w1", "w2"]);
    expect(picked(balancer, { match: "gpu=true,zone=a" })).toEqual(["w1"]);
    expect(picked(balancer, { match: "gpu=true", policy: "random" })).toEqual(["w1", "w2"]);
    expect(picked(balancer, { match: "zone=c" })).toEqual(["wait"]);
    expect(picked(balancer, { match: "" })).toEqual(["w1", "w2", "w3"]);
  });

  it.each([
    [{ match: "gpu=" + "x".repeat(2_000) }, "INVALID_ARGUMENT"],
    [{ match: "gpu=true," }, "INVALID_ARGUMENT"],
    [{ policy: "fastest" }, "INVALID_ARGUMENT"],
    [{ policy: "round-robin\n!gpu" }, "INVALID_ARGUMENT"],
    [{ match: "round-robin\n!gpu" }, "INVALID_ARGUMENT"],
  ])("fails a request that is wrong in itself: %j", (request, code) => {
    const balancer = open([worker("w1")]);
    picked(balancer, { policy: "round-robin", match: "!gpu" }); // so that its picker is there to be mistaken for
    expect(balancer.pick({ ...REQUEST, ...request })).toMatchObject({ kind: "fail", error: { code } });
  });

  it("G-03 R-07 changes its policy at run time, under any spelling, and refuses unknown ones without changing", () => {
    const balancer = open([worker("w1"), worker("w2"), worker("w3")]);
    expect(balancer.policyName).toBe("least-connections");
    balancer.setPolicy("RoundRobin");
    expect(balancer.policyName).toBe("round-robin");
    const turns = Array.from({ length: 6 }, () => balancer.pick(REQUEST)).map(
      (result) => result.kind === "picked" && result.endpoint.memberId,
    );
    expect(turns.slice(3)).toEqual(turns.slice(0, 3));
    expect(() => balancer.setPolicy("fastest")).toThrow("INVALID_ARGUMENT");
    expect(balancer.policyName).toBe("round-robin");
  });

  it("lets a call choose its own policy, and gives all spellings one picker", () => {
    const balancer = open([worker("w1"), worker("w2")]);
    for (const policy of ["round-robin", "RoundRobin", "ROUND_ROBIN", "rr"]) picked(balancer, { policy });
    expect(balancer.cachedPickers).toBe(1);
  });

  it("picks a pinned worker only, and waits while it is away, full, or does not serve the method", () => {
    const only = worker("w2", { slots: 1 });
    const balancer = open([worker("w1"), only]);
    expect(picked(balancer, { memberId: "w2" })).toEqual(["w2"]);
    expect(picked(balancer, { memberId: "w9" })).toEqual(["wait"]);
    expect(picked(balancer, { memberId: "w2", method: "x.Y/Z" })).toEqual(["wait"]);
    const call = only.begin();
    expect(picked(balancer, { memberId: "w2" })).toEqual(["wait"]);
    call.finish("ok");
    expect(picked(balancer, { memberId: "w2" })).toEqual(["w2"]);
  });

  it("lets go of endpoints when a newer snapshot or policy takes their place", () => {
    const endpoints = [worker("w1"), worker("w2", { standby: true })];
    const balancer = open(endpoints);
    for (const policy of Object.keys(POLICIES)) picked(balancer, { policy, match: "!gpu" });
    expect(endpoints[0]!.observations).toBeGreaterThan(0);
    balancer.setPolicy("random");
    expect(endpoints.map((each) => each.observations)).toEqual([0, 0]);
    picked(balancer);
    balancer.publish([]);
    expect(endpoints.map((each) => each.observations)).toEqual([0, 0]);
  });

  it("shares a picker among services that the same workers serve", () => {
    const services = ["a.B", "x.Y", "grpc.health.v1.Health"];
    const endpoints = [worker("w1", { services }), worker("w2", { services })];
    const balancer = open(endpoints);
    for (const service of services) picked(balancer, { method: `${service}/M` });
    expect(balancer.cachedPickers).toBe(1);
  });

  it("does not start at the same worker in each snapshot", () => {
    const endpoints = Array.from({ length: 20 }, (_, index) => worker(`w${index}`));
    const balancer = open(endpoints, { policy: "round-robin" });
    const firsts = new Set<unknown>();
    for (let snapshot = 0; snapshot < 100; snapshot += 1) {
      balancer.publish(endpoints);
      firsts.add(balancer.pick(REQUEST));
    }
    const members = new Set([...firsts].map((result) => (result as { endpoint: TrackedEndpoint }).endpoint.memberId));
    expect(members.size).toBeGreaterThan(15);
  });

  it("keeps a bounded number of pickers whatever selectors callers make up, the ones in use first", () => {
    const endpoints = [worker("w1"), worker("w2")];
    const balancer = open(endpoints, { pickersMax: 8 });
    for (let made = 0; made < 1_000; made += 1) {
      balancer.pick({ ...REQUEST, match: "!gpu" });
      balancer.pick({ ...REQUEST, match: `zone!=${made}` });
    }
    expect(balancer.cachedPickers).toBe(8);
    const before = endpoints[0]!.observations;
    balancer.pick({ ...REQUEST, match: "!gpu" });
    expect(endpoints[0]!.observations).toBe(before);
  });

  it("keeps a bounded number of endpoints in its pickers together", () => {
    const endpoints = Array.from({ length: 100 }, (_, index) => worker(`w${index}`));
    const balancer = open(endpoints, { endpointsMax: 350 });
    for (let made = 0; made < 20; made += 1) balancer.pick({ ...REQUEST, match: `zone!=${made}` });
    expect(balancer.cachedPickers).toBe(3);
  });

  it("does not remember methods without end", () => {
    const balancer = open([worker("w1")]);
    for (let made = 0; made < 5_000; made += 1) balancer.pick({ method: `a.B/${made}` });
    expect(picked(balancer, { method: "a.B/C" })).toEqual(["w1"]);
  });

  it("tells listeners of each publish until they leave", () => {
    const balancer = open([]);
    let heard = 0;
    const leave = balancer.onPublish(() => (heard += 1));
    balancer.publish([worker("w1")]);
    balancer.setPolicy("random");
    leave();
    balancer.publish([]);
    expect(heard).toBe(2);
  });

  it("takes a user's policy", () => {
    const last: BalancingPolicy = (endpoints) => ({ pick: () => ({ kind: "picked", endpoint: endpoints.at(-1)! }) });
    const registry = createPolicyRegistry({ extra: { last } });
    expect(picked(open([worker("w1"), worker("w2")], { registry, policy: "last" }))).toEqual(["w2"]);
  });

  it.each([
    ["throws when it is made", () => fail("oops"), "threw: oops"],
    ["throws when it picks", () => ({ pick: () => fail("oops") }), "threw: oops"],
    ["returns nothing", () => ({ pick: () => undefined }), "returned neither"],
    ["returns a name", () => ({ pick: () => ({ kind: "picked", endpoint: "w1" }) }), "returned neither"],
  ])("fails the call when a user's policy %s", (_title, policy, message) => {
    const registry = createPolicyRegistry({ extra: { broken: policy as unknown as BalancingPolicy } });
    const result = open([worker("w1")], { registry }).pick({ ...REQUEST, policy: "broken" });
    expect(result).toMatchObject({ kind: "fail", error: { code: "NO_READY_WORKER" } });
    expect((result as { error: Error }).error.message).toContain(`balancing policy "broken" ${message}`);
  });

  it("gives up pickers that are no longer asked for, since they would cost every call their notifications", () => {
    const endpoints = [worker("w1"), worker("w2")];
    const balancer = open(endpoints);
    for (let made = 0; made < 20; made += 1) balancer.pick({ ...REQUEST, match: `zone!=${made}` });
    expect(balancer.cachedPickers).toBe(20);
    for (let pick = 0; pick < 25_000; pick += 1) balancer.pick({ ...REQUEST, match: "zone!=7" });
    expect(balancer.cachedPickers).toBe(1);
    expect(endpoints[0]!.observations).toBe(1);
  });
});

function fail(message: string): never {
  throw new Error(message);
}
