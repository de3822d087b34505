import type { ReportedCondition } from "../../core/member";
import { isoTime } from "../nodes/figures";
import { isGone, isWithheld, type Node } from "../nodes/node";

export const PROXY_STONE_STATUSES = ["active", "inactive", "disabled"] as const;
export type ProxyStoneStatus = (typeof PROXY_STONE_STATUSES)[number];
export const PROXY_STONE_ROLES = ["coordinator", "worker"] as const;
export type ProxyStoneRole = (typeof PROXY_STONE_ROLES)[number];

/** What a node says of itself, in our words. */
export const CONDITIONS: Readonly<Record<ProxyStoneStatus, ReportedCondition | undefined>> = {
  active: undefined,
  inactive: "failed",
  disabled: "maintenance",
};

export function statusOf(node: Node): ProxyStoneStatus {
  if (isGone(node)) return "inactive";
  if (isWithheld(node) || node.condition === "maintenance" || node.state === "draining") return "disabled";
  return node.condition === undefined && node.state !== "joining" ? "active" : "inactive";
}

export function roleOf({ kind, role }: Node): ProxyStoneRole {
  return kind === "director" || role === "coordinator" || role === "master" ? "coordinator" : "worker";
}

/** A node as Proxy Stone has it; times in ISO 8601. */
export function proxyStoneNode(node: Node, clusterId: string) {
  return {
    id: node.id,
    url: node.url,
    clusterId,
    status: statusOf(node),
    role: roleOf(node),
    lastSeen: isoTime(node.lastSeenUnixMs),
    createdAt: isoTime(node.joinedAtUnixMs),
  };
}
