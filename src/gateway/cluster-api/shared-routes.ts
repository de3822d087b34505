import type {} from "@fastify/swagger";
import type { FastifyPluginCallback } from "fastify";

import { removeNode } from "../nodes/change-node";
import { readNode, readNodes, type NodesParts } from "../nodes/cluster-nodes";
import { BY_ID, DONE, FAILURES, integer, success, UNION_NODE, VOCABULARY_QUERY } from "./cluster-schemas";
import { unionNode, type Vocabulary } from "./union-node";

interface InWords {
  readonly Querystring: { readonly vocabulary?: Vocabulary };
}

interface ById {
  readonly Params: { readonly id: string };
}

const TAGS = ["Proxy Stone", "go_wrapper"];

/** Paths that both systems have: the union of what they answer. */
export function sharedRoutes(parts: NodesParts): FastifyPluginCallback {
  const union = (vocabulary: Vocabulary | undefined) => ({
    clusterId: parts.config.clusterId,
    nowUnixMs: parts.clock.wallMs(),
    vocabulary,
  });
  return (app, _options, done) => {
    app.get<InWords>(
      "/nodes",
      {
        schema: {
          tags: TAGS,
          summary: "All nodes",
          querystring: VOCABULARY_QUERY,
          response: {
            200: success({ nodes: { type: "array", items: UNION_NODE }, total: integer, count: integer }),
            ...FAILURES,
          },
        },
      },
      async ({ query: { vocabulary } }) => {
        const { nodes } = await readNodes(parts);
        const options = union(vocabulary);
        const shown = nodes.map((node) => unionNode(node, options));
        return { success: true, nodes: shown, total: shown.length, count: shown.length };
      },
    );
    app.get<InWords & ById>(
      "/nodes/:id",
      {
        schema: {
          tags: TAGS,
          summary: "One node",
          params: BY_ID,
          querystring: VOCABULARY_QUERY,
          response: { 200: success({ node: UNION_NODE }), ...FAILURES },
        },
      },
      async ({ params: { id }, query: { vocabulary } }) => {
        const node = await readNode(parts, id);
        return { success: true, node: unionNode(node, union(vocabulary)) };
      },
    );
    app.delete<ById>(
      "/nodes/:id",
      { schema: { tags: TAGS, summary: "Remove a node", params: BY_ID, response: { 200: DONE, ...FAILURES } } },
      async ({ params: { id } }) => {
        const node = await removeNode(parts, id, "removed by the cluster API");
        return { success: true, message: `Node ${node.id} removed` };
      },
    );
    done();
  };
}
