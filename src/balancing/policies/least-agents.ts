import { usedSlots } from "../capacity";
import type { Endpoint } from "../endpoint";
import { LowestScoreTree } from "../score-tree";
import { ScoredTier } from "../scored-tier";
import { tieredPolicy } from "../tier";

/** The endpoint with the fewest slots in use, whoever uses them; among equals a random one. go_wrapper's "Fewest active agents". */
const score = (endpoint: Endpoint, weight: number) => (usedSlots(endpoint) + 1) / weight;

export const leastAgents = tieredPolicy(
  (endpoints, random) => new ScoredTier(endpoints, random, new LowestScoreTree(endpoints.length), score),
);
