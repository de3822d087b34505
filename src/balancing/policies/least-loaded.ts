import { NO_LOAD } from "../../core/member";
import { slotRatio } from "../capacity";
import type { Endpoint } from "../endpoint";
import { LowestScoreTree } from "../score-tree";
import { ScoredTier } from "../scored-tier";
import { tieredPolicy } from "../tier";

/** How busy the machine is, 0–1, without the calls we know of: go_wrapper's formula, less its third term. */
function machineLoad(endpoint: Endpoint): number {
  return 0.4 * endpoint.reportedLoad.cpuRatio + 0.3 * endpoint.reportedLoad.memoryRatio;
}

/** The load of an endpoint by go_wrapper's formula: 0.4 CPU + 0.3 memory + 0.3 slots in use, 0–1. */
export function endpointLoad(endpoint: Endpoint): number {
  return machineLoad(endpoint) + 0.3 * slotRatio(endpoint);
}

/**
 * The least loaded endpoint; among equals a random one. One that has not reported counts as loaded as the mean of those that
 * have, since taking silence for idleness would flood every newcomer. A weight below 1 shrinks what it has free.
 */
export const leastLoaded = tieredPolicy((endpoints, random) => {
  const reported = endpoints.filter((endpoint) => endpoint.reportedLoad !== NO_LOAD);
  const meanLoad = reported.reduce((sum, endpoint) => sum + machineLoad(endpoint), 0) / Math.max(1, reported.length);
  const score = (endpoint: Endpoint, weight: number) => {
    const machine = endpoint.reportedLoad === NO_LOAD ? meanLoad : machineLoad(endpoint);
    return 1 - (1 - machine - 0.3 * slotRatio(endpoint)) * weight;
  };
  return new ScoredTier(endpoints, random, new LowestScoreTree(endpoints.length), score);
});
