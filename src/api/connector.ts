import type { Connection, MessageEncoding } from "../core/call";
import { rpcConnection } from "../rpc/client/rpc-connection";
import { GrpcConnection } from "../wire/grpc-connection";
import type { LiveTls } from "../wire/live-tls";
import { channelCredentials, dialingTls } from "../wire/tls";
import { packageVersion } from "./package-version";
import type { ProcessParts } from "./process-parts";

/** Settings of workers and clients that say how they connect to others. */
export interface ConnectorSettings {
  readonly transport: string;
  readonly messageMaxBytes: number;
  readonly reconnectMaxMs: number;
  /** Of metadata of answers; default 32,768. */
  readonly headerListMaxBytes?: number;
  /** Of requests. Default "identity". */
  readonly compression?: MessageEncoding;
}

export type Connector = (address: string, options?: { readonly keepaliveMs?: number }) => Connection;

/** How a process connects to others, as its settings say. PINGs are sent only on request. */
export function connector(settings: ConnectorSettings, { clock, random }: ProcessParts, tls: LiveTls): Connector {
  const { messageMaxBytes, reconnectMaxMs, headerListMaxBytes, compression } = settings;
  if (settings.transport === "grpc-js") {
    const credentials = channelCredentials(tls);
    return (address, { keepaliveMs = 0 } = {}) =>
      new GrpcConnection(address, { credentials, keepaliveMs, messageMaxBytes, reconnectMaxMs, compression });
  }
  const dialing = dialingTls(tls);
  const userAgent = `heddle/${packageVersion()}`;
  return (address, { keepaliveMs = 0 } = {}) =>
    rpcConnection(address, {
      clock,
      random,
      tls: dialing,
      keepaliveMs,
      messageMaxBytes,
      reconnectMaxMs,
      headerListMaxBytes,
      userAgent,
      compression,
    });
}
