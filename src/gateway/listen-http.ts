import type { Socket } from "node:net";

import type { FastifyInstance } from "fastify";

import { formatAddress, parseSocketAddress } from "../core/address";
import { FabricError, messageOf } from "../core/errors";
import type { Logger } from "../core/logger";
import { SocketListener } from "../rpc/server/socket-listener";
import type { GatewayConfig } from "./gateway-parts";

/** A bound port of the gateway. */
export interface BoundPort {
  readonly address: string;
  close(): void;
}

/**
 * Binds the gateway's ports, the first of which is Fastify's own: Node looks after slow requests only on a server that listens. The others
 * hand their connections to it.
 * @throws FabricError INVALID_ARGUMENT when an address that was asked for cannot be bound
 */
export async function listenHttp(
  app: FastifyInstance,
  config: Pick<GatewayConfig, "address" | "addressMayMove" | "extraAddresses">,
  logger: Logger,
): Promise<readonly BoundPort[]> {
  const { address, addressMayMove, extraAddresses } = config;
  const first = await listenFirst(app, address).catch((error: unknown) => {
    if (!addressMayMove || !isInUse(error)) throw refusal("HEDDLE_HTTP_ADDR", address, error);
    logger.warn(`HTTP port ${address} is taken, so a free one is used: set HEDDLE_HTTP_ADDR to choose it, or to "off"`);
    const socket = parseSocketAddress(address, "HEDDLE_HTTP_ADDR");
    return listenFirst(app, "host" in socket ? formatAddress({ ...socket, port: 0 }) : address);
  });
  const ports: BoundPort[] = [{ address: first, close: () => {} }]; // Fastify closes its own
  for (const extra of extraAddresses) {
    const listener = new SocketListener((socket: Socket) => app.server.emit("connection", socket));
    ports.push({ address: await listener.listen(extra, "HEDDLE_HTTP_EXTRA_ADDRS"), close: () => listener.close() });
  }
  return ports;
}

async function listenFirst(app: FastifyInstance, address: string): Promise<string> {
  const socket = parseSocketAddress(address, "HEDDLE_HTTP_ADDR");
  await app.listen({ ...socket });
  const bound = app.server.address();
  return "host" in socket && bound !== null && typeof bound === "object"
    ? formatAddress({ host: socket.host, port: bound.port })
    : address;
}

function isInUse(error: unknown): boolean {
  return /EADDRINUSE/.test(messageOf(error));
}

function refusal(field: string, address: string, error: unknown): FabricError {
  const reason = isInUse(error) ? "the port is in use: stop what uses it or choose another" : messageOf(error);
  return new FabricError("INVALID_ARGUMENT", `${field} is "${address}": cannot listen there: ${reason}`, {
    cause: error,
  });
}
