import type { ReportedCondition } from "../../core/member";
import { isoTime, percent } from "../nodes/figures";
import { isGone, isHealthy, isWithheld, type Node } from "../nodes/node";

export const GO_WRAPPER_STATUSES = ["online", "offline", "draining"] as const;
export type GoWrapperStatus = (typeof GO_WRAPPER_STATUSES)[number];
export const GO_WRAPPER_ROLES = ["leader", "worker", "replica", "standby"] as const;
export type GoWrapperRole = (typeof GO_WRAPPER_ROLES)[number];

/** What a node says of itself, in our words. */
export const CONDITIONS: Readonly<Record<GoWrapperStatus, ReportedCondition | "offline" | undefined>> = {
  online: undefined,
  offline: "offline",
  draining: "maintenance",
};

export function statusOf(node: Node): GoWrapperStatus {
  if (isGone(node)) return "offline";
  const isDraining = isWithheld(node) || node.condition === "maintenance" || node.state === "draining";
  return isDraining ? "draining" : "online";
}

export function roleOf(node: Node): GoWrapperRole {
  if (node.kind === "director") return node.isLeader ? "leader" : "replica";
  if (node.intent === "standby") return "standby";
  return node.role === "replica" ? "replica" : "worker";
}

/** Agents on the node: those placed on it, or more if a node that was registered here says that it runs more. */
export function activeAgents({ agents, registeredBy, load }: Node): number {
  return registeredBy === "go-wrapper" ? Math.max(agents, load.inFlight) : agents;
}

/** A node as go_wrapper has it: shares in percent, `uptime` in seconds. */
export function goWrapperNode(node: Node, nowUnixMs: number) {
  const active = activeAgents(node);
  return {
    id: node.id,
    hostname: node.resources.hostname || node.host,
    ip_address: node.host,
    port: node.port,
    role: roleOf(node),
    status: statusOf(node),
    max_agents: node.agentsMax,
    active_agents: active,
    cpu_usage: percent(node.load.cpuRatio),
    memory_usage: percent(node.load.memoryRatio),
    disk_usage: percent(node.load.diskRatio),
    load_average: node.load.loadAverage,
    healthy: isHealthy(node),
    services: node.services,
    capacity: node.agentsMax === 0 ? null : Math.max(0, node.agentsMax - active),
    uptime: isGone(node) ? 0 : Math.max(0, Math.floor((nowUnixMs - node.joinedAtUnixMs) / 1_000)),
    last_seen: isoTime(node.lastSeenUnixMs),
  };
}
