import { GO_WRAPPER_ROLES, GO_WRAPPER_STATUSES } from "../go-wrapper/go-wrapper-node";
import { PROXY_STONE_ROLES, PROXY_STONE_STATUSES } from "../proxy-stone/proxy-stone-node";
import { VOCABULARIES } from "./union-node";

export const text = { type: "string" } as const;
export const number = { type: "number" } as const;
export const integer = { type: "integer" } as const;
export const bool = { type: "boolean" } as const;
export const isoTime = { type: "string", format: "date-time" } as const;

/** A name that ends up in log lines and lists. */
export const id = {
  type: "string",
  minLength: 1,
  maxLength: 128,
  pattern: "^[A-Za-z0-9._:-]+$",
} as const;

const ERROR = {
  type: "object",
  required: ["success", "error", "message", "code", "details"],
  properties: {
    success: { type: "boolean", const: false },
    error: { ...text, description: "the name of the HTTP status" },
    message: text,
    code: text,
    details: { type: "object", additionalProperties: text },
  },
} as const;

export const FAILURES = { "4xx": ERROR, "5xx": ERROR } as const;

const proxyStoneFields = {
  id: text,
  url: text,
  clusterId: text,
  status: { type: "string", enum: PROXY_STONE_STATUSES },
  role: { type: "string", enum: PROXY_STONE_ROLES },
  lastSeen: isoTime,
  createdAt: isoTime,
} as const;

const goWrapperFields = {
  id: text,
  hostname: text,
  ip_address: text,
  port: integer,
  role: { type: "string", enum: GO_WRAPPER_ROLES },
  status: { type: "string", enum: GO_WRAPPER_STATUSES },
  max_agents: { ...integer, description: "0 for no bound" },
  active_agents: integer,
  cpu_usage: { ...number, description: "percent" },
  memory_usage: { ...number, description: "percent" },
  disk_usage: { ...number, description: "percent" },
  load_average: number,
  healthy: bool,
  services: { type: "array", items: text },
  capacity: { type: ["integer", "null"], description: "agents that it can still take; null for no bound" },
  uptime: { ...integer, description: "seconds" },
  last_seen: isoTime,
} as const;

function all(properties: Readonly<Record<string, object>>) {
  return { type: "object", required: Object.keys(properties), properties };
}

export const PROXY_STONE_NODE = all(proxyStoneFields);
export const GO_WRAPPER_NODE = all(goWrapperFields);
export const UNION_NODE = all({
  ...goWrapperFields,
  ...proxyStoneFields,
  status: { type: "string", enum: [...PROXY_STONE_STATUSES, ...GO_WRAPPER_STATUSES] },
  role: { type: "string", enum: [...new Set([...PROXY_STONE_ROLES, ...GO_WRAPPER_ROLES])] },
});

export const BY_ID = { type: "object", required: ["id"], properties: { id: text } } as const;

export const VOCABULARY_QUERY = {
  type: "object",
  properties: {
    vocabulary: {
      type: "string",
      enum: VOCABULARIES,
      description:
        "whose words `status` and `role` are in; by default those of the API that the node was registered by",
    },
  },
} as const;

export const DONE = all({ success: bool, message: text });

/** An answer that says `success: true` and the rest. */
export function success(properties: Readonly<Record<string, object>>) {
  return all({ success: bool, ...properties });
}
