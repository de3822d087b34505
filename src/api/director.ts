import { createPolicyRegistry } from "../balancing/policy-registry";
import type { BalancingPolicy } from "../balancing/picker";
import { FabricError } from "../core/errors";
import type { Logger } from "../core/logger";
import { IN_MEMORY } from "../config/director-settings";
import { loadDirectorConfig, type DirectorOptions as DirectorSettings } from "../config/roles";
import type { Environment } from "../config/setting";
import { Director, type DirectorServer } from "../director/director";
import { membershipDefaults } from "../membership/membership-options";
import { LoopLag } from "../platform/loop-lag";
import { RecentLoopLag } from "../platform/recent-loop-lag";
import { FramedMessages } from "../rpc/framing/framed-messages";
import { openStore } from "../store/open-store";
import type { Store } from "../store/store";
import { openCapacity } from "../wire/capacity-stream";
import { DescriptorCatalog } from "../wire/descriptor-catalog";
import { CONTROL_SERVICES, heddleDescriptors } from "../wire/descriptor-contract";
import { ServiceHealth } from "../wire/health-service";
import { reflectionServices } from "../wire/reflection-service";
import { face } from "./face";
import { alsoInProcess } from "./in-process-server";
import { packageVersion } from "./package-version";
import { liveTls, newId, processParts } from "./process-parts";
import { connector } from "./connector";
import { RelayFleetServer } from "./relay-fleet-director";
import { directorServer, inMessages, workerConnections } from "./relay-parts";
import { storeEngine } from "./store-engine";

export type { Director } from "../director/director";
export type { BalancingPolicy } from "../balancing/picker";

/** What a director is made of. Settings that are not given come from the environment; see docs/configuration.md. */
export interface DirectorOptions extends DirectorSettings {
  /** Policies of your own by name, for HEDDLE_BALANCER, SetBalancing and `heddle-policy`. */
  readonly policies?: Readonly<Record<string, BalancingPolicy>>;
  /** Where settings come from. Default: the process's environment. */
  readonly env?: Environment;
  readonly logger?: Logger;
}

/**
 * Opens the store and makes a director; `start` it to serve, `stop` it to leave.
 * @throws ConfigError with every mistake in the settings
 * @throws FabricError when the store, the policy or the TLS files cannot be used
 */
export async function createDirector(options: DirectorOptions = {}): Promise<Director> {
  const { policies, env, logger: givenLogger, ...settings } = options;
  const config = loadDirectorConfig(env ?? process.env, settings);
  const parts = processParts(givenLogger, { level: config.logLevel, format: config.logFormat });
  const { logger } = parts;
  if (policies && Object.keys(policies).length > 0 && config.balancerModule === "" && config.relayWorkers > 1) {
    throw new FabricError(
      "INVALID_ARGUMENT",
      `policies given as functions are known to this process only, and HEDDLE_RELAY_WORKERS is ${config.relayWorkers}: put them into a module (HEDDLE_BALANCER_MODULE), or set it to 1`,
    );
  }
  const registry = createPolicyRegistry(policies ? { extra: policies } : {});
  registry.resolve(config.balancer);
  const directorId = config.directorId || directorIdOf(config.advertiseAddress || config.listenAddress);
  const tls = liveTls(config, parts);
  const fleet = config.relayWorkers > 1 ? new RelayFleetServer({ ...config, directorId }, parts) : undefined;
  const port = fleet ?? directorServer(config, parts, tls);
  const { server, connection } = alsoInProcess(port, parts.clock, config.messageMaxBytes);
  const connectWorker = workerConnections(config, parts, tls);
  const wholeMessages = inMessages(config, parts);
  const catalog = new DescriptorCatalog(heddleDescriptors(CONTROL_SERVICES), {
    setBytesMax: config.descriptorsMaxBytes,
  });
  const setHealth = describe(server, catalog);
  const loopLag = new RecentLoopLag(parts.clock, new LoopLag());
  const store: Store = await openStore(await storeEngine(config), parts);
  if (config.dataDir === IN_MEMORY && config.etcdEndpoints.length === 0) {
    logger.warn("the store is in memory: what operators set is forgotten when this director stops");
  }

  const connectDirector = connector(
    { ...config, transport: "engine", reconnectMaxMs: config.heartbeatIntervalMs },
    parts,
    tls,
  );
  let isServing = false;

  return new Director({
    ...parts,
    config: {
      ...config,
      directorId,
      address: config.listenAddress,
    },
    version: packageVersion(),
    membership: {
      ...membershipDefaults(config.heartbeatIntervalMs),
      detector: { threshold: config.phiThreshold },
      probeFanout: config.probeFanout,
      reattachGraceMs: config.reattachGraceMs,
      deadTtlMs: config.deadTtlMs,
    },
    registry,
    store,
    server,
    face: face(config, {
      ...parts,
      directorId,
      connection: wholeMessages(connection),
      catalog,
      tls,
      isServing: () => isServing,
      connectDirector,
    }),
    ...(fleet ? { relays: fleet.fleet } : {}),
    catalog,
    connect: (address, record) => connectWorker(address, record.dataKeepalive ? config.dataKeepaliveMs : 0),
    newCutter: () => new FramedMessages(),
    openCapacity: (connection) => openCapacity(wholeMessages(connection)),
    connectDirector,
    newId,
    loopLagMs: () => loopLag.maxMs(),
    onServing: (serving, services, isStopping) => {
      isServing = serving;
      setHealth(serving, services, isStopping);
    },
  });
}

/** A restarted director finds its workers by this name. At a port of chance it cannot come back, so any new name will do. */
function directorIdOf(address: string): string {
  return address.endsWith(":0") ? `director-${newId()}` : `director-${address.replace(/[^A-Za-z0-9._-]/g, "-")}`;
}

/** Adds health and reflection. Returns how to say what is being served. */
function describe(server: DirectorServer, catalog: DescriptorCatalog) {
  const health = new ServiceHealth();
  for (const { methods } of [health.service, ...reflectionServices(catalog)]) {
    for (const [path, run] of methods) server.handle(path, run);
  }
  let known: ReadonlySet<string> = new Set();
  return (serving: boolean, services: ReadonlySet<string>, isStopping: boolean) => {
    for (const name of known) if (!services.has(name)) health.setStatus(name, false);
    for (const name of ["", ...services]) health.setStatus(name, serving);
    known = new Set([...known, ...services]);
    if (isStopping) {
      health.stop();
      health.endWatches();
    }
  };
}
