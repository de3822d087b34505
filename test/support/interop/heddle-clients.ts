import { connect } from "../../../src/api/client";
import { connector } from "../../../src/api/connector";
import { liveTls, processParts } from "../../../src/api/process-parts";
import { SILENT_LOGGER } from "../../../src/core/logger";
import type { ServiceDefinition } from "../../../src/rpc/service/service-definition";
import { typedClient, type TypedClient } from "../../../src/rpc/service/typed-client";
import type { ChannelSettings } from "./interop-channel";

/** Whatever makes typed clients of ours. */
export interface TypedClients {
  client(definition: ServiceDefinition): TypedClient<ServiceDefinition>;
  close(): void | Promise<void>;
}

export interface HeddleClientOptions {
  readonly transport: "engine" | "grpc-js";
  /** PEM file of the authority to trust; undefined for plain text. */
  readonly caFile: string | undefined;
  readonly compression: ChannelSettings["compression"];
}

/** One connection to any gRPC server, made as workers and clients make theirs, with nothing of the fabric on top. */
export function connectionClients(address: string, options: HeddleClientOptions): TypedClients {
  const { transport, caFile = "", compression = "identity" } = options;
  const parts = processParts(SILENT_LOGGER, { level: "error", format: "json" });
  const files = { tlsCaFile: caFile, tlsCertFile: "", tlsKeyFile: "", tlsReloadMs: 0 };
  const settings = { transport, messageMaxBytes: 4 << 20, reconnectMaxMs: 1_000, compression } as const;
  const connection = connector(settings, parts, liveTls(files, parts))(address);
  return { client: (definition) => typedClient(definition, connection), close: () => connection.close() };
}

/** The library's client, all of whose calls go through this director. */
export function directorClients(address: string, options: HeddleClientOptions): TypedClients {
  const { transport, caFile, compression = "identity" } = options;
  const trust = caFile === undefined ? {} : { tlsCaFile: caFile };
  return connect({ directors: [address], mode: "proxy", transport, compression, env: {}, ...trust });
}
