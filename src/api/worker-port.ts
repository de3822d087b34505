import type { WorkerConfig } from "../config/worker-settings";
import { NO_PORT_LIMITS, type PortLimits } from "../rpc/server/port-limits";
import { RpcServer } from "../rpc/server/rpc-server";
import { GrpcServer } from "../wire/grpc-server";
import type { LiveTls } from "../wire/live-tls";
import { serverCredentials, servingTls } from "../wire/tls";
import type { WorkerServer } from "../worker/worker";
import type { ProcessParts } from "./process-parts";

/**
 * PINGs to whoever calls: only to let go of machines that vanished, with the calls that they left behind. Longer than a handler
 * should ever hold up the event loop, during which no answer is read.
 */
const CALLER_KEEPALIVE_MS = 60_000;

/** Watches, and what directors have to say of the slots, may rest, whatever the limits of the services are. */
const OF_PROCESS = /^\/(grpc\.(health|reflection)|heddle\.v1\.CapacityService)[./]/;

/** A worker's port, on the transport that its settings say. */
export function workerPort(config: WorkerConfig, parts: ProcessParts, tls: LiveTls): WorkerServer {
  const { messageMaxBytes, streamsPerConnectionMax } = config;
  const common = { messageMaxBytes, keepaliveMs: CALLER_KEEPALIVE_MS };
  if (config.transport === "grpc-js") {
    return new GrpcServer({
      ...common,
      credentials: serverCredentials(tls),
      concurrentStreamsMax: streamsPerConnectionMax,
    });
  }
  return new RpcServer({
    ...parts,
    ...common,
    tls: servingTls(tls),
    compression: config.compression,
    limits: workerPortLimits(config),
    mayBeQuiet: (path) => OF_PROCESS.test(path),
  });
}

function workerPortLimits(config: WorkerConfig): PortLimits {
  const { connectionsMax, connectionsPerAddressMax, streamsPerConnectionMax, callsMax, headerListMaxBytes } = config;
  return {
    ...NO_PORT_LIMITS,
    connectionsMax,
    connectionsPerAddressMax,
    streamsPerConnectionMax,
    callsMax,
    ownCallsMax: callsMax,
    headerListMaxBytes,
    idleMs: config.connectionIdleMs,
    handshakeTimeoutMs: config.tlsHandshakeTimeoutMs,
    firstMessageTimeoutMs: config.firstMessageTimeoutMs,
    stallTimeoutMs: config.stallTimeoutMs,
    callIdleTimeoutMs: config.callIdleTimeoutMs,
  };
}
