import type { Acceptance, CallEnd, IncomingCall, IncomingListener, PeerCertificate } from "../../core/call";
import { endOfError } from "../../core/call-end";
import { CallMetadata } from "../../core/call-metadata";
import type { CallSource } from "../../core/call-source";
import { FabricError } from "../../core/errors";
import { ErrorCode } from "../../http2/error-codes";
import type { StreamHandler } from "../../http2/handlers";
import type { HeaderList } from "../../http2/header-list";
import type { Http2Stream } from "../../http2/stream";
import { headOf, interimOf, trailersOf, trailersOnlyOf } from "../framing/answer-shapes";
import { HeldBytes } from "../framing/held-bytes";
import { MessageLimit } from "../framing/message-limit";
import type { QuietLimits } from "./quiet-calls";
import type { RequestHead } from "../framing/request-shapes";
import { StreamSender } from "../framing/stream-sender";

/**
 * A call of a client, whose messages are chunks of its DATA: message boundaries are in the bytes, and go by unseen but for
 * their lengths.
 * - R1 exactly one end: trailers, trailers-only when nothing was sent before, or a reset by whoever gave up.
 * - R2 credit goes back to the client when a chunk was taken, and while `pause` lasts none is: what waits is bounded by the window.
 * - R3 chunks, half-close and end come in the order of the frames.
 */
export class ServerCall implements IncomingCall, StreamHandler {
  readonly path: string;
  readonly authority: string | undefined;
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
  /** Nobody minds how long it says nothing. */
  mayBeQuiet = false;
  /** All that was sent and received when it was last looked at, and since when that is so. */
  #movedBytes = -1;
  #quietSinceMs = 0;
  /** The client is to be told that it may stop sending, once all is out. */
  #resetAfterEnd = false;

  constructor(stream: Http2Stream, head: RequestHead, source: CallSource, endStream: boolean, messageMaxBytes: number) {
    this.path = head.path;
    this.authority = head.authority;
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

  peerCertificate(): PeerCertificate | undefined {
    return this.source.certificate();
  }

  listen(listener: IncomingListener): void {
    this.#listener = listener;
    this.resume();
  }

  /** To a client that asked, so one that knows what to do with it. */
  accept(by: Acceptance): void {
    if (this.#over || this.#headSent) return;
    const interim = interimOf(by);
    if (interim.sizeBytes <= this.#stream.headerListMaxBytes) this.#stream.sendHeaders(interim);
  }

  sendHeaders(metadata: CallMetadata): void {
    if (this.#over || this.#headSent) return;
    const head = headOf(this.#contentType, metadata);
    if (head.sizeBytes > this.#stream.headerListMaxBytes) {
      this.#fail(this.#tooLarge("headers", head));
      return;
    }
    this.#headSent = true;
    this.#stream.sendHeaders(head);
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
    let trailers = this.#trailersOf(end);
    if (trailers.sizeBytes > this.#stream.headerListMaxBytes) {
      trailers = this.#trailersOf(endOfError(this.#tooLarge("trailers", trailers)));
    }
    if (this.#headSent) this.#sender.end(trailers);
    else this.#stream.sendHeaders(trailers, true);
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

  /** Ends it if it did nothing for too long, as seen at the looks so far. */
  endIfQuiet(nowMs: number, limits: QuietLimits): void {
    const { receivedBytes, sentBytes } = this.#stream;
    const movedBytes = receivedBytes + sentBytes;
    if (movedBytes !== this.#movedBytes) {
      this.#movedBytes = movedBytes;
      this.#quietSinceMs = nowMs;
      return;
    }
    const quietMs = nowMs - this.#quietSinceMs;
    const isOver = (limitMs: number) => limitMs > 0 && quietMs >= limitMs;
    if (this.mayBeQuiet) return;
    const isWaiting = this.#sender.isBlocked || this.#held?.isEmpty === false;
    const hasBegun = this.#remoteEnded || this.#headSent || receivedBytes > 0;
    if (!hasBegun && isOver(limits.firstMessageTimeoutMs)) this.#giveUp(notBegun(this.path, quietMs));
    else if (isWaiting && isOver(limits.stallTimeoutMs)) this.#giveUp(stalled(this.path, quietMs));
    else if (isOver(limits.callIdleTimeoutMs)) this.#giveUp(idle(this.path, quietMs));
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

  #trailersOf(end: Omit<CallEnd, "error">): HeaderList {
    return this.#headSent ? trailersOf(end) : trailersOnlyOf(this.#contentType, end);
  }

  /** Of what the client said that it takes. One that is sent more may close the connection, and with it other calls. */
  #tooLarge(what: string, { sizeBytes }: HeaderList): FabricError {
    const takes = `and the client takes ${this.#stream.headerListMaxBytes}`;
    return new FabricError(
      "METADATA_TOO_LARGE",
      `the answer of ${this.path} has ${sizeBytes} bytes of ${what}, ${takes}`,
    );
  }

  #refuse(bytes: number): void {
    this.#fail(new FabricError("MESSAGE_TOO_LARGE", `a request of ${this.path} has ${bytes} bytes`));
  }

  /** The same, without what waits; where even the end waits, by a reset. */
  #giveUp(error: FabricError): void {
    this.#sender.discard();
    if (this.#over) this.#stream.reset(ErrorCode.CANCEL);
    else this.#fail(error);
  }

  /** The call, and it alone, ends: whoever has it is told that the caller is gone. */
  #fail(error: FabricError): void {
    const listener = this.#listener;
    this.finish(endOfError(error));
    listener?.cancelled();
  }

  /** RFC 9113 §8.1: after a complete answer, NO_ERROR asks the client to stop sending. */
  #resetIfDone(): void {
    if (!this.#resetAfterEnd || this.#sender.isBlocked) return;
    this.#resetAfterEnd = false;
    if (!this.#remoteEnded) this.#stream.reset(ErrorCode.NO_ERROR);
  }
}

const seconds = (quietMs: number) => `${Math.round(quietMs / 1_000)} s`;

function notBegun(path: string, quietMs: number): FabricError {
  const what = `nothing came of the call of ${path} but its headers for ${seconds(quietMs)}, and no answer`;
  return new FabricError("CALL_NOT_BEGUN", `${what} (HEDDLE_FIRST_MESSAGE_TIMEOUT_MS)`);
}

function stalled(path: string, quietMs: number): FabricError {
  const what = `messages of the call of ${path} were not read for ${seconds(quietMs)}`;
  return new FabricError("CALL_STALLED", `${what} (HEDDLE_STALL_TIMEOUT_MS)`);
}

function idle(path: string, quietMs: number): FabricError {
  const what = `neither side of the call of ${path} said anything for ${seconds(quietMs)}`;
  return new FabricError("CALL_IDLE", `${what} (HEDDLE_CALL_IDLE_TIMEOUT_MS)`);
}

const NO_METADATA = new CallMetadata();
