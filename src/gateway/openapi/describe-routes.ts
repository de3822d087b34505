import swagger from "@fastify/swagger";
import type { FastifyInstance } from "fastify";

/** Has the app take down what its routes say of themselves. It comes before them. */
export function describeRoutes(
  app: FastifyInstance,
  { version, clusterName }: { version: string; clusterName: string },
): void {
  void app.register(swagger, {
    // Pages and what belongs to them have no tag, and are no API.
    hideUntagged: true,
    openapi: {
      openapi: "3.1.0",
      info: {
        title: `Heddle: ${clusterName}`,
        version,
        description: "JSON for every RPC of the cluster, and the REST APIs of the systems that Heddle replaces.",
        license: { name: "Apache-2.0", identifier: "Apache-2.0" },
      },
      servers: [{ url: "/" }],
    },
  });
}
