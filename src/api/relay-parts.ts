import type { DirectorConfig } from "../config/director-settings";
import type { Connection } from "../core/call";
import { dialer } from "../rpc/client/dial";
import { MessageConnection } from "../rpc/client/message-connection";
import { Subchannel, type SubchannelOptions } from "../rpc/client/subchannel";
import type { PortLimits } from "../rpc/server/port-limits";
import { Port, type PortOptions } from "../rpc/server/port";
import { RpcServer } from "../rpc/server/rpc-server";
import { ATTACH_PATH } from "../wire/attach-stream";
import type { LiveTls } from "../wire/live-tls";
import { dialingTls, servingTls } from "../wire/tls";
import { packageVersion } from "./package-version";
import type { ProcessParts } from "./process-parts";

/**
 * PINGs to whoever connects to the director: only to let go of machines that vanished. Patient, because a director that stalls
 * under a burst of joins would otherwise cut the connections that wait for it; silent workers are found by their heartbeats.
 */
const CLIENT_KEEPALIVE_MS = 20_000;

/** The :authority of calls of the director's own services. */
const CONTROL_NAME = "localhost";

export interface PortParts extends ProcessParts {
  /** Undefined: plain text, whatever the settings say. */
  readonly tls: LiveTls | undefined;
  /** Default: all that the settings say. */
  readonly limits?: Partial<PortLimits>;
}

/** A director's port in its own process. */
export function directorServer(config: DirectorConfig, parts: ProcessParts, tls: LiveTls): RpcServer {
  return new RpcServer(portOptions(config, { ...parts, tls }));
}

/** A port whose own services are served elsewhere. */
export function relayPort(
  config: DirectorConfig,
  parts: PortParts & { readonly isOwn: (path: string) => boolean },
): Port {
  return new Port({ ...portOptions(config, parts), isOwn: parts.isOwn });
}

function portOptions(config: DirectorConfig, parts: PortParts): Omit<PortOptions, "isOwn"> {
  const { clock, random, logger, tls, limits = portLimits(config) } = parts;
  return {
    clock,
    random,
    logger,
    limits,
    tls: tls && servingTls(tls),
    messageMaxBytes: config.messageMaxBytes,
    keepaliveMs: CLIENT_KEEPALIVE_MS,
    isLasting: (path) => path === ATTACH_PATH,
  };
}

/** What the director's port may cost. */
export function portLimits(config: DirectorConfig): PortLimits {
  const { connectionsMax, connectionsPerAddressMax, streamsPerConnectionMax, callsMax, headerListMaxBytes } = config;
  return {
    connectionsMax,
    connectionsPerAddressMax,
    streamsPerConnectionMax,
    ...callLimits(callsMax),
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

/** Of `callsMax`: so that a process can be looked after when callers of what it passes on have used up all there is. */
const OWN_SHARE = 0.25;

export function callLimits(callsMax: number): Pick<PortLimits, "callsMax" | "ownCallsMax"> {
  return { callsMax, ownCallsMax: callsMax * (1 + OWN_SHARE) };
}

/** How to connect to workers. */
export function workerConnections(config: DirectorConfig, { clock, random }: ProcessParts, tls: LiveTls) {
  const dialing = dialingTls(tls);
  const dial = dialer({ context: dialing?.context, reads: "lent" });
  return (address: string, keepaliveMs: number): Connection =>
    new Subchannel(address, {
      clock,
      random,
      scheme: dialing === undefined ? "http" : "https",
      dial,
      keepaliveMs,
      messageMaxBytes: config.messageMaxBytes,
      headerListMaxBytes: config.headerListMaxBytes,
      reconnectMaxMs: config.heartbeatIntervalMs,
      onClose: dialing?.watch(),
    });
}

/** For calls of the director's own on a connection to a worker, which carries those of others in chunks. */
export function inMessages({ messageMaxBytes }: DirectorConfig, { clock }: ProcessParts) {
  const userAgent = `heddle/${packageVersion()}`;
  return (connection: Connection): Connection =>
    new MessageConnection(connection, { clock, messageMaxBytes, userAgent });
}

/** A way to the director's own services from another process. */
export function controlConnection(
  config: DirectorConfig,
  { clock, random }: ProcessParts,
  dial: SubchannelOptions["dial"],
): Connection {
  return new Subchannel(CONTROL_NAME, {
    clock,
    random,
    scheme: "http",
    dial,
    keepaliveMs: 0,
    messageMaxBytes: config.messageMaxBytes,
    headerListMaxBytes: config.headerListMaxBytes,
    reconnectMaxMs: 50,
  });
}
