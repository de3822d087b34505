import type {} from "@fastify/swagger";
import type { FastifyPluginCallback, RouteShorthandOptions } from "fastify";

import type { GatewayParts } from "../gateway-parts";

const STATUS = { type: "object", required: ["status"], properties: { status: { type: "string" } } } as const;

/** @param failed - what the other answer is */
function route(summary: string, failed: Readonly<Record<string, unknown>> = {}): RouteShorthandOptions {
  return {
    schema: { tags: ["Health"], summary, response: { 200: STATUS, ...failed } },
    config: { answeredAlways: true },
  };
}

/**
 * For load balancers and orchestrators: `/healthz` answers while the process does, `/readyz` only while it takes calls, so that whoever
 * asks it sends no new ones to a director that is stopping.
 */
export function healthRoutes({ isServing }: Pick<GatewayParts, "isServing">): FastifyPluginCallback {
  return (app, _options, done) => {
    app.get("/healthz", route("Whether the process answers"), () => ({ status: "ok" }));
    app.get("/readyz", route("Whether the director takes calls", { 503: STATUS }), (_request, reply) => {
      if (isServing()) return { status: "ready" };
      return reply.code(503).send({ status: "draining" });
    });
    done();
  };
}
