import type { FastifyPluginCallback } from "fastify";

import type { GatewayParts } from "../gateway-parts";

const ALWAYS = { config: { answeredAlways: true } };

/**
 * For load balancers and orchestrators: `/healthz` answers while the process does, `/readyz` only while it takes calls, so that whoever
 * asks it sends no new ones to a director that is stopping.
 */
export function healthRoutes({ isServing }: Pick<GatewayParts, "isServing">): FastifyPluginCallback {
  return (app, _options, done) => {
    app.get("/healthz", ALWAYS, () => ({ status: "ok" }));
    app.get("/readyz", ALWAYS, (_request, reply) => {
      if (isServing()) return { status: "ready" };
      return reply.code(503).send({ status: "draining" });
    });
    done();
  };
}
