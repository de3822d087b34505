import type {} from "@fastify/swagger";
import type { FastifyInstance } from "fastify";

import { FAILURES, integer, success, text } from "../cluster-api/cluster-schemas";
import { ASK_TIMEOUT_MS, type NodesParts } from "../nodes/cluster-nodes";

const TAGS = ["go_wrapper"];
const REBALANCE_TIMEOUT_MS = 30_000;

const strategy = {
  type: "string",
  minLength: 1,
  maxLength: 64,
  description: "round-robin, least-loaded, least-agents, random, weighted, or another of those that GET answers with",
} as const;

const MOVE = {
  type: "object",
  required: ["agent_name", "from_node", "to_node", "reason"],
  properties: { agent_name: text, from_node: text, to_node: text, reason: text },
} as const;

interface Choice {
  readonly Querystring: { readonly strategy?: string };
  readonly Body: { readonly strategy?: string } | null | undefined;
}

/** How calls and agents are spread. */
export function balanceRoutes(app: FastifyInstance, parts: NodesParts): void {
  app.get(
    "/balance",
    {
      schema: {
        tags: TAGS,
        summary: "The strategy, and those there are",
        response: { 200: success({ strategy: text, available: { type: "array", items: text } }), ...FAILURES },
      },
    },
    async () => {
      const { policy, available } = await parts.director.getBalancing({}, { timeoutMs: ASK_TIMEOUT_MS });
      return { success: true, strategy: policy, available };
    },
  );
  app.post<Choice>(
    "/balance",
    {
      schema: {
        tags: TAGS,
        summary: "Switch the strategy; without one, move agents to nodes that have fewer",
        querystring: { type: "object", properties: { strategy } },
        body: { type: ["object", "null"], properties: { strategy } },
        response: {
          200: success({ message: text, strategy: text, moved: integer, moves: { type: "array", items: MOVE } }),
          ...FAILURES,
        },
      },
    },
    async ({ query, body }) => {
      const wanted = query.strategy ?? body?.strategy;
      return wanted === undefined ? rebalance(parts) : switchTo(parts, wanted);
    },
  );
}

async function switchTo({ director }: NodesParts, wanted: string) {
  const { policy } = await director.setBalancing({ policy: wanted }, { timeoutMs: ASK_TIMEOUT_MS });
  return { success: true, message: `Load balancing strategy is ${policy}`, strategy: policy, moved: 0, moves: [] };
}

async function rebalance({ director, agents }: NodesParts) {
  const request = { reason: "asked for by the cluster API" };
  const { moves } = await agents.rebalanceAgents(request, { timeoutMs: REBALANCE_TIMEOUT_MS });
  const { policy } = await director.getBalancing({}, { timeoutMs: ASK_TIMEOUT_MS });
  return {
    success: true,
    message: moves.length === 1 ? "1 agent moved" : `${moves.length} agents moved`,
    strategy: policy,
    moved: moves.length,
    moves: moves.map(({ name, fromMemberId, toMemberId, reason }) => ({
      agent_name: name,
      from_node: fromMemberId,
      to_node: toMemberId,
      reason,
    })),
  };
}
