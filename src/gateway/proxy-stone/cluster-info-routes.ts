import type {} from "@fastify/swagger";
import type { FastifyInstance } from "fastify";

import {
  bool,
  FAILURES,
  integer,
  isoTime as isoTimeSchema,
  number,
  PROXY_STONE_NODE,
  success,
  text,
} from "../cluster-api/cluster-schemas";
import { ASK_TIMEOUT_MS, readNodes, type NodesParts } from "../nodes/cluster-nodes";
import { isoTime } from "../nodes/figures";
import { heartbeatIntervalMs } from "../nodes/register-node";
import { proxyStoneNode, statusOf } from "./proxy-stone-node";
import { SERVICE_STATUS, serviceStatus } from "./serving-routes";

const TAGS = ["Proxy Stone"];

const { createdAt: _createdAt, ...ownFields } = PROXY_STONE_NODE.properties;

const STATUS = success({
  status: { type: "object", required: Object.keys(ownFields), properties: ownFields },
  config: {
    type: "object",
    required: ["enabled", "clusterId", "coordinatorUrl", "heartbeatInterval", "nodeTimeout"],
    properties: {
      enabled: bool,
      clusterId: text,
      coordinatorUrl: { type: ["string", "null"], description: "null: it is one itself" },
      heartbeatInterval: { ...number, description: "seconds" },
      nodeTimeout: { ...number, description: "seconds" },
    },
  },
  serviceStatus: SERVICE_STATUS,
});

const HEALTH = success({
  health: {
    type: "object",
    required: ["totalNodes", "activeNodes", "inactiveNodes", "coordinatorHealthy", "lastUpdate", "nodes"],
    properties: {
      totalNodes: integer,
      activeNodes: integer,
      inactiveNodes: { ...integer, description: "those that are disabled included" },
      coordinatorHealthy: { ...bool, description: "a director leads, and the store answers" },
      lastUpdate: isoTimeSchema,
      nodes: {
        type: "array",
        items: {
          type: "object",
          required: ["id", "status", "role", "responseTime"],
          properties: {
            id: text,
            status: text,
            role: text,
            responseTime: {
              type: ["number", "null"],
              description: "measured, in milliseconds; null where nothing was",
            },
          },
        },
      },
    },
  },
});

/** How the cluster and the director that answers are. */
export function clusterInfoRoutes(app: FastifyInstance, parts: NodesParts): void {
  const { clusterId, nodeTimeoutMs } = parts.config;
  app.get(
    "/status",
    { schema: { tags: TAGS, summary: "The director that answers", response: { 200: STATUS, ...FAILURES } } },
    async () => {
      const { self } = await readNodes(parts);
      return {
        success: true,
        status: proxyStoneNode(self, clusterId),
        config: {
          enabled: true,
          clusterId,
          coordinatorUrl: null,
          heartbeatInterval: heartbeatIntervalMs(nodeTimeoutMs) / 1_000,
          nodeTimeout: nodeTimeoutMs / 1_000,
        },
        serviceStatus: serviceStatus(self),
      };
    },
  );
  app.get(
    "/health",
    { schema: { tags: TAGS, summary: "How every node is", response: { 200: HEALTH, ...FAILURES } } },
    async () => {
      const [{ nodes }, { storeAvailable }] = await Promise.all([
        readNodes(parts),
        parts.director.getClusterHealth({}, { timeoutMs: ASK_TIMEOUT_MS }),
      ]);
      const activeNodes = nodes.filter((node) => statusOf(node) === "active").length;
      return {
        success: true,
        health: {
          totalNodes: nodes.length,
          activeNodes,
          inactiveNodes: nodes.length - activeNodes,
          coordinatorHealthy: storeAvailable && nodes.some(({ isLeader }) => isLeader),
          lastUpdate: isoTime(parts.clock.wallMs()),
          nodes: nodes.map((node) => {
            const { id, status, role } = proxyStoneNode(node, clusterId);
            const { responseTimeMs } = node;
            return { id, status, role, responseTime: responseTimeMs === undefined ? null : rounded(responseTimeMs) };
          }),
        },
      };
    },
  );
}

/** To a hundredth of a millisecond. */
function rounded(ms: number): number {
  return Math.round(ms * 100) / 100;
}
