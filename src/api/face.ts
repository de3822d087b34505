import { hostname } from "node:os";

import type { DirectorConfig } from "../config/director-settings";
import { DEFAULT_HTTP_ADDRESS, NO_HTTP } from "../config/http-settings";
import { parseSocketAddress } from "../core/address";
import type { Connection } from "../core/call";
import type { Face } from "../director/director-parts";
import type * as GatewayModule from "../gateway/gateway";
import { typedClient } from "../rpc/service/typed-client";
import { AgentServiceDefinition, DirectorServiceDefinition } from "../wire/contract";
import type { DescriptorCatalog } from "../wire/descriptor-catalog";
import type { LiveTls } from "../wire/live-tls";
import { servingTls } from "../wire/tls";
import { packageVersion } from "./package-version";
import type { ProcessParts } from "./process-parts";

export interface FaceParts extends ProcessParts {
  readonly directorId: string;
  /** In whole messages. */
  readonly connection: Connection;
  readonly catalog: DescriptorCatalog;
  readonly tls: LiveTls;
  isServing(): boolean;
  connectDirector(address: string): Connection;
}

/** The director's HTTP port; undefined where the settings want none. What it is made of is loaded only when it is wanted. */
export function face(config: DirectorConfig, parts: FaceParts): Face | undefined {
  const { httpAddress, httpExtraAddresses, clusterId, clusterName } = config;
  if (httpAddress === NO_HTTP) return undefined;
  // Only where there is an HTTP port: it takes 100 ms and 20 MB.
  const { Gateway } = require("../gateway/gateway") as typeof GatewayModule;
  const { connection, directorId } = parts;
  return new Gateway({
    ...parts,
    config: {
      address: httpAddress || DEFAULT_HTTP_ADDRESS,
      addressMayMove: httpAddress === "",
      extraAddresses: httpExtraAddresses,
      bodyMaxBytes: config.httpBodyMaxBytes,
      nodeTimeoutMs: config.httpNodeTimeoutMs,
      hosts: [...config.httpHosts, ...ownNames(config)],
      receiveTimeoutMs: config.httpReceiveTimeoutMs,
      headersMaxBytes: config.headerListMaxBytes,
      connectionsMax: config.httpConnectionsMax,
      requestsMax: config.httpRequestsMax,
      clusterId,
      clusterName,
      directorId,
    },
    version: packageVersion(),
    tls: servingTls(parts.tls),
    director: typedClient(DirectorServiceDefinition, connection),
    agents: typedClient(AgentServiceDefinition, connection),
  });
}

/** Names by which people reach this machine without anybody having set them for HTTP. */
function ownNames({ advertiseAddress, httpAddress, httpExtraAddresses }: DirectorConfig): readonly string[] {
  const machine = hostname();
  const addresses = [advertiseAddress, httpAddress, ...httpExtraAddresses].filter((address) => address !== "");
  const hosts = addresses.flatMap((address) => {
    const socket = parseSocketAddress(address, "");
    return "host" in socket ? [socket.host] : [];
  });
  return [machine, machine.split(".", 1)[0]!, ...hosts];
}
