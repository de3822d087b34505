import type {} from "@fastify/swagger";
import type { FastifyInstance } from "fastify";

import {
  BY_ID,
  FAILURES,
  bool,
  id,
  isoTime as isoTimeSchema,
  number,
  PROXY_STONE_NODE,
  success,
  text,
} from "../cluster-api/cluster-schemas";
import { reportNode, setNodeIntent } from "../nodes/change-node";
import type { NodesParts } from "../nodes/cluster-nodes";
import { isoTime } from "../nodes/figures";
import { URL_TAG } from "../nodes/node-tags";
import { registerNode } from "../nodes/register-node";
import { addressOfUrl } from "./node-url";
import {
  CONDITIONS,
  PROXY_STONE_ROLES,
  PROXY_STONE_STATUSES,
  proxyStoneNode,
  type ProxyStoneRole,
  type ProxyStoneStatus,
} from "./proxy-stone-node";

const TAGS = ["Proxy Stone"];
/** Of a value of a tag. */
const URL_CHARACTERS_MAX = 255;

const REGISTRATION = {
  type: "object",
  required: ["id", "url"],
  properties: {
    id,
    url: { type: "string", minLength: 1, maxLength: URL_CHARACTERS_MAX },
    clusterId: { ...text, description: "taken and not kept: the answer has that of this cluster" },
    role: { type: "string", enum: PROXY_STONE_ROLES, default: "worker" },
    capabilities: { type: "object", description: "taken and not kept" },
    tags: { type: "array", items: { type: "string", minLength: 1, maxLength: 63 }, maxItems: 32 },
    metadata: {
      type: "object",
      description: "`platform` is kept",
      properties: { platform: { type: "string", maxLength: 255 } },
    },
  },
} as const;

interface Registration {
  readonly id: string;
  readonly url: string;
  readonly role: ProxyStoneRole;
  readonly tags?: readonly string[];
  readonly metadata?: { readonly platform?: string };
}

const HEARTBEAT = {
  type: ["object", "null"],
  properties: {
    status: { type: "string", enum: PROXY_STONE_STATUSES },
    metadata: {
      type: "object",
      description: "`load` and `memory` from 0 to 1; others than these three are taken and not kept",
      properties: {
        load: { ...number, minimum: 0 },
        memory: { ...number, minimum: 0 },
        connections: { type: "integer", minimum: 0, maximum: 4_294_967_295 },
      },
    },
  },
} as const;

interface Heartbeat {
  readonly status?: ProxyStoneStatus;
  readonly metadata?: { readonly load?: number; readonly memory?: number; readonly connections?: number };
}

interface ById {
  readonly Params: { readonly id: string };
}

/** Nodes join, beat, and are taken out of service and back. */
export function nodeRoutes(app: FastifyInstance, parts: NodesParts): void {
  const { clusterId } = parts.config;
  app.post<{ Body: Registration }>(
    "/register",
    {
      schema: {
        tags: TAGS,
        summary: "Register a node that runs no agent of Heddle",
        description: "It lives by its heartbeats. The same id at another URL has moved.",
        body: REGISTRATION,
        response: { 200: success({ node: PROXY_STONE_NODE }), ...FAILURES },
      },
    },
    async ({ body }) => {
      const { url, role, tags = [], metadata } = body;
      const { node } = await registerNode(parts, {
        by: "proxy-stone",
        id: body.id,
        name: body.id,
        address: addressOfUrl(url),
        role,
        labels: Object.fromEntries(tags.map((tag) => [tag, "true"])),
        services: [],
        slots: 0,
        resources: { platform: metadata?.platform ?? "" },
        keepAddress: false,
        ownTags: { [URL_TAG]: url },
      });
      return { success: true, node: proxyStoneNode(node, clusterId) };
    },
  );
  app.post<ById & { Body: Heartbeat | null | undefined }>(
    "/heartbeat/:id",
    {
      schema: {
        tags: TAGS,
        summary: "The heartbeat of a node that runs no agent of Heddle",
        description: "404 asks the node to register again. It does not end a maintenance.",
        params: BY_ID,
        body: HEARTBEAT,
        response: { 200: success({ acknowledged: bool, timestamp: isoTimeSchema }), ...FAILURES },
      },
    },
    async ({ params, body }) => {
      const { status = "active", metadata = {} } = body ?? {};
      const load = {
        cpuRatio: Math.min(1, metadata.load ?? 0),
        memoryRatio: Math.min(1, metadata.memory ?? 0),
        loadAverage: metadata.load ?? 0,
        inFlight: metadata.connections ?? 0,
      };
      await reportNode(parts, params.id, { condition: CONDITIONS[status], load });
      return { success: true, acknowledged: true, timestamp: isoTime(parts.clock.wallMs()) };
    },
  );
  for (const action of ["enable", "disable"] as const) {
    const isEnabled = action === "enable";
    app.patch<ById>(
      `/nodes/:id/${action}`,
      {
        schema: {
          tags: TAGS,
          summary: isEnabled ? "End a node's maintenance" : "Put a node into maintenance: it gets no calls",
          params: BY_ID,
          response: { 200: success({ message: text, node: PROXY_STONE_NODE }), ...FAILURES },
        },
      },
      async ({ params }) => {
        const kind = isEnabled ? "serving" : "maintenance";
        const node = await setNodeIntent(parts, params.id, { kind, setBy: "the cluster API" });
        return { success: true, message: `Node ${node.id} ${action}d`, node: proxyStoneNode(node, clusterId) };
      },
    );
  }
}
