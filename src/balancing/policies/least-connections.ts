import type { Endpoint } from "../endpoint";
import { LowestScoreTree } from "../score-tree";
import { ScoredTier } from "../scored-tier";
import { tieredPolicy } from "../tier";

/**
 * The endpoint with the fewest calls of ours in flight; among equals a random one. The default. One more call is counted, so
 * that a newcomer at a tenth of its weight counts as having ten calls even when it has none: it is not flooded.
 */
const score = (endpoint: Endpoint, weight: number) => (endpoint.inFlight + 1) / weight;

export const leastConnections = tieredPolicy(
  (endpoints, random) => new ScoredTier(endpoints, random, new LowestScoreTree(endpoints.length), score),
);
