import { readFileSync } from "node:fs";

import type { MemberEvent } from "../core/attach-messages";
import { FabricError, messageOf } from "../core/errors";
import type { Logger } from "../core/logger";
import { loadWorkerConfig, type WorkerOptions as WorkerSettings } from "../config/roles";
import type { Environment } from "../config/setting";
import type { WorkerConfig } from "../config/worker-settings";
import { readHostInventory } from "../platform/host-inventory";
import { systemHostLoad } from "../platform/host-load";
import type { ServerInterceptor } from "../rpc/service/server-interceptors";
import type { MountedService } from "../rpc/service/service-handlers";
import { openAttach } from "../wire/attach-stream";
import { DescriptorCatalog } from "../wire/descriptor-catalog";
import { DescriptorSet, descriptorSetHash } from "../wire/descriptor-set";
import { ServiceHealth } from "../wire/health-service";
import { reflectionServices } from "../wire/reflection-service";
import type { AgentHandler } from "../worker/agents/agent-handler";
import { ownThread, type Served, type ServedService, type ServiceHost } from "../worker/service-host";
import { ThreadPool } from "../worker/threads/thread-pool";
import { Worker, type WorkerServer } from "../worker/worker";
import { connector } from "./connector";
import { packageVersion } from "./package-version";
import { liveTls, processParts, type ProcessParts } from "./process-parts";
import { loadServices, type ServiceSource } from "./service-source";
import { openThread, threadProgram } from "./thread-program";
import { workerPort } from "./worker-port";

/** What is served: functions of this thread, or where they come from. */
export type WorkerContent = { readonly given: readonly MountedService[] } | { readonly source: ServiceSource };

export interface AssemblyOptions {
  readonly descriptors?: Uint8Array | string | URL | undefined;
  readonly interceptors?: readonly ServerInterceptor[] | undefined;
  readonly env?: Environment | undefined;
  readonly logger?: Logger | undefined;
  readonly onEvent?: ((event: MemberEvent) => void) | undefined;
  readonly onAgent?: AgentHandler | undefined;
}

/** Puts a worker together. */
export function assembleWorker(content: WorkerContent, options: AssemblyOptions, settings: WorkerSettings): Worker {
  const { descriptors, env, onEvent, onAgent } = options;
  const config = loadWorkerConfig(env ?? process.env, settings);
  const parts = processParts(options.logger, { level: config.logLevel, format: config.logFormat });
  const { logger } = parts;
  const tls = liveTls(config, parts);
  const server = workerPort(config, parts, tls);
  const sampler = systemHostLoad();
  const connect = connector(config, parts, tls);
  const face = new PublicFace(server);
  const serve = (services: readonly ServedService[], own: Uint8Array | undefined): Served => {
    if (descriptors === undefined && own === undefined && services.length > 0) {
      logger.warn("no descriptors given: services can be called, but not discovered, and none counts as idempotent");
    }
    return face.show(services, contractOf(services, descriptors ?? own));
  };

  return new Worker({
    ...parts,
    config: { ...config, address: config.listenAddress, dataKeepalive: true },
    version: packageVersion(),
    host: hostOf(content, config, parts, serve, options.interceptors ?? []),
    server,
    inventory: () => readHostInventory(),
    sampleLoad: () => sampler.sample(),
    openAttach: (address) => {
      const connection = connect(address);
      return { stream: openAttach(connection), close: () => connection.close() };
    },
    connect: (address) => connect(address),
    onServing: (serving) => face.setServing(serving),
    ...(onEvent ? { onEvent } : {}),
    onAgent,
  });
}

/** Members of these roles are there for something else: they serve what they are given, and nothing by default. */
const ROLES_WITHOUT_TASKS: ReadonlySet<string> = new Set(["gateway", "monitor"]);
const NOTHING: ServiceSource = { kind: "none" };

type Serve = (services: readonly ServedService[], descriptors: Uint8Array | undefined) => Served;

function hostOf(
  content: WorkerContent,
  config: WorkerConfig,
  parts: ProcessParts,
  serve: Serve,
  interceptors: readonly ServerInterceptor[],
): ServiceHost {
  if ("given" in content) {
    if (config.threads > 0) {
      const remedy = 'Export them by default from a module, and name it: servicesModule: new URL("./services.js", …)';
      const what = `WORKER_THREADS is ${config.threads}, but functions cannot be given to another thread. ${remedy}`;
      throw new FabricError("INVALID_ARGUMENT", what);
    }
    const served = serve(intercepted(content.given, interceptors), undefined);
    return ownThread(() => served);
  }
  const source = content.source.kind === "default" && ROLES_WITHOUT_TASKS.has(config.role) ? NOTHING : content.source;
  if (config.threads > 0) {
    if (interceptors.length > 0) throw interceptorsElsewhere(config.threads);
    return threadHost(source, config, parts, serve);
  }
  return ownThread(async () => {
    const { services, descriptors, onAgent } = await loadServices(source, { ...parts, label: config.label });
    return { ...serve(intercepted(services, interceptors), descriptors), onAgent };
  });
}

function intercepted(
  services: readonly MountedService[],
  interceptors: readonly ServerInterceptor[],
): readonly MountedService[] {
  return interceptors.length === 0 ? services : services.map((each) => each.intercepted(interceptors));
}

function interceptorsElsewhere(threads: number): FabricError {
  const remedy = "Give them to service(Definition, handlers, { interceptors }) in the module";
  const what = `WORKER_THREADS is ${threads}, but functions cannot be given to another thread. ${remedy}`;
  return new FabricError("INVALID_ARGUMENT", what);
}

function threadHost(source: ServiceSource, config: WorkerConfig, parts: ProcessParts, serve: Serve): ServiceHost {
  const program = threadProgram();
  const options = { source, label: config.label, heapMaxBytes: config.threadHeapMaxBytes };
  const pool = new ThreadPool({
    ...parts,
    size: config.threads,
    open: (number) => openThread(program, number, options),
    whenTurnEnds: (callback) => setImmediate(callback),
  });
  return {
    start: async () => {
      const { services, descriptors } = await pool.start();
      try {
        return serve(services, descriptors);
      } catch (error) {
        await pool.stop();
        throw error;
      }
    },
    onRefusal: (listener) => pool.onRefusal(listener),
    stop: () => pool.stop(),
  };
}

/** Health and reflection, so that a worker can be looked at directly too. */
class PublicFace {
  readonly #server: WorkerServer;
  readonly #health = new ServiceHealth();
  #names: readonly string[] = [""];

  constructor(server: WorkerServer) {
    this.#server = server;
  }

  show(services: readonly ServedService[], contract: Uint8Array | undefined): Served {
    this.#names = ["", ...services.map(({ fullName }) => fullName)];
    this.setServing(true);
    this.#mount(this.#health.service);
    if (!contract) return { services, descriptors: undefined };
    for (const service of reflectionServices(new DescriptorCatalog(contract))) this.#mount(service);
    return { services, descriptors: { hash: descriptorSetHash(contract), fileDescriptorSet: contract } };
  }

  setServing(serving: boolean): void {
    for (const name of this.#names) this.#health.setStatus(name, serving);
  }

  #mount({ methods }: MountedService): void {
    for (const [path, run] of methods) this.#server.handle(path, run);
  }
}

/** The contract of just what is served. */
function contractOf(
  served: readonly ServedService[],
  descriptors: Uint8Array | string | URL | undefined,
): Uint8Array | undefined {
  if (descriptors === undefined || served.length === 0) return undefined;
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
