import { FabricError } from "../../core/errors";
import { Status } from "../../core/status";
import type { Agent } from "../../wire/contract";
import type { GatewayParts } from "../gateway-parts";

/** All named agents. */
export async function placedAgents(agents: GatewayParts["agents"]): Promise<readonly Agent[]> {
  try {
    return (await agents.listAgents({}, { timeoutMs: 5_000 })).agents;
  } catch (error) {
    // A director of a version that has no agents.
    if (error instanceof FabricError && error.status === Status.UNIMPLEMENTED) return [];
    throw error;
  }
}

/** How many agents are placed on each member. */
export function countByMember(agents: readonly Agent[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { memberId } of agents) if (memberId !== "") counts.set(memberId, (counts.get(memberId) ?? 0) + 1);
  return counts;
}
