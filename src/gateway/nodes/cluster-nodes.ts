import { FabricError } from "../../core/errors";
import type { Agent, DirectorInfo, GetTopologyResponse, WireMember } from "../../wire/contract";
import type { GatewayParts } from "../gateway-parts";
import type { OtherDirectors } from "./other-directors";
import { countByMember, placedAgents } from "./placed-agents";
import { nodeOfDirector, nodeOfMember, type Node } from "./node";

/** What one question to the director tells of the cluster. */
export interface ClusterNodes {
  readonly topology: GetTopologyResponse;
  /** Directors first, each group by id. */
  readonly nodes: readonly Node[];
  /** The director that answers. */
  readonly self: Node;
  readonly agents: readonly Agent[];
}

/** For the director itself, and what it asks the store. */
export const ASK_TIMEOUT_MS = 10_000;

export interface NodesParts extends Pick<GatewayParts, "director" | "agents" | "clock" | "config"> {
  readonly others: Pick<OtherDirectors, "ask">;
}

/** Everybody in the cluster: directors, workers with an agent of ours, and nodes that were registered. */
export async function readNodes(parts: NodesParts): Promise<ClusterNodes> {
  const { director, clock } = parts;
  const askedMs = clock.monotonicMs();
  const topology = await director.getTopology({}, { timeoutMs: ASK_TIMEOUT_MS });
  const tookMs = clock.monotonicMs() - askedMs;
  const others = topology.directors.filter(({ self }) => !self);
  const [agents, views] = await Promise.all([placedAgents(parts.agents), parts.others.ask(others)]);
  const agentCounts = countByMember(agents);
  const nowUnixMs = clock.wallMs();
  const selfInfo = topology.directors.find(({ self }) => self) ?? unknownSelf(parts);
  const self = nodeOfDirector(selfInfo, nowUnixMs, tookMs);
  const nodes = [
    self,
    ...others.map((info) => nodeOfDirector(info, nowUnixMs, views.get(info.directorId)?.responseTimeMs)),
    ...topology.members.map((member) => {
      const atHome = views.get(member.homeDirectorId)?.members.get(member.memberId);
      return nodeOfMember(asAtHome(member, atHome), agentCounts.get(member.memberId) ?? 0);
    }),
  ];
  return { topology, nodes, self, agents };
}

/** With what only its home director knows. */
function asAtHome(member: WireMember, atHome: WireMember | undefined): WireMember {
  if (atHome === undefined) return member;
  return { ...member, load: atHome.load, lastHeartbeatUnixMs: atHome.lastHeartbeatUnixMs };
}

/** @throws FabricError MEMBER_NOT_FOUND */
export async function readNode(parts: NodesParts, id: string): Promise<Node> {
  const { nodes } = await readNodes(parts);
  return findNode(nodes, id);
}

/** @throws FabricError MEMBER_NOT_FOUND */
export function findNode(nodes: readonly Node[], id: string): Node {
  const node = nodes.find((each) => each.id === id);
  if (!node) throw new FabricError("MEMBER_NOT_FOUND", `there is no node "${id.slice(0, 128)}"`);
  return node;
}

/** While the store is away the answering director may not see its own record. */
function unknownSelf({ config }: NodesParts): DirectorInfo {
  return {
    directorId: config.directorId,
    address: "",
    leader: false,
    self: true,
    startedAtUnixMs: 0n,
    version: "",
    httpAddress: "",
    intent: undefined,
  };
}
