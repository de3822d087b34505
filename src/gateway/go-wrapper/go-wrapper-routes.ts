import type { FastifyPluginCallback } from "fastify";

import type { GatewayParts } from "../gateway-parts";
import type { NodesParts } from "../nodes/cluster-nodes";
import { assignmentRoutes } from "./assignment-routes";
import { balanceRoutes } from "./balance-routes";
import { leaderRoutes } from "./leader-routes";
import { nodeRoutes } from "./node-routes";
import { statsRoutes } from "./stats-routes";

export type GoWrapperParts = NodesParts & Pick<GatewayParts, "connectDirector">;

/** The REST API of go_wrapper's clusters (G-01), but for the paths that others have too. */
export function goWrapperRoutes(parts: GoWrapperParts): FastifyPluginCallback {
  return (app, _options, done) => {
    nodeRoutes(app, parts);
    statsRoutes(app, parts);
    leaderRoutes(app, parts);
    balanceRoutes(app, parts);
    assignmentRoutes(app, parts);
    done();
  };
}
