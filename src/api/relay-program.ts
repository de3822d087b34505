import { connect, type Socket } from "node:net";
import { createPolicyRegistry } from "../balancing/policy-registry";
import type { BalancingPolicy } from "../balancing/picker";
import type { DirectorConfig } from "../config/director-settings";
import { systemClock } from "../platform/system-clock";
import { systemRandom } from "../platform/system-random";
import type { FromRelay, ToRelay } from "../relay-process/messages";
import { ControlLinks } from "../relay-process/control-links";
import { RelayProcess } from "../relay-process/relay-process";
import { FramedMessages } from "../rpc/framing/framed-messages";
import { liveTls } from "./process-parts";
import { callLimits, controlConnection, portLimits, relayPort, workerConnections } from "./relay-parts";
import { sendingLogger } from "./sending-logger";

/** What a relay process is told first. */
export interface RelaySettings {
  readonly config: DirectorConfig;
  /** Path of the socket where the director serves its own services. */
  readonly controlSocket: string;
  /** "/package.Service/Method" of these. */
  readonly controlPaths: readonly string[];
}

/** A relay process that runs, for the program that has the channel to the director. */
export interface RunningRelay {
  receive(message: ToRelay, socket: Socket | undefined): void;
}

/**
 * Starts to relay calls.
 * @param send - to the director
 * @throws FabricError when the policy or the TLS files cannot be used
 */
export function startRelay(
  { config, controlSocket, controlPaths }: RelaySettings,
  policies: Readonly<Record<string, BalancingPolicy>>,
  send: (message: FromRelay) => void,
): RunningRelay {
  const parts = { clock: systemClock, random: systemRandom(), logger: sendingLogger(send) };
  const registry = createPolicyRegistry({ extra: policies });
  const ownPaths = new Set(controlPaths);
  // How many connections there may be is for the director to say, which sees those of all processes.
  const unbounded = { connectionsMax: Infinity, connectionsPerAddressMax: Infinity };
  const limits = {
    ...portLimits(config),
    ...unbounded,
    ...callLimits(Math.ceil(config.callsMax / config.relayWorkers)),
  };
  const tls = liveTls(config, parts);
  const server = relayPort(config, { ...parts, tls, limits, isOwn: (path) => ownPaths.has(path) });
  const connectWorker = workerConnections(config, parts, tls);
  const relay = new RelayProcess({
    ...parts,
    config: {
      ...config,
      queueMax: Math.ceil(config.queueMax / config.relayWorkers),
      retryBudgetPerSecond: config.retryBudgetPerSecond / config.relayWorkers,
    },
    registry,
    server,
    connect: (address, record) => connectWorker(address, record.dataKeepalive ? config.dataKeepaliveMs : 0),
    newCutter: () => new FramedMessages(),
    send,
  });
  const control = new ControlLinks(parts.clock, () => controlConnection(config, parts, () => connect(controlSocket)));
  server.handleOwn((call, connection) => control.pass(call, connection));
  return {
    receive: (message, socket) => {
      switch (message.kind) {
        case "update":
          void relay.apply(message.update);
          return;
        case "connection":
          relay.accept(socket, message.address);
          return;
        case "watch-calls":
          relay.watchCalls(message.watched);
          return;
        case "drain":
          void relay.drain();
          return;
        case "stop":
          relay.stop(message.reason);
          control.close();
          return;
        case "start":
          return;
      }
    },
  };
}
