import { FabricError } from "../../core/errors";
import { NO_LOAD, type IntentKind, type Load, type ReportedCondition } from "../../core/member";
import { conditionToWire, intentKindToWire, loadToWire } from "../../wire/member-codec";
import type { GatewayParts } from "../gateway-parts";
import { ASK_TIMEOUT_MS, findNode, readNodes, type NodesParts } from "./cluster-nodes";
import { nodeOfMember, type Node } from "./node";

const TIMEOUT = { timeoutMs: ASK_TIMEOUT_MS };

export interface NodeReport {
  /** "offline" is its goodbye. */
  readonly condition: ReportedCondition | "offline" | undefined;
  readonly load: Partial<Load>;
}

/**
 * A heartbeat of a node without an agent of ours.
 * @throws FabricError MEMBER_NOT_FOUND, INVALID_ARGUMENT
 */
export async function reportNode(
  { director }: Pick<GatewayParts, "director">,
  id: string,
  { condition, load }: NodeReport,
): Promise<Node> {
  const { member } = await director.reportStatus(
    { memberId: id, load: loadToWire({ ...NO_LOAD, ...load }), condition: conditionToWire(condition) },
    TIMEOUT,
  );
  return nodeOfMember(member!, 0);
}

/**
 * What an operator wants of a node; of a director, whether it passes calls on.
 * @param id - "" for the director that answers
 * @throws FabricError MEMBER_NOT_FOUND, INVALID_ARGUMENT, STORE_UNAVAILABLE
 */
export async function setNodeIntent(
  parts: NodesParts,
  id: string,
  { kind, setBy, reason = "" }: { readonly kind: IntentKind; readonly setBy: string; readonly reason?: string },
): Promise<Node> {
  const { director } = parts;
  const { nodes, self } = await readNodes(parts);
  const node = id === "" ? self : findNode(nodes, id);
  const wish = { kind: intentKindToWire(kind), setBy, reason };
  if (node.kind === "director") await director.setDirectorIntent({ ...wish, directorId: node.id }, TIMEOUT);
  else await director.setIntent({ ...wish, memberId: node.id }, TIMEOUT);
  return { ...node, intent: kind };
}

/**
 * Forgets a node. A worker with an agent of ours that still runs attaches again.
 * @throws FabricError MEMBER_NOT_FOUND, INVALID_ARGUMENT for directors
 */
export async function removeNode(parts: NodesParts, id: string, reason: string): Promise<Node> {
  const { nodes } = await readNodes(parts);
  const node = findNode(nodes, id);
  if (node.kind === "director") {
    throw new FabricError("INVALID_ARGUMENT", `${node.id} is a director: stop its process, and it is gone`);
  }
  await parts.director.removeMember({ memberId: node.id, reason }, TIMEOUT);
  return node;
}
