import type { Connection, IncomingCall } from "../core/call";
import type { Clock } from "../core/clock";
import type { Random } from "../core/random";
import { dialer } from "../rpc/client/dial";
import { RelayConnection } from "../rpc/client/subchannel";
import { RelayServer, type RelayServerOptions } from "../rpc/server/port";
import { MessageConnection } from "../rpc/client/message-connection";
import { MessageServices } from "../rpc/server/message-services";
import type { DialingTls } from "../wire/tls";

export interface EngineConnectionOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly messageMaxBytes: number;
  /** Interval of HTTP/2 PINGs after silence; 0 sends none. */
  readonly keepaliveMs: number;
  /** Default: plain text. */
  readonly tls?: DialingTls | undefined;
  readonly reconnectMaxMs: number;
  readonly userAgent: string;
}

/** A connection in whole messages on the engine. Calls made while it connects wait for the outcome. */
export function engineConnection(address: string, options: EngineConnectionOptions): Connection {
  const { tls } = options;
  const chunks = new RelayConnection(address, {
    ...options,
    scheme: tls === undefined ? "http" : "https",
    dial: dialer(tls?.context),
    holdsCalls: true,
    onClose: tls?.watch(),
  });
  return new MessageConnection(chunks, options);
}

/** A server on the engine for calls in whole messages only. */
export function engineServer(options: Omit<RelayServerOptions, "isControl">): EngineServer {
  const services = new MessageServices(options.clock, options.messageMaxBytes);
  return new EngineServer(services, new RelayServer({ ...options, isControl: (path) => services.has(path) }));
}

/** A server on the engine: methods that are registered get whole messages, calls of others are handed on as they come. */
export class EngineServer {
  readonly #services: MessageServices;
  readonly #server: RelayServer;

  /** @param server - that takes the paths of `services` for its control */
  constructor(services: MessageServices, server: RelayServer) {
    this.#services = services;
    this.#server = server;
    server.handleControl((call, connection) => services.serve(call, connection));
  }

  /** Serves one method, of any kind. `path` is "/package.Service/Method". */
  handle(path: string, handler: (call: IncomingCall) => void): void {
    this.#services.handle(path, handler);
  }

  /** Takes every call of a method that is not registered, in chunks. Without it they end with UNIMPLEMENTED. */
  handleUnknown(handler: (call: IncomingCall) => void): void {
    this.#server.handleUnknown(handler);
  }

  /**
   * Starts to listen; port 0 takes a free one. Resolves to the real address.
   * @throws FabricError INVALID_ARGUMENT when the address cannot be bound
   */
  listen(address: string, field: string): Promise<string> {
    return this.#server.listen(address, field);
  }

  /** Takes no new connections; resolves when the calls in flight have ended. Goes on for as long as they do. */
  drain(): Promise<void> {
    return this.#server.drain();
  }

  /** Ends everything at once. */
  close(): void {
    this.#server.close();
  }
}
