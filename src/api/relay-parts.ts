import type { DirectorConfig } from "../config/director-settings";
import type { Connection } from "../core/call";
import { dialer } from "../rpc/client/dial";
import { RelayConnection, type RelayConnectionOptions } from "../rpc/client/subchannel";
import type { PortLimits } from "../rpc/server/port-limits";
import { RelayServer } from "../rpc/server/port";
import { MessageServices } from "../rpc/server/message-services";
import { ATTACH_PATH } from "../wire/attach-stream";
import type { LiveTls } from "../wire/live-tls";
import { dialingTls, servingTls } from "../wire/tls";
import { EngineServer } from "./engine-ends";
import type { ProcessParts } from "./process-parts";

/**
 * PINGs to whoever connects to the director: only to let go of machines that vanished. Patient, because a director that stalls
 * under a burst of joins would otherwise cut the connections that wait for it; silent workers are found by their heartbeats.
 */
const CLIENT_KEEPALIVE_MS = 20_000;

/** The :authority of calls of the director's own services. */
const CONTROL_NAME = "localhost";

export interface RelayServerParts extends ProcessParts {
  /** Undefined: plain text, whatever the settings say. */
  readonly tls: LiveTls | undefined;
  /** Default: all that the settings say. */
  readonly limits?: Partial<PortLimits>;
  /** Whether a path is one of the director's own services. */
  isControl(path: string): boolean;
}

/** A director's port in its own process. */
export function directorServer(config: DirectorConfig, parts: ProcessParts, tls: LiveTls): EngineServer {
  const services = new MessageServices(parts.clock, config.messageMaxBytes);
  return new EngineServer(services, relayServer(config, { ...parts, tls, isControl: (path) => services.has(path) }));
}

export function relayServer(config: DirectorConfig, parts: RelayServerParts): RelayServer {
  return new RelayServer({
    limits: portLimits(config),
    ...parts,
    tls: parts.tls && servingTls(parts.tls),
    messageMaxBytes: config.messageMaxBytes,
    keepaliveMs: CLIENT_KEEPALIVE_MS,
    isLasting: (path) => path === ATTACH_PATH,
  });
}

/** What the director's port may cost. */
export function portLimits(config: DirectorConfig): PortLimits {
  const { connectionsMax, connectionsPerAddressMax, streamsPerConnectionMax, callsMax, headerListMaxBytes } = config;
  return {
    connectionsMax,
    connectionsPerAddressMax,
    streamsPerConnectionMax,
    callsMax,
    headerListMaxBytes,
    idleMs: config.connectionIdleMs,
    ageMaxMs: config.connectionAgeMaxMs,
    ageGraceMs: config.connectionAgeGraceMs,
    handshakeTimeoutMs: config.tlsHandshakeTimeoutMs,
    firstMessageTimeoutMs: config.firstMessageTimeoutMs,
    stallTimeoutMs: config.stallTimeoutMs,
    callIdleTimeoutMs: config.callIdleTimeoutMs,
  };
}

/** How to connect to workers. */
export function workerConnections(config: DirectorConfig, { clock, random }: ProcessParts, tls: LiveTls) {
  const dialing = dialingTls(tls);
  const dial = dialer(dialing?.context, "lent");
  return (address: string, keepaliveMs: number): Connection =>
    new RelayConnection(address, {
      clock,
      random,
      scheme: dialing === undefined ? "http" : "https",
      dial,
      keepaliveMs,
      messageMaxBytes: config.messageMaxBytes,
      reconnectMaxMs: config.heartbeatIntervalMs,
      onClose: dialing?.watch(),
    });
}

/** A way to the director's own services from another process. */
export function controlConnection(
  config: DirectorConfig,
  { clock, random }: ProcessParts,
  dial: RelayConnectionOptions["dial"],
): Connection {
  return new RelayConnection(CONTROL_NAME, {
    clock,
    random,
    scheme: "http",
    dial,
    keepaliveMs: 0,
    messageMaxBytes: config.messageMaxBytes,
    reconnectMaxMs: 50,
  });
}
