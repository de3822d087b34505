import type { FastifyPluginCallback } from "fastify";

import type { NodesParts } from "../nodes/cluster-nodes";
import { clusterInfoRoutes } from "./cluster-info-routes";
import { nodeRoutes } from "./node-routes";
import { servingRoutes } from "./serving-routes";

/** The REST API of Proxy Stone (S-01), but for the paths that others have too. */
export function proxyStoneRoutes(parts: NodesParts): FastifyPluginCallback {
  return (app, _options, done) => {
    nodeRoutes(app, parts);
    clusterInfoRoutes(app, parts);
    servingRoutes(app, parts);
    done();
  };
}
