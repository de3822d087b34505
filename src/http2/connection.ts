import type { Duplex } from "node:stream";
import { ConnectionDeadlines } from "./connection-deadlines";
import type { ConnectionParts } from "./connection-parts";
import { ErrorCode, errorCodeName, Http2Error } from "./error-codes";
import { FloodGuard } from "./flood-guard";
import { ReceiveWindow } from "./flow-window";
import { FrameParser } from "./frame-parser";
import { FrameReceiver } from "./frame-receiver";
import { FRAME_SIZE_MIN, STREAM_ID_MAX, WINDOW_INITIAL } from "./frame-types";
import { FrameWriter } from "./frame-writer";
import type { ConnectionEnd, ConnectionHandler, ResetCause, StreamHandler } from "./handlers";
import type { HeaderList } from "./header-list";
import { HpackDecoder } from "./hpack-decoder";
import { HpackEncoder } from "./hpack-encoder";
import { type Http2Options, type ResolvedOptions, resolveOptions } from "./options";
import { OutputBatch } from "./output-batch";
import { Pings } from "./pings";
import { PrefaceCheck, sendPreface } from "./preface";
import { SendScheduler } from "./send-scheduler";
import { PeerSettings } from "./settings";
import { Http2Stream } from "./stream";
import { StreamFlag } from "./stream-state";
import { StreamTable } from "./stream-table";

/** How long a graceful shutdown waits for the PING that tells that the peer has read the first GOAWAY. */
const SHUTDOWN_ROUND_TRIP_MS = 1_000;

/** Stands in for a handler until the stream has one. */
const NOBODY: StreamHandler = {
  onHeaders: () => {},
  onData: (stream, _chunk, start, end) => stream.consume(end - start),
  onTrailers: () => {},
  onReset: () => {},
  onWritable: () => {},
};

/**
 * One HTTP/2 connection (RFC 9113), as server or as client, over any duplex stream of bytes: a TCP socket, a TLS socket that
 * negotiated "h2", or one end of an in-process pair. It takes the duplex over, and nobody else may read or write it. What it
 * reads is its own: DATA is moved together there.
 *
 * Life: `open` → `draining` (GOAWAY sent or received; streams finish) → `closed`, in `#close` only.
 *
 * - C1: every stream that was given out ends exactly once: both sides ended, or one `onReset`, or one's own `reset`.
 * - C2: `onClose` comes exactly once, after the last stream's end. After it nothing is called and nothing is kept.
 * - C3: what a peer can make us hold is bounded: received bytes by the windows (F1), answers by `outputBacklogBytes`,
 *   streams by `maxConcurrentStreams`, header lists and tables by their limits.
 * - C4: nothing that a peer sends throws out of here. A handler that throws ends its connection (`bug`).
 */
export class Http2Connection implements ConnectionParts {
  readonly isServer: boolean;
  // Shared with the engine's other files; users need none of them.
  readonly options: ResolvedOptions;
  readonly handler: ConnectionHandler;
  readonly writer: FrameWriter;
  readonly encoder: HpackEncoder;
  readonly decoder: HpackDecoder;
  readonly sender: SendScheduler;
  readonly streams: StreamTable;
  readonly peer = new PeerSettings();
  readonly guard: FloodGuard;
  readonly pings: Pings;
  readonly receiveWindow: ReceiveWindow;
  initialReceiveWindowBytes: number;
  lastAcceptedId = STREAM_ID_MAX;
  /** Of the latest keepalive PING that was answered; undefined before the first. */
  roundTripMs: number | undefined;

  readonly #socket: Duplex;
  readonly #output: OutputBatch;
  readonly #receiver: FrameReceiver;
  readonly #parser: FrameParser;
  readonly #deadlines: ConnectionDeadlines;
  readonly #preface: PrefaceCheck;
  #closed = false;
  #end: ConnectionEnd | undefined;
  /** GOAWAY was sent or received: no new streams of ours. */
  #draining = false;
  #wantsCapacity = false;
  #settingsAcknowledged = false;
  /** Reads so far: silence is when it stands still. */
  #reads = 0;
  #carriesSeen = 0;

  constructor(role: "server" | "client", socket: Duplex, handler: ConnectionHandler, options: Http2Options) {
    if (role === "server" && handler.onStream === undefined) throw new TypeError("a server's handler needs onStream");
    this.isServer = role === "server";
    this.handler = handler;
    const resolved = (this.options = resolveOptions(options));
    const { clock, limits } = resolved;
    this.#socket = socket;
    this.guard = new FloodGuard(limits, clock, resolved.limitCounters, (name) => handler.onLimit?.(name));
    this.#output = new OutputBatch(socket, resolved.writeHighWaterBytes, () => this.#hasRoom());
    this.encoder = new HpackEncoder();
    this.decoder = new HpackDecoder({ bytesMax: limits.headerListBytes, fieldsMax: limits.headerFields });
    this.writer = new FrameWriter(this.#output, this.encoder, FRAME_SIZE_MIN);
    this.sender = new SendScheduler(this.#output, this.writer, this.guard);
    this.streams = new StreamTable(this.isServer, resolved.firstStreamId, resolved.openStreams);
    this.pings = new Pings(this.writer, clock, resolved.random);
    this.receiveWindow = new ReceiveWindow(resolved.connectionWindowBytes, resolved.connectionWindowBytes);
    this.initialReceiveWindowBytes = Math.max(WINDOW_INITIAL, resolved.streamWindowBytes);
    this.#receiver = new FrameReceiver(this);
    this.#parser = new FrameParser(this.#receiver, resolved.maxFrameBytes);
    this.#deadlines = new ConnectionDeadlines(resolved, this.guard, this.#output, {
      timedOut: (error) =>
        this.#close({ kind: "timeout", code: error.code, message: error.message, cause: error }, "goaway"),
      reads: () => this.#reads,
      ping: () => this.ping((roundTripMs) => (this.roundTripMs = roundTripMs)),
      idle: () => {
        if (this.streams.size > 0) return;
        this.guard.count("idleTimeoutMs");
        this.shutdown(SHUTDOWN_ROUND_TRIP_MS);
      },
      roundTripOver: () => this.#finalGoaway(),
      graceOver: () => this.destroy(ErrorCode.NO_ERROR, "the grace of its shutdown is over"),
      lingerOver: () => this.#socket.destroy(),
    });
    this.#preface = new PrefaceCheck(this.isServer);
    sendPreface(this);
    this.#output.flush();
    this.#listen();
  }

  // ---- For users -----------------------------------------------------------------------------------------------------

  /** Client: begins a request. Undefined when none can be started now; `onCapacity` tells when, unless the connection drains. */
  startStream(headers: HeaderList, handler: StreamHandler, endStream = false): Http2Stream | undefined {
    if (!this.canStart) {
      this.#wantsCapacity = true;
      return undefined;
    }
    const stream = this.newStream(this.streams.nextLocalId);
    stream.handler = handler;
    stream.isHead = headers.get(":method") === "HEAD";
    stream.sendHeaders(headers, endStream); // throws before anything is changed
    this.streams.nextLocalId += 2;
    this.streams.add(stream);
    if (this.streams.isExhausted) this.#exhausted();
    return stream;
  }

  /** Whether `startStream` would start one: not draining, ids left, and fewer open than the peer allows (100 until it said). */
  get canStart(): boolean {
    return (
      !this.#draining && !this.#closed && !this.isServer && this.streams.localCount < this.peer.maxConcurrentStreams
    );
  }

  /** `HeaderList.sizeBytes` that the peer said it takes; Infinity until it did. */
  get headerListMaxBytes(): number {
    return this.peer.maxHeaderListBytes;
  }

  /** Takes no new streams, or is closed. */
  get isDraining(): boolean {
    return this.#draining || this.#closed;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** How it ended, known before the first of its streams is told; until then undefined. */
  get end(): ConnectionEnd | undefined {
    return this.#end;
  }

  get openStreams(): number {
    return this.streams.size;
  }

  /** Bytes written and not yet taken by the operating system. */
  get pendingBytes(): number {
    return this.#output.pendingBytes;
  }

  /** False if it was not sent: closed, or too many are under way. */
  ping(onAck: (roundTripMs: number) => void): boolean {
    return !this.#closed && this.pings.send(onAck);
  }

  /**
   * Graceful end (§6.8): a server first says that it will take no more streams, and only after a round trip which was the
   * last it took, so that no request that was under way is lost. Streams finish; after `graceMs` those that are left are cut off.
   */
  shutdown(graceMs: number): void {
    if (this.#closed || this.#deadlines.has("grace")) return;
    this.#draining = true;
    this.#deadlines.set("grace", Math.max(1, graceMs));
    this.writer.goaway(this.isServer ? STREAM_ID_MAX : 0, ErrorCode.NO_ERROR, "");
    if (this.isServer) {
      this.#deadlines.set("shutdownRoundTrip", SHUTDOWN_ROUND_TRIP_MS);
      if (!this.ping(() => this.#finalGoaway())) this.#finalGoaway();
    } else {
      this.#closeIfDone();
    }
  }

  /** Ends it now, streams and all. The peer is told `code` by GOAWAY. */
  destroy(code: number = ErrorCode.NO_ERROR, message = "closed"): void {
    this.#close({ kind: "closed", code, message }, "goaway");
  }

  // ---- For the engine ------------------------------------------------------------------------------------------------

  newStream(id: number): Http2Stream {
    const { streamWindowBytes, windowGrowth } = this.options;
    const window = new ReceiveWindow(this.initialReceiveWindowBytes, streamWindowBytes, windowGrowth);
    return new Http2Stream(this, id, this.peer.initialWindowBytes, window, NOBODY);
  }

  streamClosed(stream: Http2Stream): void {
    this.streams.remove(stream);
    this.sender.forget(stream);
    this.capacityChanged();
    if (this.#draining) this.#closeIfDone();
    else if (this.streams.size === 0) this.#deadlines.set("idle", this.options.limits.idleTimeoutMs);
  }

  streamReset(stream: Http2Stream, code: number): void {
    this.writer.reset(stream.id, code);
    this.streams.rememberReset(stream.id);
    this.#takeOut(stream);
    this.streamClosed(stream);
    this.answerWritten();
  }

  violation(stream: Http2Stream, code: number): void {
    this.guard.charge("provokedResets");
    this.writer.reset(stream.id, code);
    this.streams.rememberReset(stream.id);
    this.endStream(stream, code, "violation");
    this.answerWritten();
  }

  streamFault(id: number, code: number): void {
    const stream = this.streams.get(id);
    if (stream !== undefined) {
      this.violation(stream, code);
      return;
    }
    this.guard.charge("provokedResets");
    if (!this.streams.isIdle(id)) this.streams.rememberReset(id);
    // RST_STREAM must not be sent for an idle stream (§6.4), but a fault on one has no milder answer.
    this.writer.reset(id, code);
    this.answerWritten();
  }

  endStream(stream: Http2Stream, code: number, cause: ResetCause): void {
    this.#takeOut(stream);
    stream.handler.onReset(stream, code, cause);
    this.streamClosed(stream);
  }

  creditConnection(bytes: number): void {
    const credit = this.receiveWindow.consume(bytes);
    if (credit > 0 && !this.#closed) this.writer.windowUpdate(0, credit);
  }

  answerWritten(): void {
    const { limits, writeHighWaterBytes } = this.options;
    // Only what the socket would not take counts: a turn's answers to one large read are no backlog.
    if (!this.#output.isBlocked || this.#output.pendingBytes <= writeHighWaterBytes + limits.outputBacklogBytes) return;
    this.#failed(this.guard.exceeded("outputBacklogBytes"));
  }

  settingsAcknowledged(): void {
    if (this.#settingsAcknowledged) {
      this.guard.charge("ignoredFrames");
      return;
    }
    this.#settingsAcknowledged = true;
    this.#deadlines.clear("settingsAck");
    const delta = this.options.streamWindowBytes - this.initialReceiveWindowBytes;
    this.initialReceiveWindowBytes = this.options.streamWindowBytes;
    if (delta !== 0) for (const stream of this.streams.all()) stream.receiveWindow.availableBytes += delta;
    this.decoder.setTableLimit(this.options.headerTableBytes);
  }

  peerSettingsChanged(first: boolean): void {
    if (first) {
      this.#deadlines.clear("preface");
      this.handler.onReady?.();
    }
    this.capacityChanged();
  }

  goawayReceived(lastStreamId: number, code: number, debugData: string): void {
    this.#draining = true;
    for (const stream of this.streams.all()) {
      if (this.streams.isOfPeer(stream.id) || stream.id <= lastStreamId || stream.isClosed) continue;
      this.endStream(stream, code, "unprocessed");
    }
    this.handler.onGoaway?.(lastStreamId, code, debugData);
    if (code !== ErrorCode.NO_ERROR && this.streams.size === 0) {
      const message = `GOAWAY from the peer: ${errorCodeName(code)} ${debugData}`;
      // What the peer still sends is read and dropped: to cut it off might take from it what we sent (RFC 9112 §9.6).
      this.#close({ kind: "goaway", code, message }, "end");
    } else {
      this.#closeIfDone();
    }
  }

  setHeadersDeadline(pending: boolean): void {
    if (pending) this.#deadlines.set("headers", this.options.limits.headersTimeoutMs);
    else this.#deadlines.clear("headers");
  }

  capacityChanged(): void {
    if (!this.#wantsCapacity || !this.canStart) return;
    this.#wantsCapacity = false;
    this.handler.onCapacity?.();
  }

  // ---- Own -----------------------------------------------------------------------------------------------------------

  #listen(): void {
    this.#socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    this.#socket.on("error", (error: Error) => {
      this.#close({ kind: "lost", code: ErrorCode.INTERNAL_ERROR, message: error.message, cause: error }, "none");
    });
    this.#socket.on("end", () => this.#transportEnded());
    this.#socket.on("close", () => this.#transportEnded());
  }

  #transportEnded(): void {
    this.#deadlines.clear("linger");
    const clean = this.streams.size === 0;
    const message = clean ? "the peer closed the connection" : "the connection ended under its streams";
    this.#close({ kind: clean ? "closed" : "lost", code: ErrorCode.NO_ERROR, message }, "none");
    this.#socket.destroy();
    this.#deadlines.clearAll();
  }

  #receive(chunk: Buffer): void {
    if (this.#closed) return;
    this.#reads += 1;
    try {
      const start = this.#preface.isComplete ? 0 : this.#preface.take(chunk);
      try {
        if (start < chunk.length) this.#parser.push(start === 0 ? chunk : chunk.subarray(start));
      } finally {
        this.#receiver.flushData(); // what came before a fault came
      }
      this.#watchFrame();
    } catch (error) {
      this.#failed(error);
    }
  }

  /** A frame that was cut must be completed in time, each for itself. */
  #watchFrame(): void {
    if (this.#parser.isInsideFrame) {
      if (this.#carriesSeen === this.#parser.carries) return;
      this.#carriesSeen = this.#parser.carries;
      this.#deadlines.set("frame", this.options.limits.frameTimeoutMs);
    } else if (this.#carriesSeen !== 0) {
      this.#carriesSeen = 0;
      this.#deadlines.clear("frame");
    }
  }

  /** The one converter of what was thrown while frames were applied. */
  #failed(error: unknown): void {
    if (error instanceof Http2Error) {
      this.#close({ kind: "violation", code: error.code, message: error.message, cause: error }, "goaway");
    } else {
      const message = `a handler threw: ${String(error)}`;
      this.#close({ kind: "bug", code: ErrorCode.INTERNAL_ERROR, message, cause: error }, "goaway");
    }
  }

  #hasRoom(): void {
    if (this.#closed) return;
    try {
      this.sender.serve();
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Closes the stream's books: what it holds of the connection's window goes back. */
  #takeOut(stream: Http2Stream): void {
    stream.flags |= StreamFlag.RESET;
    this.streams.remove(stream);
    this.sender.forget(stream);
    const held = stream.unconsumedBytes;
    stream.unconsumedBytes = 0;
    if (held > 0) this.creditConnection(held);
  }

  #finalGoaway(): void {
    if (this.#closed || this.lastAcceptedId !== STREAM_ID_MAX) return;
    this.#deadlines.clear("shutdownRoundTrip");
    this.lastAcceptedId = this.streams.lastPeerId;
    this.writer.goaway(this.lastAcceptedId, ErrorCode.NO_ERROR, "");
    this.#closeIfDone();
  }

  /** No ids are left (§5.1.1): as if the peer had sent GOAWAY. */
  #exhausted(): void {
    this.#draining = true;
    this.handler.onGoaway?.(STREAM_ID_MAX, ErrorCode.NO_ERROR, "stream ids are used up");
  }

  #closeIfDone(): void {
    // A server that announced its end waits for the round trip: a request may be under way.
    if (this.streams.size > 0 || !this.#draining || this.#deadlines.has("shutdownRoundTrip")) return;
    this.#close({ kind: "closed", code: ErrorCode.NO_ERROR, message: "drained" }, "goaway");
  }

  /** The only way to `closed`. */
  #close(end: ConnectionEnd, farewell: "goaway" | "end" | "none"): void {
    if (this.#closed) return;
    if (farewell === "goaway") this.writer.goaway(this.streams.lastPeerId, end.code, end.message.slice(0, 128));
    this.#closed = true;
    this.#end = end;
    this.#draining = true;
    this.#parser.stop();
    this.#deadlines.clearAll();
    if (farewell !== "none") {
      this.#output.end();
      this.#deadlines.set("linger", Math.max(1, this.options.lingerMs));
    } else {
      this.#output.discard();
      this.#socket.destroy();
    }
    for (const stream of this.streams.all()) {
      stream.flags |= StreamFlag.RESET;
      this.streams.remove(stream);
      this.#callLast(() => stream.handler.onReset(stream, end.code, "connection"));
    }
    this.#callLast(() => this.handler.onClose?.(end));
  }

  /** All are told, even if one throws; its error is rethrown where nobody else suffers (C2). */
  #callLast(tell: () => void): void {
    try {
      tell();
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}
