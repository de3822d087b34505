import type { Socket } from "node:net";
import { formatAddress } from "../core/address";
import type { IncomingCall } from "../core/call";
import { endOfError } from "../core/call-end";
import { CallMetadata } from "../core/call-metadata";
import type { Clock } from "../core/clock";
import { FabricError } from "../core/errors";
import type { Random } from "../core/random";
import { Status } from "../core/status";
import { Http2Connection } from "../http2/connection";
import { ErrorCode } from "../http2/error-codes";
import type { StreamHandler } from "../http2/handlers";
import type { HeaderList } from "../http2/header-list";
import type { Http2Stream } from "../http2/stream";
import { HttpAnswer } from "./http-answer";
import { RelayCall } from "./relay-call";
import { requestHeadOf, type RequestHead } from "./request-shapes";
import { TcpListener } from "./tcp-listener";
import { TlsHandshakes } from "./tls-handshakes";

export interface RelayServerOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Default: plain text. */
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer } | undefined;
  readonly messageMaxBytes: number;
  /** HTTP/2 PING to clients after silence; finds connections whose peer vanished. 0 sends none. */
  readonly keepaliveMs: number;
  /** Whether a path is one of the director's own services. */
  isControl(path: string): boolean;
}

/** A drain lasts as long as its calls; whoever drains ends it by `close`. */
const DRAIN_MS = 24 * 3_600_000;

/**
 * Serves connections of clients, those of its own listening socket or those that it is given, and hands out their calls: the
 * director's own to `onControl`, all others to `onCall`.
 */
export class RelayServer {
  readonly #options: RelayServerOptions;
  readonly #listener: TcpListener;
  readonly #handshakes: TlsHandshakes | undefined;
  readonly #connections = new Set<Http2Connection>();
  readonly #sockets = new Set<Socket>();
  readonly #whenEmpty: (() => void)[] = [];
  #onControl: ((call: IncomingCall, connection: object) => void) | undefined;
  #onCall: (call: IncomingCall) => void = (call) =>
    call.finish({ status: Status.UNIMPLEMENTED, message: "no such method", trailers: new CallMetadata() });

  constructor(options: RelayServerOptions) {
    this.#options = options;
    const { tls } = options;
    this.#listener = new TcpListener((socket) => this.accept(socket));
    this.#handshakes = tls && new TlsHandshakes(tls, (socket) => this.#serve(socket));
  }

  /** Takes every call that is not for the director's own services. */
  handleUnknown(onCall: (call: IncomingCall) => void): void {
    this.#onCall = onCall;
  }

  /**
   * Takes the calls of the director's own services; before it is said who does, `onCall` gets them. `connection` is the same
   * object for all calls of a client's connection, and for no others.
   */
  handleControl(onControl: (call: IncomingCall, connection: object) => void): void {
    this.#onControl = onControl;
  }

  /**
   * Starts to listen; port 0 takes a free one. Resolves to the real address.
   * @throws FabricError INVALID_ARGUMENT when the address cannot be bound
   */
  async listen(address: string, field: string): Promise<string> {
    return await this.#listener.listen(address, field);
  }

  /** Takes over a connection that was accepted, here or elsewhere, before anything was read from it. */
  accept(socket: Socket): void {
    if (this.#handshakes === undefined) this.#serve(socket);
    else this.#handshakes.begin(socket);
  }

  /** Takes no new connections; resolves when the calls in flight have ended. Goes on for as long as they do. */
  drain(): Promise<void> {
    this.#listener.close();
    for (const connection of this.#connections) connection.shutdown(DRAIN_MS);
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
    const { clock, random, keepaliveMs } = this.#options;
    const { remoteAddress = "unknown", remotePort = 0 } = socket;
    const peer = formatAddress({ host: remoteAddress, port: remotePort });
    const connection: Http2Connection = new Http2Connection(
      "server",
      socket,
      {
        onStream: (stream, headers, endStream) => this.#begin(connection, peer, stream, headers, endStream),
        onClose: () => {
          this.#connections.delete(connection);
          this.#tellIfEmpty();
        },
      },
      { clock, random, ...(keepaliveMs > 0 ? { keepalive: { intervalMs: keepaliveMs, timeoutMs: keepaliveMs } } : {}) },
    );
    this.#connections.add(connection);
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
  }

  #begin(
    connection: Http2Connection,
    peer: string,
    stream: Http2Stream,
    headers: HeaderList,
    endStream: boolean,
  ): StreamHandler {
    const head = requestHeadOf(headers);
    if (head.refusal !== undefined) return new HttpAnswer(stream, head.refusal, headers, endStream);
    const call = new RelayCall(stream, head, peer, endStream, this.#options.messageMaxBytes);
    if (head.hasBadTimeout) call.finish(badTimeout(head));
    else if (this.#onControl !== undefined && this.#options.isControl(head.path)) this.#onControl(call, connection);
    else this.#onCall(call);
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
