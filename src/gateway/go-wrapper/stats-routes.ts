import type {} from "@fastify/swagger";
import type { FastifyInstance } from "fastify";

import { FAILURES, integer, number, success, text } from "../cluster-api/cluster-schemas";
import { ASK_TIMEOUT_MS, readNodes, type NodesParts } from "../nodes/cluster-nodes";
import { percent } from "../nodes/figures";
import { isHealthy, type Node } from "../nodes/node";
import { activeAgents, roleOf, statusOf } from "./go-wrapper-node";

const STATS = success({
  cluster_id: text,
  leader_id: { ...text, description: "empty while there is none" },
  strategy: text,
  total_nodes: integer,
  online_nodes: integer,
  offline_nodes: integer,
  draining_nodes: integer,
  healthy_nodes: integer,
  nodes_by_role: { type: "object", additionalProperties: integer },
  total_capacity: { ...integer, description: "agents that nodes with a bound can have at once" },
  active_agents: integer,
  total_assignments: integer,
  pending_assignments: integer,
  utilization: { ...number, description: "percent of the capacity" },
  average_cpu: { ...number, description: "percent, of nodes that are online" },
  average_memory: { ...number, description: "percent, of nodes that are online" },
});

export function statsRoutes(app: FastifyInstance, parts: NodesParts): void {
  app.get(
    "/stats",
    { schema: { tags: ["go_wrapper"], summary: "The cluster in figures", response: { 200: STATS, ...FAILURES } } },
    async () => {
      const [{ nodes, agents }, { policy }] = await Promise.all([
        readNodes(parts),
        parts.director.getBalancing({}, { timeoutMs: ASK_TIMEOUT_MS }),
      ]);
      return {
        success: true,
        cluster_id: parts.config.clusterId,
        leader_id: nodes.find(({ isLeader }) => isLeader)?.id ?? "",
        strategy: policy,
        ...nodeFigures(nodes),
        total_assignments: agents.length,
        pending_assignments: agents.filter(({ memberId }) => memberId === "").length,
      };
    },
  );
}

function nodeFigures(nodes: readonly Node[]) {
  const withStatus = (status: string) => nodes.filter((node) => statusOf(node) === status);
  const members = nodes.filter(({ kind }) => kind === "member");
  const online = members.filter((node) => statusOf(node) === "online");
  const bounded = online.filter(({ agentsMax }) => agentsMax > 0);
  const capacity = sum(bounded.map(({ agentsMax }) => agentsMax));
  const used = sum(bounded.map(activeAgents));
  const roles: Record<string, number> = {};
  for (const node of nodes) roles[roleOf(node)] = (roles[roleOf(node)] ?? 0) + 1;
  return {
    total_nodes: nodes.length,
    online_nodes: withStatus("online").length,
    offline_nodes: withStatus("offline").length,
    draining_nodes: withStatus("draining").length,
    healthy_nodes: nodes.filter(isHealthy).length,
    nodes_by_role: roles,
    total_capacity: capacity,
    active_agents: sum(members.map(activeAgents)),
    utilization: capacity === 0 ? 0 : percent(used / capacity),
    average_cpu: percent(mean(online.map(({ load }) => load.cpuRatio))),
    average_memory: percent(mean(online.map(({ load }) => load.memoryRatio))),
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : sum(values) / values.length;
}
