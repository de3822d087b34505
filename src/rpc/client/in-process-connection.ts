import type { CallEnd, CallListener, CallStart, Connection, IncomingCall, OutgoingCall } from "../../core/call";
import { endOfAnswer, endOfError } from "../../core/call-end";
import { CallMetadata } from "../../core/call-metadata";
import { FabricError, type ErrorCode } from "../../core/errors";

/** What waits for a reader that is slow before its sender is held back: an HTTP/2 stream's window. */
const WAITING_MAX_BYTES = 65_535;

const CLOSED = "what serves it is closed";

/**
 * Calls of this process to what it serves itself, in chunks as they would come over a socket, without one.
 * - I1 the serving side never runs within `start`, `send`, `halfClose` or `cancel` of the calling side.
 * - I2 chunks of answers are copied, because a server's buffers are its own again when `send` returns.
 */
export class InProcessConnection implements Connection {
  readonly address = "in-process";
  readonly #serve: (call: IncomingCall) => void;
  readonly #calls = new Set<InProcessCall>();
  readonly #listeners: ((ready: boolean, reason: string) => void)[] = [];
  #closed = false;

  constructor(serve: (call: IncomingCall) => void) {
    this.#serve = serve;
  }

  start(call: CallStart, listener: CallListener): OutgoingCall {
    const started = new InProcessCall(call, listener, () => this.#calls.delete(started));
    this.#calls.add(started);
    queueMicrotask(() => {
      if (this.#closed) started.fail("WORKER_UNREACHABLE", CLOSED);
      else if (!started.isOver) this.#serve(started.incoming);
    });
    return started;
  }

  isReady(): boolean {
    return !this.#closed;
  }

  onReadiness(listener: (ready: boolean, reason: string) => void): void {
    this.#listeners.push(listener);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const call of this.#calls) call.fail("WORKER_LOST", CLOSED);
    for (const listener of this.#listeners.splice(0)) listener(false, "closed");
  }
}

/** One direction of a call: what is sent comes in order, and waits while its reader pauses. */
class Lane {
  readonly #events: (() => void)[] = [];
  readonly #deferred: boolean;
  readonly #drained: () => void;
  #isScheduled = false;
  #isPaused: boolean;
  #isDelivering = false;
  #waitingBytes = 0;
  #isFull = false;

  /** @param deferred - whether what is sent comes in a turn of its own */
  constructor(options: { readonly paused: boolean; readonly deferred: boolean; drained(): void }) {
    this.#isPaused = options.paused;
    this.#deferred = options.deferred;
    this.#drained = () => options.drained();
  }

  send(sizeBytes: number, event: () => void): boolean {
    this.#waitingBytes += sizeBytes;
    this.#events.push(() => {
      this.#waitingBytes -= sizeBytes;
      event();
    });
    if (this.#deferred) this.#deliverSoon();
    else this.#deliver();
    this.#isFull = this.#waitingBytes > WAITING_MAX_BYTES;
    return !this.#isFull;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#deliverSoon();
  }

  clear(): void {
    this.#events.length = 0;
  }

  #deliverSoon(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    if (this.#isDelivering) return;
    this.#isDelivering = true;
    try {
      while (!this.#isPaused) {
        const event = this.#events.shift();
        if (event === undefined) break;
        event();
      }
    } finally {
      this.#isDelivering = false;
    }
    if (!this.#isFull || this.#waitingBytes > WAITING_MAX_BYTES) return;
    this.#isFull = false;
    this.#drained();
  }
}

/** Both ends of a call. */
class InProcessCall implements OutgoingCall {
  readonly incoming: IncomingCall;
  readonly #listener: CallListener;
  readonly #ended: () => void;
  readonly #requests: Lane;
  readonly #answers: Lane;
  #serving: Parameters<IncomingCall["listen"]>[0] | undefined;
  /** The caller knows how it ended, or does not want to. */
  #over = false;
  /** The serving side finished it, or was told that it is cancelled. */
  #served = false;
  #headersSent = false;

  constructor(start: CallStart, listener: CallListener, ended: () => void) {
    this.#listener = listener;
    this.#ended = ended;
    this.#requests = new Lane({ paused: true, deferred: true, drained: () => this.#over || listener.drained?.() });
    this.#answers = new Lane({
      paused: false,
      deferred: false,
      drained: () => this.#served || this.#serving?.drained?.(),
    });
    this.incoming = this.#incoming(start);
  }

  get isOver(): boolean {
    return this.#over;
  }

  /** Ends it for the caller, and for the server if it has it. */
  fail(code: ErrorCode, reason: string): void {
    this.#abandon(new FabricError(code, reason));
  }

  // ---- OutgoingCall ----------------------------------------------------------------------------------------------------

  send(bytes: Uint8Array): boolean {
    if (this.#over) return true;
    return this.#requests.send(bytes.length, () => this.#served || this.#serving?.message(bytes));
  }

  halfClose(): void {
    if (!this.#over) this.#requests.send(0, () => this.#served || this.#serving?.halfClosed());
  }

  cancel(): void {
    this.#abandon(new FabricError("CANCELLED", "cancelled here"));
  }

  pause(): void {
    this.#answers.pause();
  }

  resume(): void {
    this.#answers.resume();
  }

  // ---- Own -------------------------------------------------------------------------------------------------------------

  #abandon(error: FabricError): void {
    if (this.#over) return;
    this.#over = true;
    this.#answers.clear();
    this.#requests.clear();
    this.#ended();
    queueMicrotask(() => {
      if (!this.#served) {
        this.#served = true;
        this.#serving?.cancelled();
      }
      this.#listener.ended({ ...endOfError(error), error });
    });
  }

  #incoming({ path, metadata, timeoutMs, source }: CallStart): IncomingCall {
    return {
      path,
      metadata,
      timeoutMs,
      source,
      peer: "in-process",
      listen: (listener) => {
        this.#serving = listener;
        this.#requests.resume();
      },
      accept: (by) => void this.#answer(() => this.#listener.accepted?.(by)),
      sendHeaders: (headers) => this.#sendHeaders(headers),
      send: (bytes) => {
        if (this.#served || this.#over) return true;
        this.#sendHeaders(NO_METADATA);
        const copy = Buffer.from(bytes);
        return this.#answer(() => this.#listener.message(copy), copy.length);
      },
      finish: (end) => this.#finish(end),
      pause: () => this.#requests.pause(),
      resume: () => this.#requests.resume(),
    };
  }

  #answer(event: () => void, sizeBytes = 0): boolean {
    if (this.#served || this.#over) return true;
    return this.#answers.send(sizeBytes, () => this.#over || event());
  }

  #sendHeaders(headers: CallMetadata): void {
    if (this.#headersSent) return;
    this.#headersSent = true;
    this.#answer(() => this.#listener.headers(headers));
  }

  #finish({ status, message, trailers }: Omit<CallEnd, "error">): void {
    if (this.#served) return;
    this.#answer(() => {
      this.#over = true;
      this.#ended();
      this.#listener.ended(endOfAnswer(status, message, trailers));
    });
    this.#served = true;
    this.#requests.clear();
  }
}

const NO_METADATA = new CallMetadata();
