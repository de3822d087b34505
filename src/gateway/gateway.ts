import fastify, { type FastifyInstance } from "fastify";

import type { TlsSource } from "../rpc/server/tls-handshakes";
import { dashboardRoutes } from "./dashboard/dashboard-routes";
import { CLUSTER_PREFIX, clusterApi } from "./cluster-api/cluster-api";
import type { GatewayParts } from "./gateway-parts";
import { guard, guardedApp, guardedServer } from "./guard/guard";
import { healthRoutes } from "./health/health-routes";
import { callRoutes } from "./rpc/call-routes";
import { OtherDirectors } from "./nodes/other-directors";
import { PICCOLO_PREFIX, piccoloApi } from "./piccolo/piccolo-api";
import { describeRoutes } from "./openapi/describe-routes";
import { docsPage } from "./openapi/docs-page";
import { openApiRoutes } from "./openapi/openapi-routes";
import { tellServiceMode } from "./proxy-stone/service-mode";
import { listenHttp, type BoundPort } from "./listen-http";
import { metricsRoutes } from "./metrics/metrics-routes";

export type { GatewayConfig, GatewayParts } from "./gateway-parts";

/** For answers on their way when the director stops: as much as a socket's buffers hold takes a bad link no longer. */
const CLOSE_TIMEOUT_MS = 1_000;

/**
 * The director's HTTP port: every face that is not gRPC. It asks the director by the same RPCs as everybody else does, without a socket
 * between.
 */
export class Gateway {
  readonly #parts: GatewayParts;
  /** For tests that need no socket. */
  readonly app: FastifyInstance;
  #ports: readonly BoundPort[] = [];

  constructor(parts: GatewayParts) {
    this.#parts = parts;
    const options = guardedApp(parts);
    const server = guardedServer(parts.config);
    this.app = parts.tls === undefined ? fastify({ ...options, http: server }) : httpsApp(options, server, parts.tls);
    guard(this.app, parts);
    describeRoutes(this.app, { version: parts.version, clusterName: parts.config.clusterName });
    tellServiceMode(this.app, parts);
    const nodes = { ...parts, others: new OtherDirectors(parts) };
    this.app.addHook("preClose", (done) => {
      nodes.others.close();
      done();
    });
    // One line for each face.
    void this.app.register(healthRoutes(parts));
    void this.app.register(callRoutes(parts));
    void this.app.register(clusterApi(nodes), { prefix: CLUSTER_PREFIX });
    void this.app.register(metricsRoutes(parts));
    void this.app.register(piccoloApi(nodes), { prefix: PICCOLO_PREFIX });
    void this.app.register(dashboardRoutes(parts));
    void this.app.register(openApiRoutes(parts));
    void this.app.register(docsPage());
  }

  /**
   * Begins to listen. Resolves to the address of the first port.
   * @throws FabricError INVALID_ARGUMENT when an address that was asked for cannot be bound
   */
  async open(): Promise<string> {
    const { config, logger } = this.#parts;
    this.#ports = await listenHttp(this.app, config, logger);
    const { address } = this.#ports[0]!;
    logger.info(`🌐 HTTP at ${this.#parts.tls === undefined ? "http" : "https"}://${address}/`);
    return address;
  }

  /**
   * Answers what it has, and takes no more. Calls have ended by now, so what is left are answers on their way; whoever does not take them in
   * time does not get them.
   */
  async close(): Promise<void> {
    for (const port of this.#ports) port.close();
    const cancel = this.#parts.clock.after(CLOSE_TIMEOUT_MS, () => this.app.server.closeAllConnections());
    await this.app.close();
    cancel();
  }
}

type TlsFiles = TlsSource["current"];

/** The certificate, and whom it lets in, of the gRPC port: what is closed there is not open here. */
function httpsApp(options: object, server: object, tls: TlsSource): FastifyInstance {
  const app = fastify({ ...options, https: { ...server, ...httpsOptions(tls.current) } });
  const unwatch = tls.watch((renewed) => app.server.setSecureContext(httpsOptions(renewed)));
  app.addHook("onClose", unwatch);
  return app;
}

function httpsOptions({ cert, key, clientCa }: TlsFiles) {
  return {
    cert,
    key,
    ...(clientCa === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: true }),
  };
}
