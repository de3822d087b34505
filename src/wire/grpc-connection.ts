import {
  Channel,
  compressionAlgorithms,
  connectivityState,
  credentials,
  type ChannelCredentials,
  type ChannelInterface,
  type ChannelOptions,
} from "@grpc/grpc-js";

import type { CallListener, CallStart, Connection, MessageEncoding, OutgoingCall } from "../core/call";
import { endOfError } from "../core/call-end";
import { asFabricError } from "../core/errors";
import { GrpcCall } from "./grpc-call";
import { toGrpcMetadata } from "./metadata";

export interface GrpcConnectionOptions {
  /** Default: plain text. */
  readonly credentials?: ChannelCredentials;
  /** Interval of HTTP/2 PINGs when the connection is idle or busy; 0 sends none. The answer is awaited for as long again. */
  readonly keepaliveMs: number;
  /** Messages larger than this end their call with MESSAGE_TOO_LARGE. */
  readonly messageMaxBytes: number;
  /** Longest pause between attempts to connect. */
  readonly reconnectMaxMs: number;
  /** Of requests; grpc-js knows it of connections, not of calls. Default "identity". */
  readonly compression?: MessageEncoding | undefined;
}

/** grpc-js reads the clock itself and clamps nothing: timeouts near 2^31 ms overflow on its server. */
const TIMEOUT_MAX_MS = 24 * 60 * 60 * 1_000;

/**
 * One HTTP/2 connection of our own to one address (no sharing with other users of the process, no proxy, no service config),
 * which reconnects by itself until closed.
 */
export class GrpcConnection implements Connection {
  readonly address: string;
  readonly #channel: ChannelInterface;
  readonly #listeners: ((ready: boolean, reason: string) => void)[] = [];
  readonly #inFlight = new Set<GrpcCall>();
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
      "grpc.default_compression_algorithm": compressionAlgorithms[options.compression ?? "identity"],
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
    this.#channel = new Channel(address, options.credentials ?? credentials.createInsecure(), channelOptions);
    this.#watch();
  }

  isReady(): boolean {
    return this.#ready;
  }

  onReadiness(listener: (ready: boolean, reason: string) => void): void {
    this.#listeners.push(listener);
  }

  start(call: CallStart, listener: CallListener): OutgoingCall {
    try {
      const deadline = call.timeoutMs === undefined ? Infinity : deadlineIn(call.timeoutMs);
      const started = this.#channel.createCall(call.path, deadline, null, null, null);
      const metadata = toGrpcMetadata(call.metadata);
      if (call.waitForReady) metadata.setOptions({ waitForReady: true });
      return new GrpcCall(started, metadata, listener, this.#inFlight);
    } catch (error) {
      return neverStarted(error, listener);
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    // grpc-js lets calls in flight go on, on a peer that may be frozen for ever.
    for (const call of [...this.#inFlight]) call.lose();
    this.#channel.close();
    this.#setReady(false, "closed");
    this.#listeners.length = 0;
  }

  /** grpc-js tells of one change at a time, and connects only when asked to. */
  #watch(): void {
    if (this.#closed) return;
    const channel = this.#channel;
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

/** The channel was closed, or the path or the metadata cannot be sent. */
function neverStarted(cause: unknown, listener: CallListener): OutgoingCall {
  const error = asFabricError(cause, "WORKER_UNREACHABLE");
  queueMicrotask(() => listener.ended({ ...endOfError(error), error }));
  const nothing = () => {};
  return { send: () => true, halfClose: nothing, cancel: nothing, pause: nothing, resume: nothing };
}
