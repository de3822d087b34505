import type { MemberEvent } from "../core/attach-messages";
import { FabricError } from "../core/errors";
import type { Logger } from "../core/logger";
import type { WorkerOptions as WorkerSettings } from "../config/roles";
import type { Environment } from "../config/setting";
import { onStopSignal } from "../platform/signals";
import { mountService, type Handlers, type MountedService } from "../rpc/service/service-handlers";
import type { ServerInterceptor } from "../rpc/service/server-interceptors";
import type { ServiceDefinition } from "../rpc/service/service-definition";
import type { AgentHandler } from "../worker/agents/agent-handler";
import type { Worker } from "../worker/worker";
import { assembleWorker } from "./assemble-worker";
import { moduleFile, type ServiceSource } from "./service-source";

export { CallError } from "../core/errors";
export { Status } from "../core/status";
export { CallMetadata } from "../core/call-metadata";
export type { MemberEvent } from "../core/attach-messages";
export type { PeerCertificate } from "../core/call";
export type { ServerInterceptor } from "../rpc/service/server-interceptors";
export type { CallContext } from "../rpc/service/call-context";
export type { ResumePosition } from "../core/resume-position";
export type { Handler, Handlers, MountedService } from "../rpc/service/service-handlers";
export { grpcJsService, type GrpcJsDefinition, type GrpcJsMethod } from "../wire/grpc-js-service";
export { rawDefinition, type RawDefinition, type RawMethod } from "../rpc/service/raw-definition";
export type { ServiceDefinition } from "../rpc/service/service-definition";
export type { AgentHandler, PlacedAgent, StopAgent } from "../worker/agents/agent-handler";
export type { Worker } from "../worker/worker";

/** What a worker is made of. Settings that are not given come from the environment; see docs/configuration.md. */
export interface WorkerOptions extends WorkerSettings {
  /** What it serves: `service(Definition, handlers)` or `grpcJsService(definition, implementation)` for each. Default: the tasks and the token stream of `heddle worker`. */
  readonly services?: readonly MountedService[];
  /**
   * Instead of `services`: a module, ECMAScript or CommonJS, that exports them by default, as a URL or a path relative to the working
   * directory. `start` loads it; with `threads` (WORKER_THREADS) in each of the threads that run the handlers, and not in this one.
   */
  readonly servicesModule?: string | URL;
  /**
   * The FileDescriptorSet of the services, as `buf build -o contract.binpb` or `protoc --descriptor_set_out
   * --include_imports` writes it: the bytes, or the file's name or URL. Without it the services are callable but not discoverable, and
   * the director treats no method of theirs as idempotent.
   */
  readonly descriptors?: Uint8Array | string | URL;
  /**
   * Around every handler of all services, the first outermost: authentication, measurement, logs. Not around health and reflection.
   * With `threads` they go into the module, as options of `service`, where the handlers are.
   */
  readonly interceptors?: readonly ServerInterceptor[];
  /** Where settings come from. Default: the process's environment. */
  readonly env?: Environment;
  /** Default: one that writes to standard output as HEDDLE_LOG_LEVEL and HEDDLE_LOG_FORMAT say. */
  readonly logger?: Logger;
  /** Told what happens in the cluster: who joins, leaves, fails. */
  readonly onEvent?: (event: MemberEvent) => void;
  /**
   * Runs the agents that are placed on this worker, on its main thread (docs/agents.md). Without it the worker takes none, unless it is one of
   * `heddle worker`'s.
   */
  readonly onAgent?: AgentHandler;
}

export interface ServiceOptions {
  /** Around every handler of the service, the first outermost, and inside of the worker's own. */
  readonly interceptors?: readonly ServerInterceptor[];
}

/** Joins a generated definition (ts-proto, `outputServices=generic-definitions`) and its handlers. */
export function service<S extends ServiceDefinition>(
  definition: S,
  handlers: Handlers<S>,
  options: ServiceOptions = {},
): MountedService {
  return mountService(definition, handlers, options);
}

/**
 * Makes a worker; `start` it to serve and attach, `stop` it to drain and leave.
 * @throws ConfigError with every mistake in the settings
 * @throws FabricError when the descriptors or the TLS files cannot be used; what comes from a module is looked at by `start`
 */
export function createWorker(options: WorkerOptions = {}): Worker {
  const { services, servicesModule, descriptors, interceptors, env, logger, onEvent, onAgent, ...settings } = options;
  if (services && servicesModule !== undefined) {
    throw new FabricError("INVALID_ARGUMENT", "services and servicesModule are two ways to say the same: give one");
  }
  const content = services ? { given: services } : { source: sourceOf(servicesModule) };
  return assembleWorker(content, { descriptors, interceptors, env, logger, onEvent, onAgent }, settings);
}

function sourceOf(servicesModule: string | URL | undefined): ServiceSource {
  return servicesModule === undefined ? { kind: "default" } : { kind: "module", file: moduleFile(servicesModule) };
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
