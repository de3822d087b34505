import type { Connection } from "../../../src/core/call";
import { seededRandom } from "../../../src/core/random";
import { systemClock } from "../../../src/platform/system-clock";
import { rpcConnection } from "../../../src/rpc/client/rpc-connection";
import { RpcServer } from "../../../src/rpc/server/rpc-server";
import { mountService } from "../../../src/rpc/service/service-handlers";
import { typedClient, type TypedClient } from "../../../src/rpc/service/typed-client";
import { EchoServiceDefinition } from "./echo-definition";
import { ECHO_HANDLERS } from "./echo-handlers";

const PARTS = { clock: systemClock, random: seededRandom(1), messageMaxBytes: 4 << 20, keepaliveMs: 0 };

/** A bare client's connection: no fabric, no choice. */
export function connectEngine(address: string): Connection {
  return rpcConnection(address, { ...PARTS, reconnectMaxMs: 1_000, userAgent: "bench" });
}

export function engineClient(address: string): TypedClient<typeof EchoServiceDefinition> {
  return typedClient(EchoServiceDefinition, connectEngine(address));
}

/** A bare server with the echo service. Resolves to its address. */
export function serveEngine(): Promise<string> {
  const server = new RpcServer(PARTS);
  for (const [path, handler] of mountService(EchoServiceDefinition, ECHO_HANDLERS).methods) {
    server.handle(path, handler);
  }
  return server.listen("127.0.0.1:0", "address");
}
