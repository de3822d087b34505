import type {} from "@fastify/swagger";
import type { FastifyInstance } from "fastify";

import { FabricError } from "../../core/errors";
import { typedClient } from "../../rpc/service/typed-client";
import { DirectorServiceDefinition } from "../../wire/contract";
import type { GatewayParts } from "../gateway-parts";
import { bool, FAILURES, GO_WRAPPER_NODE, integer, success, text } from "../cluster-api/cluster-schemas";
import { ASK_TIMEOUT_MS, findNode, readNodes, type NodesParts } from "../nodes/cluster-nodes";
import { goWrapperNode } from "./go-wrapper-node";

type LeaderParts = NodesParts & Pick<GatewayParts, "connectDirector">;

const TAGS = ["go_wrapper"];
/** The other director must have taken over within it. */
const TRANSFER_TIMEOUT_MS = 15_000;

const LEADER = success({
  leader_id: { ...text, description: "empty while there is none" },
  is_leader: { ...bool, description: "whether it is the director that answers" },
  epoch: { ...integer, description: "rises with every new leadership" },
  leader: { anyOf: [GO_WRAPPER_NODE, { type: "null" }] },
});

const PROMOTION = {
  type: ["object", "null"],
  properties: { node_id: { ...text, description: "a director; by default the one that answers" } },
} as const;

/** Who leads, and somebody else. Only directors can lead. */
export function leaderRoutes(app: FastifyInstance, parts: LeaderParts): void {
  app.get(
    "/leader",
    { schema: { tags: TAGS, summary: "Who leads", response: { 200: LEADER, ...FAILURES } } },
    async () => ({ success: true, ...(await currentLeader(parts)) }),
  );
  app.post<{ Body: { readonly node_id?: string } | null | undefined }>(
    "/leader",
    {
      schema: {
        tags: TAGS,
        summary: "Promote a director to leader",
        body: PROMOTION,
        response: {
          200: success({ message: text, leader_id: text, is_leader: bool, epoch: integer }),
          ...FAILURES,
        },
      },
    },
    async ({ body }) => {
      const { nodes, self } = await readNodes(parts);
      const wanted = body?.node_id ? findNode(nodes, body.node_id) : self;
      if (wanted.kind !== "director") {
        throw new FabricError("INVALID_ARGUMENT", `${wanted.id} cannot lead: it is no director, and only these can`);
      }
      const { epoch } = await promote(parts, wanted.id);
      return {
        success: true,
        message: `${wanted.id} leads`,
        leader_id: wanted.id,
        is_leader: wanted.isSelf,
        epoch: Number(epoch),
      };
    },
  );
}

async function currentLeader(parts: LeaderParts) {
  const [{ nodes, self }, { directorId, epoch }] = await Promise.all([
    readNodes(parts),
    parts.director.getLeader({}, { timeoutMs: ASK_TIMEOUT_MS }),
  ]);
  const leader = nodes.find(({ kind, id }) => kind === "director" && id === directorId);
  return {
    leader_id: directorId,
    is_leader: directorId !== "" && directorId === self.id,
    epoch: Number(epoch),
    leader: leader ? goWrapperNode(leader, parts.clock.wallMs()) : null,
  };
}

/** Only who leads can hand it over, so that one is asked. */
async function promote({ director, config, connectDirector }: LeaderParts, directorId: string) {
  const leader = await director.getLeader({}, { timeoutMs: ASK_TIMEOUT_MS });
  if (leader.directorId === "") {
    throw new FabricError("LEADER_UNAVAILABLE", "nobody leads at the moment: the directors are electing one");
  }
  if (leader.directorId === directorId) return leader;
  const options = { timeoutMs: TRANSFER_TIMEOUT_MS };
  if (leader.directorId === config.directorId) return director.transferLeadership({ directorId }, options);
  const connection = connectDirector(leader.address);
  try {
    return await typedClient(DirectorServiceDefinition, connection).transferLeadership({ directorId }, options);
  } finally {
    connection.close();
  }
}
