import type { Node } from "../nodes/node";
import { roleOf, statusOf } from "./piccolo-words";

/**
 * - healthy: every node that should be online is. Who is in maintenance should not.
 * - unhealthy: there are sub nodes that should be, and none is.
 * - degraded: all between, and when the store does not answer.
 */
export function clusterHealth(nodes: readonly Node[], storeAvailable: boolean) {
  const known = nodes.map((node) => ({ status: statusOf(node), role: roleOf(node) }));
  const expected = known.filter(({ status }) => status !== "maintenance");
  const online = expected.filter(({ status }) => status === "online");
  const expectedSubs = expected.filter(({ role }) => role === "sub").length;
  const onlineSubs = online.filter(({ role }) => role === "sub").length;
  const isComplete = online.length === expected.length && storeAvailable;
  const status = expectedSubs > 0 && onlineSubs === 0 ? "unhealthy" : isComplete ? "healthy" : "degraded";
  return {
    status,
    total_nodes: known.length,
    online_nodes: online.length,
    master_nodes: known.filter(({ role }) => role === "master").length,
    sub_nodes: known.filter(({ role }) => role === "sub").length,
  };
}
