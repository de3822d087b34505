import type { BalancingPolicy } from "./picker";
import { consistentHash } from "./policies/consistent-hash";
import { leastAgents } from "./policies/least-agents";
import { leastConnections } from "./policies/least-connections";
import { leastLoaded } from "./policies/least-loaded";
import { peakEwma } from "./policies/peak-ewma";
import { powerOfTwoChoices } from "./policies/power-of-two-choices";
import { random } from "./policies/random";
import { roundRobin } from "./policies/round-robin";
import { weighted } from "./policies/weighted";

/** The built-in policies by name. A new one is a file and a line here; the conformance suite and the docs pick it up. */
export const POLICIES = {
  "round-robin": roundRobin,
  random,
  "least-connections": leastConnections,
  "least-loaded": leastLoaded,
  "least-agents": leastAgents,
  weighted,
  "power-of-two-choices": powerOfTwoChoices,
  "peak-ewma": peakEwma,
  "consistent-hash": consistentHash,
} as const satisfies Record<string, BalancingPolicy>;

export type PolicyName = keyof typeof POLICIES;

/** Used when nobody chose: it needs no reports, adapts to slow workers at once, and is what the rpcnet cluster used. */
export const DEFAULT_POLICY = "least-connections" satisfies PolicyName;
