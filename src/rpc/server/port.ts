import type { Socket } from "node:net";
import type { IncomingCall } from "../../core/call";
import { endOfError } from "../../core/call-end";
import { CallMetadata } from "../../core/call-metadata";
import type { Clock } from "../../core/clock";
import { FabricError } from "../../core/errors";
import { type Logger, SILENT_LOGGER } from "../../core/logger";
import type { Random } from "../../core/random";
import { Status } from "../../core/status";
import { ErrorCode } from "../../http2/error-codes";
import type { StreamHandler } from "../../http2/handlers";
import type { HeaderList } from "../../http2/header-list";
import { type LimitCounters, type LimitName, newLimitCounters } from "../../http2/limits";
import type { Http2Options } from "../../http2/options";
import type { Http2Stream } from "../../http2/stream";
import { trailersOnlyOf } from "../framing/answer-shapes";
import { ACCEPTED_BOUNDS, headerLimits } from "../bounds";
import { ServerConnection, type ServerConnectionParts } from "./server-connection";
import { ConnectionGate, peerOf } from "./connection-gate";
import { GRPC_CONTENT_TYPE } from "../framing/header-shapes";
import { HttpAnswer } from "./http-answer";
import { LimitLog } from "./limit-log";
import { NO_PORT_LIMITS, type PortLimits } from "./port-limits";
import { QuietCalls } from "./quiet-calls";
import { ServerCall } from "./server-call";
import { requestHeadOf, type RequestHead } from "../framing/request-shapes";
import { SocketListener } from "./socket-listener";
import { TlsHandshakes, type TlsSource } from "./tls-handshakes";

export interface PortOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Default: says nothing. */
  readonly logger?: Logger;
  /** Default: plain text. */
  readonly tls?: TlsSource | undefined;
  readonly messageMaxBytes: number;
  /** HTTP/2 PING to clients after silence; finds connections whose peer vanished. 0 sends none. */
  readonly keepaliveMs: number;
  /** What is not given is not bounded. */
  readonly limits?: Partial<PortLimits>;
  /** Whether calls of a path go to `handleOwn`. Default: none. */
  isOwn?(path: string): boolean;
  /** Whether own calls of this path may say nothing for as long as they like. Default: all; watches have a silence of their own. */
  mayBeQuiet?(path: string): boolean;
  /** Whether own calls of this path last as long as their client lives, which should not be moved to another connection. Default: none. */
  isLasting?(path: string): boolean;
}

/** Limits of the engine that are settings here. */
const SETTING_OF: Partial<Record<LimitName, string>> = { headerListBytes: "HEDDLE_HEADER_LIST_MAX_BYTES" };

/**
 * Serves connections of clients, those of its own listening socket or those that it is given, and hands out their calls in
 * chunks: those of the process's own services to `onOwn`, all others to `onCall`.
 *
 * - P1 what goes over a limit is refused with the setting's name, and costs no other connection or call anything.
 */
export class Port {
  /** How often clients went over each limit of the engine. */
  readonly limitCounters: LimitCounters = newLimitCounters();
  readonly #options: PortOptions;
  readonly #limits: PortLimits;
  readonly #listener: SocketListener;
  readonly #handshakes: TlsHandshakes | undefined;
  readonly #gate: ConnectionGate;
  readonly #log: LimitLog;
  readonly #openStreams = { count: 0 };
  readonly #quietCalls: QuietCalls;
  readonly #connectionParts: ServerConnectionParts;
  readonly #connections = new Set<ServerConnection>();
  readonly #sockets = new Set<Socket>();
  readonly #whenEmpty: (() => void)[] = [];
  #draining = false;
  #onOwn: ((call: IncomingCall, connection: object) => void) | undefined;
  #onCall: (call: IncomingCall) => void = (call) =>
    call.finish({ status: Status.UNIMPLEMENTED, message: "no such method", trailers: new CallMetadata() });

  constructor(options: PortOptions) {
    this.#options = options;
    const { clock, tls, logger = SILENT_LOGGER } = options;
    const limits = (this.#limits = { ...NO_PORT_LIMITS, ...options.limits });
    this.#log = new LimitLog(clock, logger);
    this.#gate = new ConnectionGate({ clock, log: this.#log, ...limits, isTls: tls !== undefined });
    this.#listener = new SocketListener((socket) => this.accept(socket));
    this.#quietCalls = new QuietCalls(clock, limits, () => [...this.#connections].flatMap((each) => each.calls()));
    this.#connectionParts = this.#makeConnectionParts();
    this.#handshakes =
      tls &&
      new TlsHandshakes({
        clock,
        tls,
        timeoutMs: limits.handshakeTimeoutMs,
        onSecure: (socket) => this.#serve(socket),
        onTimeout: (socket) => this.#log.over("HEDDLE_TLS_HANDSHAKE_TIMEOUT_MS", peerOf(socket)),
        onCrowdedOut: (socket) => this.#log.over("TLS handshakes at once", peerOf(socket)),
        onUnauthorized: (socket, reason) => this.#log.unauthorized(peerOf(socket), reason),
      });
  }

  /** Takes every call that is not for the own services. */
  handleUnknown(onCall: (call: IncomingCall) => void): void {
    this.#onCall = onCall;
  }

  /**
   * Takes the calls of the own services; before it is said who does, `onCall` gets them. `connection` is the same
   * object for all calls of a client's connection, and for no others.
   */
  handleOwn(onOwn: (call: IncomingCall, connection: object) => void): void {
    this.#onOwn = onOwn;
  }

  /**
   * Starts to listen; port 0 takes a free one. Resolves to the real address.
   * @throws FabricError INVALID_ARGUMENT when the address cannot be bound
   */
  async listen(address: string, field: string): Promise<string> {
    const bound = await this.#listener.listen(address, field);
    this.#handshakes?.watch();
    return bound;
  }

  /** Takes over a connection that was accepted, here or elsewhere, before anything was read from it. */
  accept(socket: Socket): void {
    const { remoteAddress = "" } = socket;
    if (!this.#gate.admits(socket)) return;
    socket.once("close", () => this.#gate.release(remoteAddress));
    if (this.#handshakes === undefined) this.#serve(socket);
    else this.#handshakes.begin(socket);
  }

  /** Takes no new connections; resolves when the calls in flight have ended. Goes on for as long as they do. */
  drain(): Promise<void> {
    this.#draining = true;
    this.#listener.close();
    for (const connection of this.#connections) connection.drain();
    return new Promise((resolve) => {
      this.#whenEmpty.push(resolve);
      this.#tellIfEmpty();
    });
  }

  /** Ends everything at once. */
  close(): void {
    this.#listener.close();
    this.#handshakes?.close();
    for (const connection of [...this.#connections]) connection.destroy(ErrorCode.NO_ERROR, "the server is closed");
    for (const socket of this.#sockets) socket.destroySoon();
  }

  #serve(socket: Socket): void {
    const connection = new ServerConnection(socket, peerOf(socket), this.#connectionParts);
    this.#connections.add(connection);
    this.#quietCalls.watch();
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    if (this.#draining) connection.drain();
  }

  #makeConnectionParts(): ServerConnectionParts {
    const { clock, random } = this.#options;
    return {
      clock,
      random,
      limits: this.#limits,
      engine: this.#engineOptions(),
      begin: (connection, stream, headers, endStream) => this.#begin(connection, stream, headers, endStream),
      over: (connection, limit) => {
        // To be idle is no offence.
        if (limit !== "idleTimeoutMs") this.#log.over(SETTING_OF[limit] ?? limit, connection.peer);
      },
      closed: (connection) => {
        this.#connections.delete(connection);
        if (this.#connections.size === 0) this.#quietCalls.rest();
        this.#tellIfEmpty();
      },
    };
  }

  #engineOptions(): Omit<Http2Options, "clock" | "random"> {
    const { keepaliveMs } = this.#options;
    const { headerListMaxBytes, streamsPerConnectionMax, idleMs } = this.#limits;
    return {
      ...ACCEPTED_BOUNDS,
      maxConcurrentStreams: streamsPerConnectionMax,
      blankEndsAllowed: true,
      limitCounters: this.limitCounters,
      openStreams: this.#openStreams,
      headersTooLargeAnswer: headersTooLarge(headerListMaxBytes),
      limits: {
        ...ACCEPTED_BOUNDS.limits,
        ...headerLimits(headerListMaxBytes),
        idleTimeoutMs: idleMs,
      },
      ...(keepaliveMs > 0 ? { keepalive: { intervalMs: keepaliveMs, timeoutMs: keepaliveMs } } : {}),
    };
  }

  #begin(connection: ServerConnection, stream: Http2Stream, headers: HeaderList, endStream: boolean): StreamHandler {
    const head = requestHeadOf(headers);
    if (head.refusal !== undefined) return new HttpAnswer(stream, head.refusal, headers, endStream);
    const { messageMaxBytes } = this.#options;
    const call = new ServerCall(stream, head, connection.source, endStream, messageMaxBytes);
    const isOwn = this.#onOwn !== undefined && this.#options.isOwn?.(head.path) === true;
    const callsMax = isOwn ? this.#limits.ownCallsMax : this.#limits.callsMax;
    if (head.hasBadTimeout) {
      call.finish(badTimeout(head));
    } else if (this.#openStreams.count > callsMax) {
      this.#log.over("HEDDLE_CALLS_MAX", connection.peer);
      call.finish(tooManyCalls(callsMax));
    } else if (isOwn) {
      call.mayBeQuiet = this.#options.mayBeQuiet?.(head.path) ?? true;
      if (this.#options.isLasting?.(head.path)) connection.keep();
      this.#onOwn!(call, connection);
    } else {
      this.#onCall(call);
    }
    return call;
  }

  #tellIfEmpty(): void {
    if (this.#connections.size > 0) return;
    for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }
}

function badTimeout({ path }: RequestHead) {
  return endOfError(new FabricError("INVALID_ARGUMENT", `the call of ${path} has a malformed grpc-timeout`));
}

function tooManyCalls(callsMax: number) {
  const what = `${callsMax} calls are in flight at this server: try later, another one, or raise HEDDLE_CALLS_MAX`;
  return endOfError(new FabricError("TOO_MANY_CALLS", what));
}

/** RFC 9113 §10.5.1 lets a server answer rather than reset, and gRPC's callers see the message of an answer alone. */
function headersTooLarge(bytesMax: number): HeaderList {
  const what = `the request's headers have over ${bytesMax} bytes (HEDDLE_HEADER_LIST_MAX_BYTES)`;
  const end = endOfError(new FabricError("METADATA_TOO_LARGE", what));
  return trailersOnlyOf(GRPC_CONTENT_TYPE, end);
}
