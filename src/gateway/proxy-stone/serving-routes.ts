import type {} from "@fastify/swagger";
import type { FastifyInstance } from "fastify";

import { bool, FAILURES, isoTime as isoTimeSchema, success, text } from "../cluster-api/cluster-schemas";
import { setNodeIntent } from "../nodes/change-node";
import { findNode, readNodes, type NodesParts } from "../nodes/cluster-nodes";
import { isoTime } from "../nodes/figures";
import { isWithheld, type Node } from "../nodes/node";
import { proxyStoneNode } from "./proxy-stone-node";

const TAGS = ["Proxy Stone"];

const SERVICE_MODE = { type: "string", enum: ["serving", "maintenance"] } as const;
const NODE_QUERY = {
  type: "object",
  properties: {
    node: { ...text, minLength: 1, description: "the id of a node; by default the director that answers" },
  },
} as const;

export const SERVICE_STATUS = {
  type: "object",
  required: ["mode", "enabled", "startTime"],
  properties: { mode: SERVICE_MODE, enabled: bool, startTime: isoTimeSchema },
} as const;

const CHANGED_STATUS = {
  type: "object",
  required: ["mode", "enabled", "changedAt"],
  properties: { mode: SERVICE_MODE, enabled: bool, changedAt: isoTimeSchema },
} as const;

const NODE_STATUS = {
  type: "object",
  required: ["id", "status", "role", "lastSeen"],
  properties: { id: text, status: text, role: text, lastSeen: isoTimeSchema },
} as const;

interface OfNode {
  readonly Querystring: { readonly node?: string };
}

/** Whether a node serves, and since when it runs. */
export function serviceStatus(node: Node) {
  const mode = isWithheld(node) ? "maintenance" : "serving";
  return { mode, enabled: mode === "serving", startTime: isoTime(node.joinedAtUnixMs) };
}

/** Maintenance of the director that answers, or of the node that is named. */
export function servingRoutes(app: FastifyInstance, parts: NodesParts): void {
  for (const isEnabled of [true, false]) {
    app.post<OfNode>(
      isEnabled ? "/enable-serving" : "/disable-serving",
      {
        schema: {
          tags: TAGS,
          summary: isEnabled ? "Take calls again" : "Maintenance: take no calls, over HTTP or gRPC",
          querystring: NODE_QUERY,
          response: { 200: success({ message: text, status: CHANGED_STATUS }), ...FAILURES },
        },
      },
      async ({ query: { node = "" } }) => {
        const kind = isEnabled ? "serving" : "maintenance";
        await setNodeIntent(parts, node, { kind, setBy: "the cluster API" });
        return {
          success: true,
          message: isEnabled ? "Cluster serving enabled" : "Cluster serving disabled (maintenance mode)",
          status: { mode: kind, enabled: isEnabled, changedAt: isoTime(parts.clock.wallMs()) },
        };
      },
    );
  }
  app.get<OfNode>(
    "/service-status",
    {
      schema: {
        tags: TAGS,
        summary: "Whether a node takes calls",
        querystring: NODE_QUERY,
        response: { 200: success({ status: SERVICE_STATUS, nodeStatus: NODE_STATUS }), ...FAILURES },
      },
    },
    async ({ query }) => {
      const { nodes, self } = await readNodes(parts);
      const node = query.node === undefined ? self : findNode(nodes, query.node);
      const { id, status, role, lastSeen } = proxyStoneNode(node, parts.config.clusterId);
      return { success: true, status: serviceStatus(node), nodeStatus: { id, status, role, lastSeen } };
    },
  );
}
