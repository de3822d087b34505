import { freeSlots } from "../capacity";
import type { Endpoint } from "../endpoint";
import { ProportionalTree } from "../score-tree";
import { ScoredTier } from "../scored-tier";
import { tieredPolicy } from "../tier";

/** An endpoint at random, with a probability proportional to its free slots: go_wrapper's "Capacity-weighted". */
const score = (endpoint: Endpoint, weight: number) => freeSlots(endpoint) * weight;

export const weighted = tieredPolicy(
  (endpoints, random) => new ScoredTier(endpoints, random, new ProportionalTree(endpoints.length), score),
);
