import type {} from "@fastify/swagger";
import type { FastifyInstance } from "fastify";

import type { Agent } from "../../wire/contract";
import { AgentState } from "../../wire/contract";
import { DONE, FAILURES, id, integer, isoTime as isoTimeSchema, success, text } from "../cluster-api/cluster-schemas";
import { FabricError } from "../../core/errors";
import { ASK_TIMEOUT_MS, type NodesParts } from "../nodes/cluster-nodes";
import { placedAgents } from "../nodes/placed-agents";
import { isoTime } from "../nodes/figures";

const TAGS = ["go_wrapper"];
const TIMEOUT = { timeoutMs: ASK_TIMEOUT_MS };

const STATUSES = ["pending", "starting", "running", "failed"] as const;

const ASSIGNMENT = {
  type: "object",
  required: ["agent_name", "node_id", "services", "status", "reason", "created_at", "assigned_at", "moves"],
  properties: {
    agent_name: text,
    node_id: { ...text, description: "empty while no node can take it" },
    services: { type: "array", items: text },
    status: { type: "string", enum: STATUSES },
    reason: text,
    created_at: isoTimeSchema,
    assigned_at: { anyOf: [isoTimeSchema, { type: "null" }] },
    moves: integer,
  },
} as const;

const WISH = {
  type: "object",
  required: ["agent_name"],
  properties: {
    agent_name: id,
    services: { type: "array", items: { type: "string", minLength: 1, maxLength: 255 }, maxItems: 64 },
    match: { type: "string", maxLength: 1024, description: "a selector of tags, such as gpu=true" },
    node_id: { type: "string", maxLength: 128, description: "only on this node" },
    parameters: { type: "object", additionalProperties: { type: "string" } },
  },
} as const;

interface Wish {
  readonly agent_name: string;
  readonly services?: readonly string[];
  readonly match?: string;
  readonly node_id?: string;
  readonly parameters?: Readonly<Record<string, string>>;
}

interface ByName {
  readonly Params: { readonly name: string };
}

const BY_NAME = { type: "object", required: ["name"], properties: { name: text } } as const;

/** Named agents and the nodes that they are on (G-04). */
export function assignmentRoutes(app: FastifyInstance, { agents }: NodesParts): void {
  app.get<{ Querystring: { readonly node_id?: string } }>(
    "/assignments",
    {
      schema: {
        tags: TAGS,
        summary: "All agents, or those of a node",
        querystring: { type: "object", properties: { node_id: text } },
        response: {
          200: success({ assignments: { type: "array", items: ASSIGNMENT }, count: integer }),
          ...FAILURES,
        },
      },
    },
    async ({ query: { node_id: memberId } }) => {
      const all = await placedAgents(agents);
      const assignments = all.filter((agent) => memberId === undefined || agent.memberId === memberId).map(assignment);
      return { success: true, assignments, count: assignments.length };
    },
  );
  app.post<{ Body: Wish }>(
    "/assignments",
    {
      schema: {
        tags: TAGS,
        summary: "Place an agent on a node that has its services and room for it",
        description: "201 when it is new, 200 when it is there already; 409 when it is there with other needs.",
        body: WISH,
        response: { "2xx": success({ assignment: ASSIGNMENT }), ...FAILURES },
      },
    },
    async ({ body }, reply) => {
      const { agent, created } = await agents.assignAgent(
        {
          name: body.agent_name,
          services: [...(body.services ?? [])],
          match: body.match ?? "",
          memberId: body.node_id ?? "",
          parameters: new Map(Object.entries(body.parameters ?? {})),
        },
        TIMEOUT,
      );
      return reply.code(created ? 201 : 200).send({ success: true, assignment: assignment(agent!) });
    },
  );
  app.get<ByName>(
    "/assignments/:name",
    {
      schema: {
        tags: TAGS,
        summary: "One agent",
        params: BY_NAME,
        response: { 200: success({ assignment: ASSIGNMENT }), ...FAILURES },
      },
    },
    async ({ params: { name } }) => {
      const { agent } = await agents.getAgent({ name }, TIMEOUT);
      return { success: true, assignment: assignment(agent!) };
    },
  );
  app.delete<ByName>(
    "/assignments/:name",
    {
      schema: { tags: TAGS, summary: "Release an agent", params: BY_NAME, response: { 200: DONE, ...FAILURES } },
    },
    async ({ params: { name } }) => {
      const { released } = await agents.releaseAgent({ name, reason: "released by the cluster API" }, TIMEOUT);
      if (!released) throw new FabricError("AGENT_NOT_FOUND", `there is no agent "${name.slice(0, 128)}"`);
      return { success: true, message: `Agent ${name} released` };
    },
  );
}

const STATUS_OF: Readonly<Partial<Record<AgentState, (typeof STATUSES)[number]>>> = {
  [AgentState.PENDING]: "pending",
  [AgentState.STARTING]: "starting",
  [AgentState.RUNNING]: "running",
  [AgentState.FAILED]: "failed",
};

function assignment(agent: Agent) {
  const assignedAtUnixMs = Number(agent.assignedAtUnixMs);
  return {
    agent_name: agent.name,
    node_id: agent.memberId,
    services: agent.services,
    status: STATUS_OF[agent.state] ?? "pending",
    reason: agent.reason,
    created_at: isoTime(Number(agent.createdAtUnixMs)),
    assigned_at: assignedAtUnixMs === 0 ? null : isoTime(assignedAtUnixMs),
    moves: agent.moves,
  };
}
