import type { CallEnd, IncomingCall, IncomingListener } from "../core/call";
import { endOfError } from "../core/call-end";
import { CallMetadata } from "../core/call-metadata";
import type { CallSource } from "../core/call-source";
import { FabricError } from "../core/errors";
import { ErrorCode } from "../http2/error-codes";
import type { StreamHandler } from "../http2/handlers";
import type { Http2Stream } from "../http2/stream";
import { headOf, trailersOf, trailersOnlyOf } from "./answer-shapes";
import { HeldBytes } from "./held-bytes";
import { MessageLimit } from "./message-limit";
import type { RequestHead } from "./request-shapes";
import { StreamSender } from "./stream-sender";

/**
 * A call of a client, whose messages are chunks of its DATA: message boundaries are in the bytes, and go by unseen but for
 * their lengths.
 * - R1 exactly one end: trailers, trailers-only when nothing was sent before, or a reset by whoever gave up.
 * - R2 credit goes back to the client when a chunk was taken, and while `pause` lasts none is: what waits is bounded by the window.
 * - R3 chunks, half-close and end come in the order of the frames.
 */
export class RelayCall implements IncomingCall, StreamHandler {
  readonly path: string;
  readonly metadata: CallMetadata;
  readonly timeoutMs: number | undefined;
  readonly source: CallSource;
  readonly #stream: Http2Stream;
  readonly #contentType: string;
  readonly #sender: StreamSender;
  readonly #limit: MessageLimit;
  #listener: IncomingListener | undefined;
  #over = false;
  #headSent = false;
  #paused = true;
  /** The client sends no more; whether the listener knows. */
  #remoteEnded: boolean;
  #halfClosedTold = false;
  /** Chunks that came while paused. */
  #held: HeldBytes | undefined;
  /** Bytes to be given back. */
  #owedBytes = 0;
  /** The client is to be told that it may stop sending, once all is out. */
  #resetAfterEnd = false;

  constructor(stream: Http2Stream, head: RequestHead, source: CallSource, endStream: boolean, messageMaxBytes: number) {
    this.path = head.path;
    this.metadata = head.metadata;
    this.timeoutMs = head.timeoutMs;
    this.source = source;
    this.#stream = stream;
    this.#contentType = head.contentType;
    this.#sender = new StreamSender(stream);
    this.#limit = new MessageLimit(messageMaxBytes);
    this.#remoteEnded = endStream;
  }

  // ---- IncomingCall ----------------------------------------------------------------------------------------------------

  get peer(): string {
    return this.source.peer;
  }

  listen(listener: IncomingListener): void {
    this.#listener = listener;
    this.resume();
  }

  sendHeaders(metadata: CallMetadata): void {
    if (this.#over || this.#headSent) return;
    this.#headSent = true;
    this.#stream.sendHeaders(headOf(this.#contentType, metadata));
  }

  send(bytes: Uint8Array): boolean {
    if (this.#over) return true;
    if (!this.#headSent) {
      this.#headSent = true;
      this.#stream.sendHeaders(headOf(this.#contentType, NO_METADATA));
    }
    return this.#sender.send(bytes as Buffer);
  }

  finish(end: Omit<CallEnd, "error">): void {
    if (this.#over) return;
    this.#over = true;
    this.#listener = undefined;
    this.#dropHeld();
    if (this.#headSent) this.#sender.end(trailersOf(end));
    else this.#stream.sendHeaders(trailersOnlyOf(this.#contentType, end), true);
    this.#stream.consume(this.#stream.unconsumedBytes);
    if (this.#remoteEnded) return;
    this.#resetAfterEnd = true;
    this.#resetIfDone();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused || this.#listener === undefined) return;
    this.#paused = false;
    this.#credit();
    // They are not given back: the listener may keep them, for another attempt.
    while (!this.#isPaused() && this.#held?.isEmpty === false) this.#deliver(this.#held.shift());
    this.#tellHalfClosed();
  }

  // ---- StreamHandler ---------------------------------------------------------------------------------------------------

  onHeaders(): void {}

  onData(_stream: Http2Stream, chunk: Buffer, start: number, end: number, endStream: boolean): void {
    if (endStream) this.#remoteEnded = true;
    if (this.#over) {
      this.#stream.consume(end - start);
      return;
    }
    const tooLarge = this.#limit.firstTooLarge(chunk, start, end);
    if (tooLarge > 0) {
      this.#refuse(tooLarge);
      return;
    }
    if (end > start) {
      if (this.#paused) (this.#held ??= new HeldBytes()).append(chunk, start, end);
      else this.#deliver(chunk.subarray(start, end));
    }
    if (endStream) this.#tellHalfClosed();
  }

  onTrailers(): void {
    this.#remoteEnded = true;
    this.#tellHalfClosed();
  }

  onReset(): void {
    this.#dropHeld();
    this.#sender.discard();
    if (this.#over) return;
    this.#over = true;
    const listener = this.#listener;
    this.#listener = undefined;
    listener?.cancelled();
  }

  onWritable(): void {
    if (!this.#sender.isBlocked || !this.#sender.flush()) return;
    this.#listener?.drained?.();
    this.#resetIfDone();
  }

  // ---- Own -------------------------------------------------------------------------------------------------------------

  /** For the compiler, which believes that a field stays what it was found to be. */
  #isPaused(): boolean {
    return this.#paused;
  }

  #deliver(bytes: Buffer): void {
    this.#owedBytes += bytes.length;
    this.#listener?.message(bytes);
    if (!this.#paused) this.#credit();
  }

  #credit(): void {
    if (this.#owedBytes === 0) return;
    this.#stream.consume(this.#owedBytes);
    this.#owedBytes = 0;
  }

  #dropHeld(): void {
    this.#held?.clear();
    this.#held = undefined;
  }

  #tellHalfClosed(): void {
    if (!this.#remoteEnded || this.#halfClosedTold || this.#listener === undefined) return;
    if (this.#held?.isEmpty === false) return;
    this.#halfClosedTold = true;
    this.#listener.halfClosed();
  }

  /** The call, and it alone, ends: whoever has it is told that the caller is gone. */
  #refuse(bytes: number): void {
    const listener = this.#listener;
    this.finish(endOfError(new FabricError("MESSAGE_TOO_LARGE", `a request of ${this.path} has ${bytes} bytes`)));
    listener?.cancelled();
  }

  /** RFC 9113 §8.1: after a complete answer, NO_ERROR asks the client to stop sending. */
  #resetIfDone(): void {
    if (!this.#resetAfterEnd || this.#sender.isBlocked) return;
    this.#resetAfterEnd = false;
    if (!this.#remoteEnded) this.#stream.reset(ErrorCode.NO_ERROR);
  }
}

const NO_METADATA = new CallMetadata();
