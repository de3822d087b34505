import { createPolicyRegistry } from "../balancing/policy-registry";
import type { BalancingPolicy } from "../balancing/picker";
import { FabricClient } from "../client/fabric-client";
import { loadClientConfig, type ClientOptions as ClientSettings } from "../config/roles";
import type { Environment } from "../config/setting";
import type { Logger } from "../core/logger";
import type { ClientInterceptor } from "../rpc/service/client-interceptors";
import { SILENT_LOGGER } from "../core/logger";
import { connector } from "./connector";
import { liveTls, newId, processParts } from "./process-parts";

export { CallError, ERRORS, FabricError, type ErrorCode } from "../core/errors";
export type { MemberEvent } from "../core/attach-messages";
export { Status } from "../core/status";
export { CallMetadata } from "../core/call-metadata";
export type { FabricClient } from "../client/fabric-client";
export type { GenerateOptions, GeneratedToken } from "../client/generate";
export type { ClientInterceptor, InterceptedCall, NextCall } from "../rpc/service/client-interceptors";
export type { MessageCompression, MessageEncoding } from "../core/call";
export type { CallOptions, TypedClient, TypedClientOptions } from "../rpc/service/typed-client";
export { rawDefinition, type RawDefinition, type RawMethod } from "../rpc/service/raw-definition";
export type { ServiceDefinition } from "../rpc/service/service-definition";

/** What a client is made of. Settings that are not given come from the environment; see docs/configuration.md. */
export interface ConnectOptions extends ClientSettings {
  /** Policies of your own by name, for `balancer` and `heddle-policy` in direct mode. */
  readonly policies?: Readonly<Record<string, BalancingPolicy>>;
  /** Around the calls of every typed client made of this one, the first outermost; see docs/clients.md. */
  readonly interceptors?: readonly ClientInterceptor[];
  /** Where settings come from. Default: the process's environment. */
  readonly env?: Environment;
  /** Default: says nothing. */
  readonly logger?: Logger;
}

/** Request bytes kept for another attempt; the director's default. */
const RETRY_BUFFER_BYTES = 256 * 1024;

/**
 * Makes a client of the fabric. It begins to connect at once and needs nobody to be there yet: calls wait, within their
 * deadline, for a worker that can take them. `close` it to let the process end.
 * @throws ConfigError with every mistake in the settings
 */
export function connect(options: ConnectOptions = {}): FabricClient {
  const { policies, interceptors, env, logger, ...settings } = options;
  const config = loadClientConfig(env ?? process.env, settings);
  const parts = processParts(logger ?? SILENT_LOGGER, { level: config.logLevel, format: config.logFormat });
  const registry = createPolicyRegistry(policies ? { extra: policies } : {});
  if (config.balancer !== "") registry.resolve(config.balancer);
  const dial = connector(config, parts, liveTls(config, parts));
  return new FabricClient({
    ...parts,
    config: { ...config, retryBufferBytes: RETRY_BUFFER_BYTES },
    registry,
    newId,
    interceptors,
    connect: (address, { keepalive }) => dial(address, { keepaliveMs: keepalive ? config.dataKeepaliveMs : 0 }),
  });
}
