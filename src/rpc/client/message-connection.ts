import type {
  Acceptance,
  CallEnd,
  CallListener,
  CallStart,
  Connection,
  MessageCompression,
  MessageEncoding,
  OutgoingCall,
} from "../../core/call";
import { endOfAnswer, endOfError } from "../../core/call-end";
import { CallMetadata } from "../../core/call-metadata";
import type { CancelTimer, Clock } from "../../core/clock";
import { FabricError, type ErrorCode } from "../../core/errors";
import { Status } from "../../core/status";
import {
  ACCEPTED_ENCODINGS,
  encodedFrameOf,
  isAcceptedEncoding,
  MessageFault,
  unpacked,
} from "../framing/message-encoding";
import { frameOf, MessageReader, type ReceivedMessage } from "../framing/message-reader";
import { userMetadataOf } from "../framing/user-metadata";

export interface MessageConnectionOptions {
  readonly clock: Clock;
  /** Longest message that is sent, and of those received after decompression. What comes over the wire is bounded by the connection of chunks. */
  readonly messageMaxBytes: number;
  /** What peers see in their logs. */
  readonly userAgent: string;
  /** Of calls that do not say how they are sent. Default "identity". */
  readonly compression?: MessageEncoding | undefined;
}

/** A connection whose calls are in whole messages, made of one whose calls are in chunks. */
export class MessageConnection implements Connection {
  readonly address: string;
  readonly #inner: Connection;
  readonly #options: MessageConnectionOptions;
  /** Of calls whose callers say nothing, by encoding: the same for all, so that its head is known. */
  readonly #ownMetadata: Readonly<Record<MessageEncoding, CallMetadata>>;
  readonly #compression: MessageCompression;

  constructor(inner: Connection, options: MessageConnectionOptions) {
    this.address = inner.address;
    this.#inner = inner;
    this.#options = options;
    this.#compression = { encoding: options.compression ?? "identity" };
    const own = (encoding: MessageEncoding) => withOwn(new CallMetadata(), encoding, options.userAgent);
    this.#ownMetadata = { identity: own("identity"), deflate: own("deflate"), gzip: own("gzip") };
  }

  start(call: CallStart, listener: CallListener): OutgoingCall {
    const { metadata, compression = this.#compression } = call;
    const { encoding } = compression;
    const isOwn = metadata.size === 0 && isAcceptedEncoding(encoding);
    const sent = isOwn ? this.#ownMetadata[encoding] : withOwn(metadata.clone(), encoding, this.#options.userAgent);
    // Each by its name: to copy a call with `...` costs as much as to begin it.
    const { path, timeoutMs, source, waitForReady } = call;
    const own: SentCall = { path, metadata: sent, timeoutMs, source, waitForReady, compression };
    return new OutgoingMessageCall(this.#inner, own, this.#options, listener);
  }

  isReady(): boolean {
    return this.#inner.isReady();
  }

  onReadiness(listener: (ready: boolean, reason: string) => void): void {
    this.#inner.onReadiness(listener);
  }

  close(): void {
    this.#inner.close();
  }
}

function withOwn(metadata: CallMetadata, encoding: MessageEncoding, userAgent: string): CallMetadata {
  if (encoding !== "identity") metadata.set("grpc-encoding", encoding);
  metadata.append("grpc-accept-encoding", ACCEPTED_ENCODINGS);
  metadata.append("user-agent", userAgent);
  return metadata;
}

type SentCall = CallStart & { readonly compression: MessageCompression };

/**
 * A call in whole messages.
 * - O1 `ended` exactly once, after all messages that came before it, never from within `start`, `send` or `cancel`.
 * - O2 no message while `pause` lasts; then the end waits too, but for a cancellation and the deadline.
 */
class OutgoingMessageCall implements OutgoingCall, CallListener {
  readonly #listener: CallListener;
  readonly #options: MessageConnectionOptions;
  readonly #reader = new MessageReader();
  readonly #inner: OutgoingCall;
  readonly #path: string;
  readonly #compression: MessageCompression;
  readonly #cancelDeadline: CancelTimer | undefined;
  #encoding = "identity";
  #over = false;
  #paused = false;
  #heldEnd: CallEnd | undefined;

  constructor(connection: Connection, call: SentCall, options: MessageConnectionOptions, listener: CallListener) {
    this.#listener = listener;
    this.#options = options;
    this.#path = call.path;
    this.#compression = call.compression;
    const { encoding } = call.compression;
    if (!isAcceptedEncoding(encoding)) {
      const what = `compression is "${String(encoding)}": use one of ${ACCEPTED_ENCODINGS}`;
      queueMicrotask(() => this.#fail("INVALID_ARGUMENT", what));
    }
    const { timeoutMs } = call;
    if (timeoutMs !== undefined) {
      this.#cancelDeadline = options.clock.after(timeoutMs, () =>
        this.#fail("DEADLINE_EXCEEDED", `${call.path} took too long`),
      );
    }
    this.#inner = connection.start(call, this);
  }

  // ---- OutgoingCall ----------------------------------------------------------------------------------------------------

  send(bytes: Uint8Array): boolean {
    if (this.#over) return true;
    const { messageMaxBytes } = this.#options;
    if (bytes.length > messageMaxBytes) {
      const what = `a request of ${this.#path} has ${bytes.length} bytes: sent message larger than max (${messageMaxBytes})`;
      queueMicrotask(() => this.#fail("MESSAGE_TOO_LARGE", what));
      return true;
    }
    return this.#inner.send(this.#framed(bytes));
  }

  halfClose(): void {
    if (!this.#over) this.#inner.halfClose();
  }

  cancel(): void {
    if (this.#over) return;
    this.#over = true;
    this.#inner.cancel();
    queueMicrotask(() => {
      const error = new FabricError("CANCELLED", "cancelled here");
      this.#end({ ...endOfError(error), error });
    });
  }

  pause(): void {
    if (this.#paused || this.#over) return;
    this.#paused = true;
    this.#inner.pause();
  }

  resume(): void {
    if (!this.#paused || this.#over) return;
    this.#paused = false;
    this.#deliver();
    if (!this.#isStopped()) this.#inner.resume();
  }

  // ---- CallListener ----------------------------------------------------------------------------------------------------

  accepted(by: Acceptance): void {
    if (!this.#over) this.#listener.accepted?.(by);
  }

  headers(metadata: CallMetadata): void {
    if (this.#over) return;
    this.#encoding = metadata.text("grpc-encoding") ?? "identity";
    this.#listener.headers(userMetadataOf(metadata));
  }

  message(chunk: Uint8Array): void {
    if (this.#over) return;
    this.#reader.push(chunk as Buffer);
    this.#deliver();
  }

  drained(): void {
    if (!this.#over) this.#listener.drained?.();
  }

  ended(end: CallEnd): void {
    this.#heldEnd = end;
    this.#deliver();
  }

  // ---- Own -------------------------------------------------------------------------------------------------------------

  /** For the compiler, which believes that fields stay what they were found to be. */
  #isStopped(): boolean {
    return this.#paused || this.#over;
  }

  #framed(message: Uint8Array): Buffer {
    const { encoding, compresses } = this.#compression;
    if (encoding === "identity" || compresses?.(message) === false) return frameOf(message);
    return isAcceptedEncoding(encoding) ? encodedFrameOf(message, encoding) : frameOf(message);
  }

  #deliver(): void {
    while (!this.#isStopped()) {
      const message = this.#reader.next();
      if (message === undefined) break;
      this.#take(message);
    }
    if (this.#over) return;
    if (this.#paused) this.#reader.detach();
    else if (this.#heldEnd !== undefined) this.#finish(this.#heldEnd);
  }

  #take(received: ReceivedMessage): void {
    const message = unpacked(received, this.#encoding, this.#options.messageMaxBytes);
    if (!(message instanceof MessageFault)) this.#listener.message(message);
    else if (message.kind === "too large") this.#fail("MESSAGE_TOO_LARGE", `an answer ${message.what}`);
    else this.#break(message.what);
  }

  #finish(end: CallEnd): void {
    if (end.status === Status.OK && !this.#reader.isBetweenMessages) {
      this.#break("the answer ended within a message");
      return;
    }
    this.#over = true;
    this.#end({ ...end, trailers: userMetadataOf(end.trailers) });
  }

  /** The peer did not keep to the protocol: INTERNAL (gRPC statuscodes.md). */
  #break(what: string): void {
    this.#over = true;
    this.#inner.cancel();
    this.#end(endOfAnswer(Status.INTERNAL, what, new CallMetadata()));
  }

  /** Ends it from here. */
  #fail(code: ErrorCode, what: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#inner.cancel();
    const error = new FabricError(code, what);
    this.#end({ ...endOfError(error), error });
  }

  #end(end: CallEnd): void {
    this.#cancelDeadline?.();
    this.#listener.ended(end);
  }
}
