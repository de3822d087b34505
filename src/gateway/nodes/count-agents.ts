import { FabricError } from "../../core/errors";
import { Status } from "../../core/status";
import type { GatewayParts } from "../gateway-parts";

/** How many agents are placed on each member. */
export async function countAgents({ agents }: Pick<GatewayParts, "agents">): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for (const { memberId } of await placedAgents(agents)) {
    if (memberId !== "") counts.set(memberId, (counts.get(memberId) ?? 0) + 1);
  }
  return counts;
}

async function placedAgents(agents: GatewayParts["agents"]) {
  try {
    return (await agents.listAgents({}, { timeoutMs: 5_000 })).agents;
  } catch (error) {
    // A director of a version that has no agents.
    if (error instanceof FabricError && error.status === Status.UNIMPLEMENTED) return [];
    throw error;
  }
}
