import type { BalancingPolicy } from "../../../src/balancing/picker";
import { policiesOfModule } from "../../../src/balancing/policy-module";
import { resolvePolicyName } from "../../../src/balancing/policy-names";
import { createPolicyRegistry } from "../../../src/balancing/policy-registry";
import { POLICIES } from "../../../src/balancing/policy-table";

const mine: BalancingPolicy = () => ({ pick: () => ({ kind: "wait" }) });

describe("resolvePolicyName", () => {
  it.each([
    ["RoundRobin", "round-robin"],
    ["round_robin", "round-robin"],
    ["ROUND_ROBIN", "round-robin"],
    ["Round Robin", "round-robin"],
    ["Random", "random"],
    ["LeastConnections", "least-connections"],
    ["StrategyLeastAgents", "least-agents"],
    ["least-loaded", "least-loaded"],
    ["WEIGHTED", "weighted"],
    ["p2c", "power-of-two-choices"],
    ["P2C", "power-of-two-choices"],
    ["ewma", "peak-ewma"],
    ["ring_hash", "consistent-hash"],
  ])("R-07 G-03 takes the spelling %s for %s", (spelling, name) => {
    expect(resolvePolicyName(spelling)).toBe(name);
  });

  it.each(["", "strategy", "fastest", "constructor", "__proto__", "x".repeat(10_000)])("refuses %j", (name) => {
    expect(() => resolvePolicyName(name)).toThrow(
      /^\[INVALID_ARGUMENT\] balancing policy is ".{0,65}": use one of round-robin, random, least-connections, .*consistent-hash$/,
    );
  });
});

describe("createPolicyRegistry", () => {
  it("holds the built-in policies and the user's", () => {
    const registry = createPolicyRegistry({ extra: { "closest-first": mine } });
    expect(registry.names).toEqual([...Object.keys(POLICIES), "closest-first"]);
    expect(registry.resolve("ClosestFirst")).toMatchObject({ name: "closest-first" });
    expect(registry.resolve("RoundRobin")).toEqual({ name: "round-robin", policy: POLICIES["round-robin"] });
    expect(() => registry.resolve("fastest")).toThrow("closest-first");
  });

  it("keeps nothing of one registry in another", () => {
    createPolicyRegistry({ extra: { mine } });
    expect(() => createPolicyRegistry().resolve("mine")).toThrow("INVALID_ARGUMENT");
  });

  it.each([
    [{ random: mine }, 'balancing policy "random" exists already'],
    [{ roundrobin: mine }, 'balancing policy "roundrobin" exists already'],
    [{ "My Policy": mine }, 'balancing policy is named "My Policy"'],
    [{ broken: 5 as unknown as BalancingPolicy }, 'balancing policy "broken" is not a function'],
  ])("refuses %p", (extra, message) => {
    expect(() => createPolicyRegistry({ extra })).toThrow(message);
  });
});

describe("policiesOfModule", () => {
  function closestFirst() {
    return { pick: () => ({ kind: "wait" }) };
  }

  it.each([
    ["a default export", { default: closestFirst }, ["closest-first"]],
    ["an anonymous default export", { default: (() => () => ({ pick() {} }))() }, ["custom"]],
    ["a CommonJS module.exports", { default: closestFirst, "module.exports": closestFirst }, ["closest-first"]],
    ["TypeScript's CommonJS", { default: { __esModule: true, default: closestFirst } }, ["closest-first"]],
    ["named exports", { closestFirst, second_best: closestFirst }, ["closest-first", "second-best"]],
    ["a record by default", { default: { closestFirst } }, ["closest-first"]],
  ])("takes %s", (_title, namespace, names) => {
    expect(Object.keys(policiesOfModule(namespace, "./my-policy.js"))).toEqual(names);
  });

  it.each([
    [{}, "./my-policy.js exports nothing: export a function (endpoints, random) =>"],
    [{ default: 5 }, "./my-policy.js exports number: export a function"],
    [{ default: null }, "./my-policy.js exports null: export a function"],
    [{ limit: 5 }, './my-policy.js exports "limit", which is number'],
    [{ default: () => undefined }, "returned no picker"],
    [{ default: () => ({ pick: 1 }) }, "returned no picker"],
    [
      {
        default: () => {
          throw new Error("oops");
        },
      },
      "threw when called without endpoints: oops",
    ],
  ])("refuses %p and says why", (namespace, message) => {
    expect(() => policiesOfModule(namespace, "./my-policy.js")).toThrow(message);
  });
});
