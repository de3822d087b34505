import { STATUS_CODES } from "node:http";

import type { FastifyPluginCallback } from "fastify";

import type { GatewayParts } from "../gateway-parts";
import { goWrapperRoutes } from "../go-wrapper/go-wrapper-routes";
import { answerInForm } from "../nodes/api-errors";
import type { NodesParts } from "../nodes/cluster-nodes";
import { proxyStoneRoutes } from "../proxy-stone/proxy-stone-routes";
import { sharedRoutes } from "./shared-routes";

export const CLUSTER_PREFIX = "/api/cluster";

/** What Proxy Stone and go_wrapper both have below /api/cluster, and what each has alone; errors in the form of the former (S-02). */
export function clusterApi(
  parts: NodesParts & Pick<GatewayParts, "logger" | "connectDirector">,
): FastifyPluginCallback {
  return (app, _options, done) => {
    answerInForm(app, CLUSTER_PREFIX, parts.logger, {
      form: ({ statusCode, code, message, details }) => ({
        success: false,
        error: STATUS_CODES[statusCode] ?? "Error",
        message,
        code,
        details,
      }),
    });
    void app.register(sharedRoutes(parts));
    void app.register(proxyStoneRoutes(parts));
    void app.register(goWrapperRoutes(parts));
    done();
  };
}
