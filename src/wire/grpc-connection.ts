import {
  Client,
  Metadata,
  connectivityState,
  credentials,
  type ChannelCredentials,
  type ChannelOptions,
  type ClientDuplexStream,
  type StatusObject,
} from "@grpc/grpc-js";

import type { CallEnd, CallListener, CallStart, Connection, OutgoingCall } from "../core/call";
import { endOfError } from "../core/call-end";
import { asFabricError, FabricError } from "../core/errors";
import { Status } from "../core/status";
import { asBuffer } from "./bytes";
import { endOfStatus } from "./status-mapping";
import { fromGrpcMetadata, toGrpcMetadata } from "./metadata";

export interface GrpcConnectionOptions {
  /** Default: plain text. */
  readonly credentials?: ChannelCredentials;
  /** Interval of HTTP/2 PINGs when the connection is idle or busy; 0 sends none. The answer is awaited for as long again. */
  readonly keepaliveMs: number;
  /** Messages larger than this end their call with MESSAGE_TOO_LARGE. */
  readonly messageMaxBytes: number;
  /** Longest pause between attempts to connect. */
  readonly reconnectMaxMs: number;
}

/** grpc-js reads the clock itself and clamps nothing: timeouts near 2^31 ms overflow on its server. */
const TIMEOUT_MAX_MS = 24 * 60 * 60 * 1_000;

const asIs = (bytes: Buffer): Buffer => bytes;

/**
 * One HTTP/2 connection of our own to one address (no sharing with other users of the process, no proxy, no service config),
 * which reconnects by itself until closed.
 */
export class GrpcConnection implements Connection {
  readonly address: string;
  readonly #client: Client;
  readonly #listeners: ((ready: boolean, reason: string) => void)[] = [];
  /** How to end each call in flight. */
  readonly #losing = new Set<() => void>();
  #ready = false;
  #closed = false;

  constructor(address: string, options: GrpcConnectionOptions) {
    this.address = address;
    const channelOptions: ChannelOptions = {
      "grpc.use_local_subchannel_pool": 1,
      "grpc.service_config_disable_resolution": 1,
      "grpc.enable_http_proxy": 0,
      "grpc.enable_retries": 0,
      "grpc.enable_channelz": 0,
      "grpc.initial_reconnect_backoff_ms": Math.min(200, options.reconnectMaxMs),
      "grpc.min_reconnect_backoff_ms": Math.min(200, options.reconnectMaxMs),
      "grpc.max_reconnect_backoff_ms": options.reconnectMaxMs,
      "grpc.max_receive_message_length": options.messageMaxBytes,
      "grpc.max_send_message_length": options.messageMaxBytes,
      ...(options.keepaliveMs > 0
        ? {
            "grpc.keepalive_time_ms": options.keepaliveMs,
            "grpc.keepalive_timeout_ms": options.keepaliveMs,
            "grpc.keepalive_permit_without_calls": 1,
          }
        : {}),
    };
    this.#client = new Client(address, options.credentials ?? credentials.createInsecure(), channelOptions);
    this.#watch();
  }

  isReady(): boolean {
    return this.#ready;
  }

  onReadiness(listener: (ready: boolean, reason: string) => void): void {
    this.#listeners.push(listener);
  }

  start(call: CallStart, listener: CallListener): OutgoingCall {
    let stream: ClientDuplexStream<Uint8Array, Buffer>;
    try {
      stream = this.#client.makeBidiStreamRequest<Uint8Array, Buffer>(
        call.path,
        asBuffer,
        asIs,
        toGrpcMetadata(call.metadata),
        call.timeoutMs === undefined ? {} : { deadline: deadlineIn(call.timeoutMs) },
      );
    } catch (error) {
      return neverStarted(error, listener);
    }
    return follow(stream, listener, this.#losing);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    // grpc-js lets calls in flight go on, on a peer that may be frozen for ever.
    for (const lose of [...this.#losing]) lose();
    this.#client.close();
    this.#setReady(false, "closed");
    this.#listeners.length = 0;
  }

  /** grpc-js tells of one change at a time, and connects only when asked to. */
  #watch(): void {
    if (this.#closed) return;
    const channel = this.#client.getChannel();
    const state = channel.getConnectivityState(true);
    this.#setReady(state === connectivityState.READY, STATES[state]);
    // Who was told may have closed the connection: a probe has learnt all it wants.
    if (this.#closed) return;
    channel.watchConnectivityState(state, Infinity, () => this.#watch());
  }

  #setReady(ready: boolean, reason: string): void {
    if (ready === this.#ready) return;
    this.#ready = ready;
    for (const listener of [...this.#listeners]) listener(ready, reason);
  }
}

/** What a connection does, in words for who has to find out why it is not used. */
const STATES: Readonly<Record<connectivityState, string>> = {
  [connectivityState.IDLE]: "the server closed the connection",
  [connectivityState.CONNECTING]: "connecting",
  [connectivityState.READY]: "connected",
  [connectivityState.TRANSIENT_FAILURE]: "the server cannot be reached",
  [connectivityState.SHUTDOWN]: "closed",
};

/** The one place where a duration becomes the wall-clock instant that grpc-js wants. */
function deadlineIn(timeoutMs: number): Date {
  // grpc-js compares deadlines with the wall clock, so it is the one to read, whatever Clock the caller has.
  // eslint-disable-next-line no-restricted-syntax
  const deadline = new Date();
  deadline.setTime(deadline.getTime() + Math.min(Math.max(0, timeoutMs), TIMEOUT_MAX_MS));
  return deadline;
}

function follow(
  stream: ClientDuplexStream<Uint8Array, Buffer>,
  listener: CallListener,
  losing: Set<() => void>,
): OutgoingCall {
  let headersReceived = false;
  let cancelled = false;
  let over = false;
  // Every failure also arrives as the status; without a listener the event would end the process.
  stream.on("error", () => {});
  stream.on("metadata", (metadata) => {
    headersReceived = true;
    if (!over) listener.headers(fromGrpcMetadata(metadata));
  });
  stream.on("data", (bytes: Buffer) => {
    if (!over) listener.message(bytes);
  });
  stream.on("drain", () => {
    if (!over) listener.drained?.();
  });
  let status: StatusObject | undefined;
  const end = (callEnd: CallEnd) => {
    over = true;
    losing.delete(lose);
    listener.ended(callEnd);
  };
  const finish = () => {
    if (!over && status) end(endOfStatus(status, headersReceived, cancelled));
  };
  const lose = () => {
    const error = new FabricError("WORKER_LOST", "the connection was closed here");
    reset(stream);
    end({ ...endOfError(error), error });
  };
  losing.add(lose);
  // grpc-js reports the status although a paused reader has not taken all messages: they come first here.
  stream.on("end", finish);
  stream.on("status", (received: StatusObject) => {
    status = received;
    if (cancelled || stream.readableLength === 0) finish();
  });
  return {
    send: (bytes) => over || stream.write(bytes),
    halfClose: () => {
      if (!over) stream.end();
    },
    cancel: () => {
      if (over) return;
      cancelled = true;
      reset(stream);
      // A status that waits behind answers which nobody reads any more would wait for ever. Never from inside this.
      if (status) {
        status = { ...CANCELLED_HERE, metadata: new Metadata() };
        queueMicrotask(finish);
      }
    },
    pause: () => void stream.pause(),
    resume: () => void stream.resume(),
  };
}

/**
 * grpc-js forgets a cancel that comes before the call's headers are out, some promises after the start, and sends them
 * nevertheless: the peer would serve the call for ever. By the next turn of the loop they are out, and twice is once.
 */
function reset(stream: ClientDuplexStream<Uint8Array, Buffer>): void {
  stream.cancel();
  setImmediate(() => stream.cancel());
}

const CANCELLED_HERE = { code: Status.CANCELLED, details: "Cancelled on client" } as const;

/** The channel was closed, or the path or the metadata cannot be sent. */
function neverStarted(cause: unknown, listener: CallListener): OutgoingCall {
  const error = asFabricError(cause, "WORKER_UNREACHABLE");
  queueMicrotask(() => listener.ended({ ...endOfError(error), error }));
  const nothing = () => {};
  return { send: () => true, halfClose: nothing, cancel: nothing, pause: nothing, resume: nothing };
}
