import type { Connection, IncomingCall } from "../core/call";
import type { Clock } from "../core/clock";
import type { Logger } from "../core/logger";
import type { Random } from "../core/random";
import type { DirectorServer } from "../director/director";
import { dialer } from "../relay/dial";
import { RelayConnection } from "../relay/relay-connection";
import type { PortLimits } from "../relay/port-limits";
import { RelayServer } from "../relay/relay-server";
import { ATTACH_PATH } from "../wire/attach-stream";
import { HeldBytes } from "../wire/held-bytes";
import { MessageCall } from "../wire/message-call";
import { dialingTls, servingTls, type TlsFiles } from "../wire/tls";

export interface RelayPathOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly tls: TlsFiles;
  readonly limits: PortLimits;
  readonly messageMaxBytes: number;
  /** PINGs to whoever connects. */
  readonly keepaliveMs: number;
  readonly reconnectMaxMs: number;
}

/** A director's port and its connections to workers, both on the HTTP/2 engine. */
export interface RelayPath {
  readonly server: DirectorServer;
  connect(address: string, keepaliveMs: number): Connection;
}

/** What requests to the director's own services may hold on one connection while they are incomplete; two messages at least. */
const HELD_MAX_BYTES = 16 * 1024 * 1024;

export function relayPath(options: RelayPathOptions): RelayPath {
  const { clock, random, tls, messageMaxBytes, reconnectMaxMs } = options;
  const secureContext = dialingTls(tls);
  const dial = dialer(secureContext);
  return {
    server: new RelayingServer(options),
    connect: (address, dataKeepaliveMs) =>
      new RelayConnection(address, {
        clock,
        random,
        scheme: secureContext === undefined ? "http" : "https",
        dial,
        keepaliveMs: dataKeepaliveMs,
        messageMaxBytes,
        reconnectMaxMs,
      }),
  };
}

/** The director's own services get whole messages, all other calls go on as they come. */
class RelayingServer implements DirectorServer {
  readonly #options: RelayPathOptions;
  readonly #relay: RelayServer;
  readonly #handlers = new Map<string, (call: IncomingCall) => void>();
  readonly #held = new WeakMap<object, HeldBytes>();

  constructor(options: RelayPathOptions) {
    const { clock, random, logger, tls, limits, messageMaxBytes, keepaliveMs } = options;
    this.#options = options;
    this.#relay = new RelayServer({
      clock,
      random,
      logger,
      tls: servingTls(tls),
      limits,
      messageMaxBytes,
      keepaliveMs,
      isControl: (path) => this.#handlers.has(path),
      isLasting: (path) => path === ATTACH_PATH,
    });
    this.#relay.handleControl((call, connection) => this.#serve(call, connection));
  }

  handle(path: string, handler: (call: IncomingCall) => void): void {
    this.#handlers.set(path, handler);
  }

  handleUnknown(handler: (call: IncomingCall) => void): void {
    this.#relay.handleUnknown(handler);
  }

  listen(address: string, field: string): Promise<string> {
    return this.#relay.listen(address, field);
  }

  drain(): Promise<void> {
    return this.#relay.drain();
  }

  close(): void {
    this.#relay.close();
  }

  #serve(call: IncomingCall, connection: object): void {
    const { clock, messageMaxBytes } = this.#options;
    this.#handlers.get(call.path)!(new MessageCall(call, { clock, messageMaxBytes, held: this.#heldBy(connection) }));
  }

  #heldBy(connection: object): HeldBytes {
    const known = this.#held.get(connection);
    if (known !== undefined) return known;
    const held = new HeldBytes(Math.max(HELD_MAX_BYTES, 2 * this.#options.messageMaxBytes));
    this.#held.set(connection, held);
    return held;
  }
}
