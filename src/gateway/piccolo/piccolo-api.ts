import type {} from "@fastify/swagger";
import type { FastifyInstance, FastifyPluginCallback } from "fastify";

import type { GatewayParts } from "../gateway-parts";
import { answerInForm, type Problem } from "../nodes/api-errors";
import { removeNode, reportNode } from "../nodes/change-node";
import { ASK_TIMEOUT_MS, readNode, readNodes, type NodesParts } from "../nodes/cluster-nodes";
import { heartbeatIntervalMs, registerNode } from "../nodes/register-node";
import { clusterHealth } from "./piccolo-health";
import * as schemas from "./piccolo-schemas";
import { CONDITIONS, nodeInfo, roleOf, statusOf, type PiccoloRole, type PiccoloStatus } from "./piccolo-words";

export const PICCOLO_PREFIX = "/api/v1";

/** Where a worker listens for calls unless told otherwise: registrations of PICCOLO name no port. */
const WORKER_PORT = 62_001;

interface Registration {
  readonly node_name: string;
  readonly ip_address: string;
  readonly role: PiccoloRole;
  readonly resources: { readonly cpu_cores: number; readonly memory_mb: number; readonly disk_gb: number };
  readonly labels?: Readonly<Record<string, string>>;
}

interface StatusReport {
  readonly status: PiccoloStatus;
  readonly metrics?: { readonly cpu_usage?: number; readonly memory_usage?: number; readonly disk_usage?: number };
}

interface ById {
  readonly Params: { readonly id: string };
}

/** The REST API of PICCOLO (P-01 to P-05). */
export function piccoloApi(parts: NodesParts & Pick<GatewayParts, "logger">): FastifyPluginCallback {
  return (app, _options, done) => {
    answerInForm(app, PICCOLO_PREFIX, parts.logger, {
      form: ({ code, message, details }: Problem) => ({ success: false, message, error: code, details }),
      // A word that is none is a bad request there; what is missing or of another type cannot be processed.
      refusedStatus: (keyword) => (keyword === "enum" ? 400 : 422),
    });
    clusterRoutes(app, parts);
    nodeRoutes(app, parts);
    done();
  };
}

const TAGS = ["PICCOLO"];
const FAILURES = { "4xx": schemas.ERROR, "5xx": schemas.ERROR } as const;

function clusterRoutes(app: FastifyInstance, parts: NodesParts): void {
  app.get(
    "/cluster/health",
    { schema: { tags: TAGS, summary: "How the cluster is", response: { 200: schemas.HEALTH, ...FAILURES } } },
    async () => {
      const [{ nodes }, health] = await Promise.all([
        readNodes(parts),
        parts.director.getClusterHealth({}, { timeoutMs: ASK_TIMEOUT_MS }),
      ]);
      return clusterHealth(nodes, health.storeAvailable);
    },
  );
  app.get(
    "/topology",
    {
      schema: {
        tags: TAGS,
        summary: "The cluster with all its nodes",
        response: { 200: schemas.TOPOLOGY, ...FAILURES },
      },
    },
    async () => {
      const [{ topology, nodes }, { policy }] = await Promise.all([
        readNodes(parts),
        parts.director.getBalancing({}, { timeoutMs: ASK_TIMEOUT_MS }),
      ]);
      const { clusterId, clusterName, nodeTimeoutMs } = parts.config;
      const infos = nodes.map(nodeInfo);
      return {
        cluster_id: clusterId,
        cluster_name: clusterName,
        topology_type: TOPOLOGY_TYPES[topology.type] ?? "simple",
        master_nodes: infos.filter(({ role }) => role === "master"),
        sub_nodes: infos.filter(({ role }) => role === "sub"),
        config: {
          heartbeat_interval: heartbeatIntervalMs(nodeTimeoutMs) / 1_000,
          node_timeout: nodeTimeoutMs / 1_000,
          balancing: policy,
        },
      };
    },
  );
}

/** Of heddle.v1.TopologyType. */
const TOPOLOGY_TYPES: Readonly<Record<number, string>> = { 1: "simple", 2: "hierarchical", 3: "mesh", 4: "hybrid" };

function nodeRoutes(app: FastifyInstance, parts: NodesParts): void {
  app.get<{ Querystring: { readonly status?: PiccoloStatus; readonly role?: PiccoloRole } }>(
    "/nodes",
    {
      schema: {
        tags: TAGS,
        summary: "All nodes, those of a status or a role if asked",
        querystring: schemas.NODE_FILTER,
        response: { 200: { type: "array", items: schemas.NODE_INFO }, ...FAILURES },
      },
    },
    async ({ query: { status, role } }) => {
      const { nodes } = await readNodes(parts);
      return nodes
        .filter((node) => status === undefined || statusOf(node) === status)
        .filter((node) => role === undefined || roleOf(node) === role)
        .map(nodeInfo);
    },
  );
  app.post<{ Body: Registration }>(
    "/nodes",
    {
      schema: {
        tags: TAGS,
        summary: "Register a node that runs no agent of Heddle",
        description:
          "It lives by the heartbeats that are sent for it. The same name and address again is the same node.",
        body: schemas.REGISTRATION,
        response: { 201: schemas.REGISTERED, ...FAILURES },
      },
    },
    async ({ body }, reply) => {
      const { node_name: name, ip_address: host, role, resources, labels = {} } = body;
      const { node, created } = await registerNode(parts, {
        by: "piccolo",
        id: "",
        name,
        address: withPort(host),
        role,
        labels,
        services: [],
        slots: 0,
        resources: {
          cpuCores: resources.cpu_cores,
          memoryMib: resources.memory_mb,
          diskMib: resources.disk_gb * 1024,
        },
        keepAddress: false,
      });
      const message = created ? `Node ${name} registered successfully` : `Node ${name} was registered already`;
      return reply.code(201).send({ success: true, message, cluster_id: parts.config.clusterId, node_id: node.id });
    },
  );
  app.get<ById>(
    "/nodes/:id",
    {
      schema: {
        tags: TAGS,
        summary: "One node",
        params: schemas.NODE_ID,
        response: { 200: schemas.NODE_INFO, ...FAILURES },
      },
    },
    async ({ params: { id } }) => nodeInfo(await readNode(parts, id)),
  );
  app.post<ById & { Body: StatusReport }>(
    "/nodes/:id/status",
    {
      schema: {
        tags: TAGS,
        summary: "The heartbeat of a node that runs no agent of Heddle",
        params: schemas.NODE_ID,
        body: schemas.STATUS_REPORT,
        response: { 200: schemas.DONE, ...FAILURES },
      },
    },
    async ({ params: { id }, body: { status, metrics = {} } }) => {
      const load = {
        cpuRatio: (metrics.cpu_usage ?? 0) / 100,
        memoryRatio: (metrics.memory_usage ?? 0) / 100,
        diskRatio: (metrics.disk_usage ?? 0) / 100,
      };
      const node = await reportNode(parts, id, { condition: CONDITIONS[status], load });
      return { success: true, message: `Node ${node.name} is ${statusOf(node)}` };
    },
  );
  app.delete<ById>(
    "/nodes/:id",
    {
      schema: {
        tags: TAGS,
        summary: "Remove a node",
        params: schemas.NODE_ID,
        response: { 200: schemas.DONE, ...FAILURES },
      },
    },
    async ({ params: { id } }) => {
      const node = await removeNode(parts, id, "removed by the PICCOLO API");
      return { success: true, message: `Node ${node.name} removed` };
    },
  );
}

/** "10.0.0.1", "::1", "sensor-7.local", or any of them with a port of its own. */
function withPort(host: string): string {
  if (/^\[.*\]:\d+$/.test(host) || /^[^:]+:\d+$/.test(host)) return host;
  return host.includes(":") && !host.startsWith("[") ? `[${host}]:${WORKER_PORT}` : `${host}:${WORKER_PORT}`;
}
