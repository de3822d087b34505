import { resolve } from "node:path";

import { createDirector } from "../api/director";
import { connect } from "../api/client";
import { createWorker } from "../api/worker";
import { createAttachment } from "../api/attachment";
import { newId } from "../api/process-parts";
import { protoServices } from "../api/proto-services";
import { policiesOfModule } from "../balancing/policy-module";
import type { BalancingPolicy } from "../balancing/picker";
import type { Roles } from "../cli/program";
import { AssignedStream } from "../client/assigned-stream";
import { loadClientConfig, loadDirectorConfig, loadWorkerConfig } from "../config/roles";
import { FabricError, messageOf } from "../core/errors";
import type { LoggerOptions } from "../platform/logger";
import { systemClock } from "../platform/system-clock";
import { systemRandom } from "../platform/system-random";
import { GrpcConnection } from "../wire/grpc-connection";
import { channelCredentials } from "../wire/tls";
import { runRole } from "./run-role";

const logging = (config: {
  readonly logLevel: LoggerOptions["level"];
  readonly logFormat: LoggerOptions["format"];
}) => ({
  level: config.logLevel,
  format: config.logFormat,
});

/** What the commands do. */
export const ROLES: Roles = {
  director: (env) =>
    runRole(
      () => logging(loadDirectorConfig(env)),
      async (logger) => {
        const { balancer, balancerModule } = loadDirectorConfig(env);
        const policies = balancerModule === "" ? {} : await loadPolicies(balancerModule);
        // The module's policy is meant to be used; of several, HEDDLE_BALANCER says which.
        const own = Object.hasOwn(policies, balancer) ? balancer : Object.keys(policies)[0];
        const director = await createDirector({ env, logger, policies, ...(own ? { balancer: own } : {}) });
        await director.start();
        return { stop: () => director.stop() };
      },
    ),

  worker: (env, proto) =>
    runRole(
      () => logging(loadWorkerConfig(env)),
      async (logger) => {
        const contract = proto ? protoServices(proto, await loadModule(proto.handlersModule, "--handlers")) : {};
        const worker = createWorker({ env, logger, ...contract });
        await worker.start();
        return { stop: (reason) => worker.stop({ reason }), finished: worker.finished };
      },
    ),

  attach: (env, target) =>
    runRole(
      () => logging(loadWorkerConfig(env)),
      async (logger) => {
        const worker = await createAttachment(target, { env, logger });
        await worker.start();
        return { stop: (reason) => worker.stop({ reason }), finished: worker.finished };
      },
    ),

  client: (env) =>
    runRole(
      () => logging(loadClientConfig(env)),
      async (logger) => {
        const config = loadClientConfig(env);
        const tls = { certFile: config.tlsCertFile, keyFile: config.tlsKeyFile, caFile: config.tlsCaFile };
        const fabric = connect({ env, logger, mode: "proxy" });
        const stream = new AssignedStream({
          clock: systemClock,
          random: systemRandom(),
          logger,
          director: fabric.director,
          directors: config.directors,
          prompt: "hello",
          maxTokens: 0,
          newId,
          connect: (address) =>
            new GrpcConnection(address, {
              credentials: channelCredentials(tls),
              keepaliveMs: config.dataKeepaliveMs,
              messageMaxBytes: config.messageMaxBytes,
              reconnectMaxMs: config.reconnectMaxMs,
            }),
        });
        const stopping = new AbortController();
        const finished = stream.run(stopping.signal);
        return {
          finished,
          stop: async () => {
            stopping.abort();
            await finished;
            const { tokens, failovers, lost, repeated } = stream.counts;
            logger.info("👋 client stopped", { tokens, failovers, lost, repeated });
            await fabric.close();
          },
        };
      },
    ),
};

async function loadPolicies(file: string): Promise<Record<string, BalancingPolicy>> {
  return policiesOfModule(await loadModule(file, "HEDDLE_BALANCER_MODULE"), file);
}

/** @throws FabricError INVALID_ARGUMENT that names the setting, the file and what is wrong with it */
async function loadModule(file: string, setting: string): Promise<unknown> {
  try {
    return (await import(resolve(file))) as unknown;
  } catch (error) {
    throw new FabricError("INVALID_ARGUMENT", `${setting} ${file} cannot be loaded: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
