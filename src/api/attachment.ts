import type { AttachTarget } from "../cli/program";
import { loadWorkerConfig } from "../config/roles";
import type { Environment } from "../config/setting";
import { parseDialableAddress } from "../core/address";
import { FabricError } from "../core/errors";
import type { Logger } from "../core/logger";
import { NO_LOAD } from "../core/member";
import { readHostInventory } from "../platform/host-inventory";
import { openAttach } from "../wire/attach-stream";
import { DescriptorSet, descriptorSetHash } from "../wire/descriptor-set";
import { fetchDescriptors, readDescriptors } from "../wire/reflection-client";
import { channelCredentials } from "../wire/tls";
import { ownThread } from "../worker/service-host";
import { watchTarget } from "../worker/target-watch";
import { Worker } from "../worker/worker";
import { connector } from "./connector";
import { packageVersion } from "./package-version";
import { liveTls, processParts } from "./process-parts";

/** Where the worker's own heartbeat has no interval of its own: the default of a director's. */
const HEALTH_CHECK_EVERY_MS = 1_000;

const RESERVED = /^grpc\.(health|reflection|channelz)\./;

/**
 * A side-car: attaches a gRPC server of any language as a worker. The calls go straight to the server; the side-car only
 * speaks for it, and says that it does not serve while it cannot be reached.
 * @throws FabricError when the target or its contract cannot be used
 */
export async function createAttachment(
  target: AttachTarget,
  options: { readonly env: Environment; readonly logger: Logger },
): Promise<Worker> {
  const config = loadWorkerConfig(options.env);
  const parts = processParts(options.logger, { level: config.logLevel, format: config.logFormat });
  const { clock, logger } = parts;
  parseDialableAddress(target.address, "--target");
  const tls = liveTls(config, parts);
  const connect = connector(config, parts, tls);
  const contract =
    target.descriptorsFile === ""
      ? await fetchDescriptors({
          address: target.address,
          services: target.services,
          credentials: channelCredentials(tls),
          clock,
        })
      : await readDescriptors(target.descriptorsFile, target.services);
  const names = target.services.length > 0 ? target.services : servicesOf(contract);
  if (names.length === 0)
    throw new FabricError("INVALID_ARGUMENT", `${target.address} serves nothing that could be attached`);

  const worker = new Worker({
    ...parts,
    config: {
      ...config,
      address: target.address,
      advertiseAddress: config.advertiseAddress || target.address,
      failureEnabled: false,
      dataKeepalive: false,
    },
    version: packageVersion(),
    host: ownThread(() => ({
      services: names.map((fullName) => ({ fullName, methods: new Map() })),
      descriptors: { hash: descriptorSetHash(contract), fileDescriptorSet: contract },
    })),
    server: undefined,
    inventory: () => readHostInventory(),
    sampleLoad: () => NO_LOAD,
    connect: (address) => connect(address),
    openAttach: (address) => {
      const connection = connect(address);
      return { stream: openAttach(connection), close: () => connection.close() };
    },
  });
  logger.info(`⏳ waiting for the server at ${target.address}`);
  const watching = new AbortController();
  void watchTarget(
    {
      clock,
      logger,
      connection: connect(target.address),
      intervalMs: config.heartbeatIntervalMs || HEALTH_CHECK_EVERY_MS,
      told: (reason) => {
        if (reason === "") worker.resume();
        else worker.suspend(`${target.address}: ${reason}`);
      },
    },
    watching.signal,
  );
  void worker.stopped.then(() => watching.abort());
  return worker;
}

function servicesOf(contract: Uint8Array): string[] {
  return DescriptorSet.parse(contract)
    .services.map(({ fullName }) => fullName)
    .filter((name) => !RESERVED.test(name));
}
