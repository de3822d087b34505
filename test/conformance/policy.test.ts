import type { Endpoint } from "../../src/balancing/endpoint";
import type { BalancingPolicy } from "../../src/balancing/picker";
import { POLICIES } from "../../src/balancing/policy-table";
import { policyConformance, type PolicyTraits } from "./policy";

const TRAITS: Record<string, PolicyTraits> = {
  "round-robin": { looksAtLoad: false, shareTolerance: 0.01 },
  random: { looksAtLoad: false },
  // Keys are spread by chance; the load factor of 1.25 bounds what that may do.
  "consistent-hash": { shareTolerance: 0.4 },
};

for (const [name, policy] of Object.entries(POLICIES)) policyConformance(name, policy, TRAITS[name]);

/** As a user might write one: no index, no observations, the fewest calls in flight found by looking at all. */
const fewestInFlight: BalancingPolicy = <E extends Endpoint>(endpoints: readonly E[], random: { unit(): number }) => ({
  pick({ excluded = new Set<string>() }) {
    const cost = (endpoint: E) =>
      (endpoint.inFlight + 1) / endpoint.weight +
      (excluded.has(endpoint.memberId) ? 1e9 : 0) +
      (endpoint.standby ? 1e6 : 0) +
      random.unit() / 1e3;
    const [best] = endpoints
      .filter((endpoint) => endpoint.slots === 0 || endpoint.inFlight < endpoint.slots)
      .map((endpoint) => ({ endpoint, cost: cost(endpoint) }))
      .sort((a, b) => a.cost - b.cost);
    return best ? { kind: "picked", endpoint: best.endpoint } : { kind: "wait" };
  },
});

policyConformance("a user's policy", fewestInFlight);
