import { PICCOLO_ROLES, PICCOLO_STATUSES } from "./piccolo-words";

const text = { type: "string" } as const;
const number = { type: "number" } as const;
const integer = { type: "integer" } as const;

const NAME_CHARACTERS_MAX = 100;
/** Of a DNS name. */
const HOST_CHARACTERS_MAX = 253;
const UINT32_MAX = 4_294_967_295;

export const NODE_INFO = {
  type: "object",
  required: [
    "node_id",
    "node_name",
    "ip_address",
    "role",
    "status",
    "resources",
    "labels",
    "created_at",
    "last_heartbeat",
  ],
  properties: {
    node_id: text,
    node_name: text,
    ip_address: text,
    role: { type: "string", enum: PICCOLO_ROLES },
    status: { type: "string", enum: PICCOLO_STATUSES },
    resources: {
      type: "object",
      required: ["cpu_cores", "memory_mb", "disk_gb", "cpu_usage", "memory_usage"],
      properties: {
        cpu_cores: number,
        memory_mb: integer,
        disk_gb: integer,
        cpu_usage: { ...number, description: "percent" },
        memory_usage: { ...number, description: "percent" },
      },
    },
    labels: { type: "object", additionalProperties: text },
    created_at: { ...integer, description: "unix time in seconds" },
    last_heartbeat: { ...integer, description: "unix time in seconds" },
  },
} as const;

export const ERROR = {
  type: "object",
  required: ["success", "message", "error"],
  properties: {
    success: { type: "boolean", const: false },
    message: text,
    error: { ...text, description: "the code of the error" },
    details: { type: "object", additionalProperties: text },
  },
} as const;

export const REGISTRATION = {
  type: "object",
  required: ["node_name", "ip_address", "role", "resources"],
  properties: {
    node_name: {
      type: "string",
      minLength: 1,
      maxLength: NAME_CHARACTERS_MAX,
      pattern: "^[^\\u0000-\\u001f\\u007f]*$",
    },
    ip_address: {
      type: "string",
      minLength: 1,
      maxLength: HOST_CHARACTERS_MAX,
      description: "an address or a name of the host, with :port where calls go to another port than 62001",
    },
    role: { type: "string", enum: PICCOLO_ROLES },
    resources: {
      type: "object",
      required: ["cpu_cores", "memory_mb", "disk_gb"],
      properties: {
        cpu_cores: { type: "number", minimum: 0, maximum: 1_000_000 },
        memory_mb: { type: "integer", minimum: 0, maximum: UINT32_MAX },
        disk_gb: { type: "number", minimum: 0, maximum: 1_000_000_000 },
      },
    },
    labels: { type: "object", additionalProperties: text },
  },
} as const;

export const REGISTERED = {
  type: "object",
  required: ["success", "message", "cluster_id", "node_id"],
  properties: { success: { type: "boolean" }, message: text, cluster_id: text, node_id: text },
} as const;

export const DONE = {
  type: "object",
  required: ["success", "message"],
  properties: { success: { type: "boolean" }, message: text },
} as const;

const percent = { type: "number", minimum: 0, maximum: 100 } as const;

export const STATUS_REPORT = {
  type: "object",
  required: ["status"],
  properties: {
    status: { type: "string", enum: PICCOLO_STATUSES },
    metrics: {
      type: "object",
      description: "in percent; others than these are taken and not kept",
      properties: { cpu_usage: percent, memory_usage: percent, disk_usage: percent },
    },
  },
} as const;

export const NODE_FILTER = {
  type: "object",
  properties: {
    status: { type: "string", enum: PICCOLO_STATUSES },
    role: { type: "string", enum: PICCOLO_ROLES },
  },
} as const;

export const NODE_ID = { type: "object", required: ["id"], properties: { id: text } } as const;

export const HEALTH = {
  type: "object",
  required: ["status", "total_nodes", "online_nodes", "master_nodes", "sub_nodes"],
  properties: {
    status: { type: "string", enum: ["healthy", "degraded", "unhealthy"] },
    total_nodes: integer,
    online_nodes: integer,
    master_nodes: integer,
    sub_nodes: integer,
  },
} as const;

export const TOPOLOGY = {
  type: "object",
  required: ["cluster_id", "cluster_name", "topology_type", "master_nodes", "sub_nodes", "config"],
  properties: {
    cluster_id: text,
    cluster_name: text,
    topology_type: { type: "string", enum: ["simple", "hierarchical", "mesh", "hybrid"] },
    master_nodes: { type: "array", items: NODE_INFO },
    sub_nodes: { type: "array", items: NODE_INFO },
    config: {
      type: "object",
      required: ["heartbeat_interval", "node_timeout", "balancing"],
      properties: {
        heartbeat_interval: { ...number, description: "seconds" },
        node_timeout: { ...number, description: "seconds" },
        balancing: text,
      },
    },
  },
} as const;
