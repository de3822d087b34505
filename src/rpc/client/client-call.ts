import type { CallEnd, CallListener, CallStart, OutgoingCall } from "../../core/call";
import { endOfAnswer, endOfError } from "../../core/call-end";
import { CallMetadata } from "../../core/call-metadata";
import type { CallSource } from "../../core/call-source";
import { FabricError, type ErrorCode } from "../../core/errors";
import { Status } from "../../core/status";
import { ErrorCode as ErrorNumber, errorCodeName } from "../../http2/error-codes";
import type { ResetCause, StreamHandler } from "../../http2/handlers";
import type { HeaderList } from "../../http2/header-list";
import type { Http2Stream } from "../../http2/stream";
import { acceptanceOf, endOfHttpStatus, endOfTrailers, metadataOfHead } from "../framing/answer-shapes";
import { giveBack, HeldBytes } from "../framing/held-bytes";
import { isGrpc } from "../framing/header-shapes";
import { MessageLimit } from "../framing/message-limit";
import { StreamSender } from "../framing/stream-sender";

/** What a call needs of the connection that it goes over. */
export interface CallHost {
  /** Says why the connection ended. */
  readonly endReason: string;
  /** Says how much metadata it takes of an answer. */
  readonly headersTooLarge: string;
  /** Nobody wants the rest of this stream: resets it, now or when the peer can bear it. */
  dismiss(stream: Http2Stream): void;
}

/** Where calls get their streams. */
export interface CallRoute {
  /** Begins the call, now or when there is a stream for it, or refuses it. */
  begin(call: ClientCall, head: HeaderList): void;
}

/** What may wait for the call's stream within the turn of the loop in which it came: a read of the socket it came from. */
const EARLY_BYTES_MAX = 65_536;

/**
 * Calls with something that waits for the end of the tick: a chunk, lest a last one goes out without its END_STREAM; or all of the call,
 * since one whose caller cancels it at once (a rapid reset) is none for the server.
 */
const pending: ClientCall[] = [];

function schedule(call: ClientCall): void {
  pending.push(call);
  if (pending.length === 1) queueMicrotask(flushPending);
}

function flushPending(): void {
  for (const call of pending.splice(0)) call.flush();
}

/**
 * A call to a server, whose messages are chunks of DATA.
 * - O1 `ended` exactly once, after all chunks that came before it, never from within `start`.
 * - O2 credit goes back to the server when a chunk was taken; while `pause` lasts none is.
 * - O3 chunks are lent: whoever wants one for longer than `message` takes, copies it.
 * - O4 a refusal that proves that nothing ran is WORKER_UNREACHABLE, any other loss WORKER_LOST; the server's own status is its own.
 */
export class ClientCall implements OutgoingCall, StreamHandler {
  readonly source: CallSource | undefined;
  /** It can wait for a connection however long that takes. */
  readonly waitsForReady: boolean;
  readonly #listener: CallListener;
  readonly #limit: MessageLimit;
  /** Until the turn is over in which the call came. */
  #route: CallRoute | undefined;
  #head: HeaderList | undefined;
  #host: CallHost | undefined;
  #stream: Http2Stream | undefined;
  #sender: StreamSender | undefined;
  /** What was sent before there was a stream, but for the last. */
  #early: Buffer[] | undefined;
  #earlyBytes = 0;
  #next: Buffer | undefined;
  #toldToWait = false;
  #localEnded = false;
  #over = false;
  #accepted = false;
  #paused = false;
  #held: HeldBytes | undefined;
  #heldEnd: CallEnd | undefined;
  #owedBytes = 0;

  constructor(listener: CallListener, messageMaxBytes: number, { source, waitForReady }: CallStart) {
    this.source = source;
    this.waitsForReady = waitForReady === true;
    this.#listener = listener;
    this.#limit = new MessageLimit(messageMaxBytes);
  }

  get isOver(): boolean {
    return this.#over;
  }

  /** Asks the route for a stream at the end of this turn, unless the call is over by then. */
  beginThisTurn(route: CallRoute, head: HeaderList): void {
    this.#route = route;
    this.#head = head;
    schedule(this);
  }

  /** The stream is there. */
  begun(stream: Http2Stream, host: CallHost): void {
    this.#stream = stream;
    this.#host = host;
    const sender = (this.#sender = new StreamSender(stream));
    const early = this.#early;
    const last = this.#next;
    this.#early = undefined;
    this.#next = undefined;
    if (early !== undefined) for (const chunk of early) sender.send(chunk);
    if (last !== undefined) sender.send(last, this.#localEnded);
    else if (this.#localEnded) sender.end("half-close");
    this.#tellDrained();
  }

  /** It never became a stream. */
  refuse(code: ErrorCode, message: string): void {
    this.#fail(code, message);
  }

  // ---- OutgoingCall ----------------------------------------------------------------------------------------------------

  send(bytes: Uint8Array): boolean {
    if (this.#over) return true;
    if (this.#sender === undefined) {
      if (this.#next !== undefined) (this.#early ??= []).push(this.#next);
      this.#next = bytes as Buffer;
      this.#earlyBytes += bytes.length;
      this.#toldToWait = this.#route === undefined || this.#earlyBytes >= EARLY_BYTES_MAX;
      return !this.#toldToWait;
    }
    if (this.#next !== undefined) this.#sendNext();
    else schedule(this);
    this.#next = bytes as Buffer;
    this.#toldToWait = this.#sender.isBlocked;
    return !this.#toldToWait;
  }

  /** The turn is over. */
  flush(): void {
    if (this.#over) return;
    const route = this.#route;
    if (route !== undefined) {
      this.#route = undefined;
      route.begin(this, this.#head!);
      this.#head = undefined;
    } else if (this.#sender !== undefined) {
      this.#sendNext();
      this.#tellDrained();
    }
  }

  halfClose(): void {
    if (this.#over || this.#localEnded) return;
    this.#localEnded = true;
    if (this.#sender === undefined) return;
    const chunk = this.#next;
    this.#next = undefined;
    if (chunk !== undefined) this.#sender.send(chunk, true);
    else this.#sender.end("half-close");
  }

  cancel(): void {
    if (this.#over) return;
    const stream = this.#stream;
    this.#fail("CANCELLED", "cancelled here");
    if (stream === undefined || stream.isClosed) return;
    this.source?.cancelled();
    this.#host!.dismiss(stream);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#credit();
    while (!this.#isPaused() && this.#held?.isEmpty === false) {
      const bytes = this.#held.shift();
      this.#deliver(bytes);
      giveBack(bytes);
    }
    this.#endIfDelivered();
  }

  // ---- StreamHandler ---------------------------------------------------------------------------------------------------

  onHeaders(stream: Http2Stream, headers: HeaderList, endStream: boolean): void {
    if (this.#over) return;
    const httpStatus = headers.fields[1]!;
    if (httpStatus.charCodeAt(0) === DIGIT_ONE) {
      const acceptance = this.#accepted ? undefined : acceptanceOf(headers);
      if (acceptance === undefined) return; // of the hop
      this.#accepted = true;
      this.#listener.accepted?.(acceptance);
      return;
    }
    if (endStream && headers.get("grpc-status") !== undefined) {
      this.#end(endOfTrailers(headers));
      return;
    }
    const contentType = headers.get("content-type");
    if (httpStatus !== "200" || !isGrpc(contentType)) {
      this.#end(endOfHttpStatus(httpStatus, contentType));
      if (!stream.isClosed) this.#host!.dismiss(stream);
      return;
    }
    if (endStream) {
      this.#end(NO_STATUS);
      return;
    }
    this.#listener.headers(metadataOfHead(headers));
  }

  onData(stream: Http2Stream, chunk: Buffer, start: number, end: number, endStream: boolean): void {
    if (this.#over) return;
    const tooLarge = this.#limit.firstTooLarge(chunk, start, end);
    if (tooLarge > 0) {
      const { wholeTo } = this.#limit;
      if (wholeTo > start && !this.#paused) this.#deliver(chunk.subarray(start, wholeTo));
      if (this.isOver) return; // the reader left
      this.#fail("MESSAGE_TOO_LARGE", `an answer of the server has ${tooLarge} bytes`);
      if (!stream.isClosed) this.#host!.dismiss(stream);
      return;
    }
    if (end > start) {
      if (this.#paused) (this.#held ??= new HeldBytes()).append(chunk, start, end);
      else this.#deliver(chunk.subarray(start, end));
    }
    if (endStream) this.#end(NO_STATUS);
  }

  onTrailers(_stream: Http2Stream, trailers: HeaderList): void {
    if (!this.#over) this.#end(endOfTrailers(trailers));
  }

  onReset(_stream: Http2Stream, code: number, cause: ResetCause): void {
    // With the end at hand the answer is whole: what becomes of the stream is no matter.
    if (this.#over || this.#heldEnd !== undefined) return;
    this.#dropHeld();
    switch (cause) {
      case "unprocessed":
        return this.#fail("WORKER_UNREACHABLE", "the server refused the call before it ran");
      case "connection":
        return this.#fail("WORKER_LOST", this.#host!.endReason);
      case "peer":
        return this.#fail("WORKER_LOST", `the server reset the call (${errorCodeName(code)})`);
      case "violation":
        // The one thing that is too much on a stream: all else that is costs the connection.
        if (code === ErrorNumber.ENHANCE_YOUR_CALM)
          return this.#fail("METADATA_TOO_LARGE", this.#host!.headersTooLarge);
        return this.#fail("WORKER_LOST", `the server broke the rules of HTTP/2 (${errorCodeName(code)})`);
    }
  }

  onWritable(): void {
    if (this.#sender?.isBlocked && this.#sender.flush() && this.#next === undefined) this.#tellDrained();
  }

  // ---- Own -------------------------------------------------------------------------------------------------------------

  #isPaused(): boolean {
    return this.#paused;
  }

  #sendNext(): void {
    const chunk = this.#next;
    if (chunk === undefined) return;
    this.#next = undefined;
    this.#sender!.send(chunk);
  }

  /** Says that more may be sent, if that was waited for and is so. */
  #tellDrained(): void {
    if (!this.#toldToWait || this.#over || this.#sender === undefined || this.#sender.isBlocked) return;
    this.#toldToWait = false;
    this.#listener.drained?.();
  }

  #deliver(bytes: Buffer): void {
    this.#owedBytes += bytes.length;
    this.#listener.message(bytes);
    if (!this.#paused) this.#credit();
  }

  #credit(): void {
    if (this.#owedBytes === 0) return;
    this.#stream!.consume(this.#owedBytes);
    this.#owedBytes = 0;
  }

  /** The worker has said its last; what is held goes first. */
  #end(end: CallEnd): void {
    if (this.#heldEnd !== undefined) return;
    this.#heldEnd = end;
    // It reads no more of the request either, whatever of it is left.
    if (this.#sender !== undefined && !this.#stream!.isClosed) this.#sender.abandon();
    this.#localEnded = true;
    this.#endIfDelivered();
  }

  #endIfDelivered(): void {
    const end = this.#heldEnd;
    if (end === undefined || this.#over || this.#held?.isEmpty === false) return;
    this.#settle();
    this.#listener.ended(end);
  }

  #fail(code: ErrorCode, message: string): void {
    const error = new FabricError(code, message);
    this.#settle();
    this.#listener.ended({ ...endOfError(error), error });
  }

  #dropHeld(): void {
    this.#held?.clear();
    this.#held = undefined;
  }

  #settle(): void {
    this.#over = true;
    this.#dropHeld();
    this.#early = undefined;
    this.#next = undefined;
    this.#sender?.discard();
    // Of a stream that is dismissed the credit is withheld, so that it cannot go on for long.
    if (this.#stream?.isClosed) this.#stream.consume(this.#stream.unconsumedBytes);
  }
}

const DIGIT_ONE = 0x31;
const NO_STATUS: CallEnd = endOfAnswer(
  Status.INTERNAL,
  "the server ended the call without a status",
  new CallMetadata(),
);
