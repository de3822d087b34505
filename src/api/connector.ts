import type { Connection } from "../core/call";
import { GrpcConnection } from "../wire/grpc-connection";
import { channelCredentials, dialingTls } from "../wire/tls";
import { engineConnection } from "./engine-ends";
import { packageVersion, type ProcessParts } from "./process-parts";

/** Settings of workers and clients that say how they connect to others. */
export interface ConnectorSettings {
  readonly transport: string;
  readonly tlsCertFile: string;
  readonly tlsKeyFile: string;
  readonly tlsCaFile: string;
  readonly messageMaxBytes: number;
  readonly reconnectMaxMs: number;
}

export type Connector = (address: string, options?: { readonly keepaliveMs?: number }) => Connection;

/**
 * How a process connects to others, as its settings say. PINGs are sent only on request.
 * @throws FabricError when the TLS files cannot be used
 */
export function connector(settings: ConnectorSettings, { clock, random }: ProcessParts): Connector {
  const { messageMaxBytes, reconnectMaxMs } = settings;
  const tls = { certFile: settings.tlsCertFile, keyFile: settings.tlsKeyFile, caFile: settings.tlsCaFile };
  if (settings.transport === "grpc-js") {
    const credentials = channelCredentials(tls);
    return (address, { keepaliveMs = 0 } = {}) =>
      new GrpcConnection(address, { credentials, keepaliveMs, messageMaxBytes, reconnectMaxMs });
  }
  const secureContext = dialingTls(tls);
  const userAgent = `heddle/${packageVersion()}`;
  return (address, { keepaliveMs = 0 } = {}) =>
    engineConnection(address, {
      clock,
      random,
      secureContext,
      keepaliveMs,
      messageMaxBytes,
      reconnectMaxMs,
      userAgent,
    });
}
