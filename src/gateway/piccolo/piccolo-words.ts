import type { ReportedCondition } from "../../core/member";
import { percent } from "../nodes/figures";
import { isGone, isWithheld, type Node } from "../nodes/node";

export const PICCOLO_STATUSES = ["online", "offline", "initializing", "error", "maintenance"] as const;
export type PiccoloStatus = (typeof PICCOLO_STATUSES)[number];

export const PICCOLO_ROLES = ["master", "sub"] as const;
export type PiccoloRole = (typeof PICCOLO_ROLES)[number];

/** What a node says of itself, in our words. */
export const CONDITIONS: Readonly<Record<PiccoloStatus, ReportedCondition | "offline" | undefined>> = {
  online: undefined,
  offline: "offline",
  initializing: "initializing",
  error: "failed",
  maintenance: "maintenance",
};

export function statusOf(node: Node): PiccoloStatus {
  if (isGone(node)) return "offline";
  if (isWithheld(node) || node.condition === "maintenance" || node.state === "draining") return "maintenance";
  if (node.condition === "failed") return "error";
  if (node.condition === "initializing" || node.state === "joining") return "initializing";
  return "online";
}

export function roleOf({ kind, role }: Node): PiccoloRole {
  return kind === "director" || role === "master" ? "master" : "sub";
}

/** NodeInfo of PICCOLO: times in unix seconds, shares of CPU and memory in percent. */
export function nodeInfo(node: Node) {
  const { resources, load } = node;
  return {
    node_id: node.id,
    node_name: node.name,
    ip_address: node.host,
    role: roleOf(node),
    status: statusOf(node),
    resources: {
      cpu_cores: resources.cpuCores,
      memory_mb: resources.memoryMib,
      disk_gb: Math.round(resources.diskMib / 1024),
      cpu_usage: percent(load.cpuRatio),
      memory_usage: percent(load.memoryRatio),
    },
    labels: node.labels,
    created_at: seconds(node.joinedAtUnixMs),
    last_heartbeat: seconds(node.lastSeenUnixMs),
  };
}

function seconds(unixMs: number): number {
  return Math.floor(unixMs / 1_000);
}
