import type { Connection, IncomingCall } from "../core/call";
import type { Clock } from "../core/clock";
import type { Random } from "../core/random";
import { dialer } from "../relay/dial";
import { RelayConnection } from "../relay/relay-connection";
import { RelayServer, type RelayServerOptions } from "../relay/relay-server";
import { MessageConnection } from "../rpc/message-connection";
import type { DialingTls } from "../wire/tls";
import { MessageServices } from "../rpc/message-services";

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

export type EngineServerOptions = Omit<RelayServerOptions, "isControl">;

/** A server on the engine, whose methods get whole messages. */
export class EngineServer {
  readonly #server: RelayServer;
  readonly #services: MessageServices;

  constructor(options: EngineServerOptions) {
    this.#services = new MessageServices(options.clock, options.messageMaxBytes);
    this.#server = new RelayServer({ ...options, isControl: (path) => this.#services.has(path) });
    this.#server.handleControl((call, connection) => this.#services.serve(call, connection));
  }

  /** Serves one method, of any kind. `path` is "/package.Service/Method". */
  handle(path: string, handler: (call: IncomingCall) => void): void {
    this.#services.handle(path, handler);
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
