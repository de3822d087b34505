import { readFileSync } from "node:fs";

import type { MemberEvent } from "../core/attach-messages";
import { FabricError, messageOf } from "../core/errors";
import type { Logger } from "../core/logger";
import { loadWorkerConfig, type WorkerOptions as WorkerSettings } from "../config/roles";
import type { Environment } from "../config/setting";
import { readHostInventory } from "../platform/host-inventory";
import { systemHostLoad } from "../platform/host-load";
import { onStopSignal } from "../platform/signals";
import { FILE_DESCRIPTOR_SET } from "../wire/contract";
import { openAttach } from "../wire/attach-stream";
import { DescriptorCatalog } from "../wire/descriptor-catalog";
import { DescriptorSet, descriptorSetHash } from "../wire/descriptor-set";
import { GrpcServer } from "../wire/grpc-server";
import { ServiceHealth } from "../wire/health-service";
import { reflectionServices } from "../wire/reflection-service";
import { mountService, type Handlers, type MountedService } from "../rpc/service/service-handlers";
import type { ServiceDefinition } from "../rpc/service/service-definition";
import { RpcServer } from "../rpc/server/rpc-server";
import { serverCredentials, servingTls } from "../wire/tls";
import { computeService } from "../worker/services/compute-service";
import { inferenceService } from "../worker/services/inference-service";
import { TASKS } from "../worker/tasks";
import { Worker, type WorkerServer } from "../worker/worker";
import { connector } from "./connector";
import { liveTls, newId, packageVersion, processParts } from "./process-parts";

export { CallError } from "../core/errors";
export { Status } from "../core/status";
export { CallMetadata } from "../core/call-metadata";
export type { MemberEvent } from "../core/attach-messages";
export type { CallContext } from "../rpc/service/call-context";
export type { Handler, Handlers, MountedService } from "../rpc/service/service-handlers";
export type { ServiceDefinition } from "../rpc/service/service-definition";
export type { Worker } from "../worker/worker";

/** What a worker is made of. Settings that are not given come from the environment; see docs/configuration.md. */
export interface WorkerOptions extends WorkerSettings {
  /** What it serves: `service(Definition, handlers)` for each. Default: the tasks and the token stream of `heddle worker`. */
  readonly services?: readonly MountedService[];
  /**
   * The FileDescriptorSet of the services, as `buf build -o contract.binpb` or `protoc --descriptor_set_out
   * --include_imports` writes it: the bytes, or the file's name or URL. Without it the services are callable but not discoverable, and
   * the director treats no method of theirs as idempotent.
   */
  readonly descriptors?: Uint8Array | string | URL;
  /** Where settings come from. Default: the process's environment. */
  readonly env?: Environment;
  /** Default: one that writes to standard output as HEDDLE_LOG_LEVEL and HEDDLE_LOG_FORMAT say. */
  readonly logger?: Logger;
  /** Told what happens in the cluster: who joins, leaves, fails. */
  readonly onEvent?: (event: MemberEvent) => void;
}

/** Joins a generated definition (ts-proto, `outputServices=generic-definitions`) and its handlers. */
export function service<S extends ServiceDefinition>(definition: S, handlers: Handlers<S>): MountedService {
  return mountService(definition, handlers);
}

/**
 * Makes a worker; `start` it to serve and attach, `stop` it to drain and leave.
 * @throws ConfigError with every mistake in the settings
 * @throws FabricError when the descriptors or the TLS files cannot be used
 */
export function createWorker(options: WorkerOptions = {}): Worker {
  const { services, descriptors, env, logger: givenLogger, onEvent, ...settings } = options;
  const config = loadWorkerConfig(env ?? process.env, settings);
  const parts = processParts(givenLogger, { level: config.logLevel, format: config.logFormat });
  const { clock, logger } = parts;
  const tls = liveTls(config, parts);

  const served = services ?? [
    computeService({ tasks: TASKS, clock, label: config.label }),
    inferenceService({ clock, logger, label: config.label, newConnectionId: newId }),
  ];
  if (services && descriptors === undefined) {
    logger.warn("no descriptors given: the services can be called, but not discovered, and none counts as idempotent");
  }
  const contract = contractOf(served, services ? descriptors : FILE_DESCRIPTOR_SET);
  const { messageMaxBytes } = config;
  const server =
    config.transport === "engine"
      ? new RpcServer({ ...parts, messageMaxBytes, keepaliveMs: 0, tls: servingTls(tls) })
      : new GrpcServer({ credentials: serverCredentials(tls), messageMaxBytes, keepaliveMs: 0 });
  const health = describe(server, served, contract);
  const sampler = systemHostLoad();
  const connect = connector(config, parts, tls);

  return new Worker({
    ...parts,
    config: { ...config, address: config.listenAddress, dataKeepalive: true },
    version: packageVersion(),
    services: served,
    descriptors: contract && { hash: descriptorSetHash(contract), fileDescriptorSet: contract },
    server,
    inventory: () => readHostInventory(),
    sampleLoad: () => sampler.sample(),
    openAttach: (address) => {
      const connection = connect(address);
      return { stream: openAttach(connection), close: () => connection.close() };
    },
    connect: (address) => connect(address),
    onServing: (serving) => {
      for (const name of ["", ...served.map(({ fullName }) => fullName)]) health.setStatus(name, serving);
    },
    ...(onEvent ? { onEvent } : {}),
  });
}

/**
 * Makes a worker, starts it, and leaves the cluster in order at SIGINT or SIGTERM: a whole worker program in one call. Resolves
 * when it has left; a second signal ends the process at once.
 * @throws ConfigError, FabricError as createWorker and start do, and when no director can ever take the worker as it is
 */
export async function runWorker(options: WorkerOptions = {}): Promise<void> {
  const worker = createWorker(options);
  const stopListening = onStopSignal((signal) => void worker.stop({ reason: signal }));
  try {
    await worker.start();
    await worker.finished;
    await worker.stop();
  } finally {
    stopListening();
  }
}

/** Adds health and reflection, so that a worker can be looked at directly too. */
function describe(
  server: WorkerServer,
  served: readonly MountedService[],
  contract: Uint8Array | undefined,
): ServiceHealth {
  const health = new ServiceHealth();
  for (const name of ["", ...served.map(({ fullName }) => fullName)]) health.setStatus(name, true);
  mount(health.service);
  if (!contract) return health;
  const catalog = new DescriptorCatalog(contract);
  for (const service of reflectionServices(catalog)) mount(service);
  return health;

  function mount({ methods }: MountedService): void {
    for (const [path, run] of methods) server.handle(path, run);
  }
}

/** The contract of just what is served. */
function contractOf(
  served: readonly MountedService[],
  descriptors: Uint8Array | string | URL | undefined,
): Uint8Array | undefined {
  if (descriptors === undefined) return undefined;
  const bytes = descriptors instanceof Uint8Array ? descriptors : readDescriptors(descriptors);
  return DescriptorSet.parse(bytes).subset(served.map(({ fullName }) => fullName));
}

function readDescriptors(file: string | URL): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    const message = `descriptors file ${String(file)} cannot be read: ${messageOf(error)}`;
    throw new FabricError("INVALID_ARGUMENT", message, { cause: error });
  }
}
