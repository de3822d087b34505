import type {} from "@fastify/swagger";
import type { FastifyInstance } from "fastify";

import { formatAddress } from "../../core/address";
import { BY_ID, FAILURES, GO_WRAPPER_NODE, id, success, text } from "../cluster-api/cluster-schemas";
import { reportNode, setNodeIntent } from "../nodes/change-node";
import type { NodesParts } from "../nodes/cluster-nodes";
import { registerNode } from "../nodes/register-node";
import {
  CONDITIONS,
  GO_WRAPPER_ROLES,
  GO_WRAPPER_STATUSES,
  goWrapperNode,
  type GoWrapperRole,
  type GoWrapperStatus,
} from "./go-wrapper-node";

const TAGS = ["go_wrapper"];

const REGISTRATION = {
  type: "object",
  required: ["id", "ip_address", "port"],
  properties: {
    id,
    hostname: { type: "string", maxLength: 253 },
    ip_address: { type: "string", minLength: 1, maxLength: 253 },
    port: { type: "integer", minimum: 1, maximum: 65_535 },
    role: {
      type: "string",
      enum: GO_WRAPPER_ROLES,
      default: "worker",
      description:
        "`standby` is used when no other can take a call or an agent; `leader` counts as `worker`: the directors elect theirs",
    },
    max_agents: { type: "integer", minimum: 0, maximum: 1_000_000, default: 0, description: "0 for no bound" },
    services: {
      type: "array",
      items: { type: "string", minLength: 1, maxLength: 255 },
      maxItems: 48,
      description:
        "A name with dots, such as `shop.v1.CartService`, is a gRPC service, for which calls are routed to the node.",
    },
  },
} as const;

interface Registration {
  readonly id: string;
  readonly hostname?: string;
  readonly ip_address: string;
  readonly port: number;
  readonly role: GoWrapperRole;
  readonly max_agents: number;
  readonly services?: readonly string[];
}

const share = { type: "number", minimum: 0, maximum: 100, description: "percent" } as const;

const HEARTBEAT = {
  type: ["object", "null"],
  properties: {
    status: { type: "string", enum: GO_WRAPPER_STATUSES },
    cpu_usage: share,
    memory_usage: share,
    disk_usage: share,
    load_average: { type: "number", minimum: 0 },
    active_agents: { type: "integer", minimum: 0, maximum: 4_294_967_295 },
  },
} as const;

interface Heartbeat {
  readonly status?: GoWrapperStatus;
  readonly cpu_usage?: number;
  readonly memory_usage?: number;
  readonly disk_usage?: number;
  readonly load_average?: number;
  readonly active_agents?: number;
}

const ANSWER = success({ message: text, node: GO_WRAPPER_NODE });

/** Nodes join and beat. */
export function nodeRoutes(app: FastifyInstance, parts: NodesParts): void {
  app.post<{ Body: Registration }>(
    "/nodes",
    {
      schema: {
        tags: TAGS,
        summary: "Register a node that runs no agent of Heddle",
        description: "409 only when another live node has the id. It lives by its heartbeats.",
        body: REGISTRATION,
        response: { 201: ANSWER, ...FAILURES },
      },
    },
    async ({ body }, reply) => {
      const { hostname = "", ip_address: host, port, role, max_agents: slots, services = [] } = body;
      const { node, created } = await registerNode(parts, {
        by: "go-wrapper",
        id: body.id,
        name: body.id,
        address: host.startsWith("[") ? `${host}:${port}` : formatAddress({ host, port }),
        role: role === "replica" ? "replica" : "worker",
        labels: {},
        services,
        slots,
        resources: { hostname },
        keepAddress: true,
      });
      const isStandby = created && role === "standby";
      const shown = isStandby
        ? await setNodeIntent(parts, node.id, { kind: "standby", setBy: node.id, reason: "registered as standby" })
        : node;
      const message = created ? `Node ${node.id} registered` : `Node ${node.id} was registered already`;
      return reply.code(201).send({ success: true, message, node: goWrapperNode(shown, parts.clock.wallMs()) });
    },
  );
  app.post<{ Params: { readonly id: string }; Body: Heartbeat | null | undefined }>(
    "/nodes/:id",
    {
      schema: {
        tags: TAGS,
        summary: "The heartbeat of a node that runs no agent of Heddle",
        params: BY_ID,
        body: HEARTBEAT,
        response: { 200: ANSWER, ...FAILURES },
      },
    },
    async ({ params, body }) => {
      const beat = body ?? {};
      const load = {
        cpuRatio: (beat.cpu_usage ?? 0) / 100,
        memoryRatio: (beat.memory_usage ?? 0) / 100,
        diskRatio: (beat.disk_usage ?? 0) / 100,
        loadAverage: beat.load_average ?? 0,
        inFlight: beat.active_agents ?? 0,
      };
      const node = await reportNode(parts, params.id, { condition: CONDITIONS[beat.status ?? "online"], load });
      return { success: true, message: "Heartbeat updated", node: goWrapperNode(node, parts.clock.wallMs()) };
    },
  );
}
