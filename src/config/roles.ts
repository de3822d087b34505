import { type SocketAddress, parseSocketAddress } from "../core/address";
import { type ClientConfig, clientMistakes, clientSettings } from "./client-settings";
import {
  DATA_DIR_BY_PORT,
  type DirectorConfig,
  directorMistakes,
  directorSettings,
  IN_MEMORY,
} from "./director-settings";
import { load, variableNames } from "./load";
import { shareOfAddress } from "./relay-settings";
import type { Environment, Options } from "./setting";
import {
  AGENT_TYPE_TAG,
  PICCOLO_HEARTBEAT_MS,
  type WorkerConfig,
  workerMistakes,
  workerSettings,
} from "./worker-settings";

/** Every settings table. A variable is known if it is in any of them: roles often share an environment. */
export const SETTINGS_TABLES = { director: directorSettings, worker: workerSettings, client: clientSettings };

const KNOWN = variableNames(Object.values(SETTINGS_TABLES));

export type DirectorOptions = Options<typeof directorSettings>;
export type WorkerOptions = Options<typeof workerSettings>;
export type ClientOptions = Options<typeof clientSettings>;

/**
 * The director's settings. `dataDir` is a folder or IN_MEMORY, `connectionsPerAddressMax` is never 0. `directorId` and `advertiseAddress` may be "", because they
 * depend on the port that listening finds.
 * @throws ConfigError
 */
export function loadDirectorConfig(env: Environment, options: DirectorOptions = {}): DirectorConfig {
  const config = load(directorSettings, env, options, { known: KNOWN, check: directorMistakes });
  const address = parseSocketAddress(config.listenAddress, "DIRECTOR_ADDR");
  return Object.freeze({
    ...config,
    dataDir: config.dataDir === DATA_DIR_BY_PORT ? dataDirOf(address) : config.dataDir,
    connectionsPerAddressMax: config.connectionsPerAddressMax || shareOfAddress(config.connectionsMax),
  });
}

/** A director at a port of chance cannot be found again after a restart, so it has nothing to come back to. */
function dataDirOf(address: SocketAddress): string {
  if ("path" in address) return `.heddle/${address.path.replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^[-.]+/, "")}`;
  return address.port === 0 ? IN_MEMORY : `.heddle/${address.port}`;
}

/**
 * The worker's settings. `memberId` is never "", `connectionsPerAddressMax` never 0; AGENT_TYPE is among the tags.
 * @throws ConfigError
 */
export function loadWorkerConfig(env: Environment, options: WorkerOptions = {}): WorkerConfig {
  const table = isPiccoloAgent(env, options) ? piccoloAgentSettings : workerSettings;
  const config = load(table, env, options, { known: KNOWN, check: workerMistakes });
  const typeTag = config.agentType === "" ? {} : { [AGENT_TYPE_TAG]: config.agentType };
  return Object.freeze({
    ...config,
    memberId: config.memberId === "" ? config.label : config.memberId,
    connectionsPerAddressMax: config.connectionsPerAddressMax || shareOfAddress(config.connectionsMax),
    tags: Object.freeze({ ...typeTag, ...config.tags }),
  });
}

/** @throws ConfigError */
export function loadClientConfig(env: Environment, options: ClientOptions = {}): ClientConfig {
  return load(clientSettings, env, options, { known: KNOWN, check: clientMistakes });
}

const piccoloAgentSettings = {
  ...workerSettings,
  heartbeatIntervalMs: { ...workerSettings.heartbeatIntervalMs, defaultValue: PICCOLO_HEARTBEAT_MS },
};

/** Whether the role comes from PICCOLO_NODE_ROLE, whose agents beat every 30 s. */
function isPiccoloAgent(env: Environment, options: WorkerOptions): boolean {
  const isSet = (name: string) => (env[name] ?? "").trim() !== "";
  return options.role === undefined && !isSet("ROLE") && isSet("PICCOLO_NODE_ROLE");
}
