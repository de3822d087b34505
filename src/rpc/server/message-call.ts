import type {
  Acceptance,
  CallEnd,
  IncomingCall,
  IncomingListener,
  MessageCompression,
  MessageEncoding,
  PeerCertificate,
} from "../../core/call";
import { endOfError } from "../../core/call-end";
import { asksOf, type CallAsks } from "../../core/call-asks";
import { CallMetadata } from "../../core/call-metadata";
import type { CancelTimer, Clock } from "../../core/clock";
import { FabricError } from "../../core/errors";
import { Status } from "../../core/status";
import { ACCEPTED_ENCODINGS, MessageFault, unpacked } from "../framing/message-encoding";
import { MessageReader, type ReceivedMessage } from "../framing/message-reader";
import { sendFramed } from "../framing/send-framed";
import { userMetadataOf } from "../framing/user-metadata";
import { AnswerCompression } from "./answer-compression";
import type { MemoryBudget } from "./memory-budget";

export interface MessageCallOptions {
  readonly clock: Clock;
  /** Of a message sent, and of one received after decompression. What comes over the wire is bounded by whoever made the call of chunks. */
  readonly messageMaxBytes: number;
  /** Of answers, where the caller can read it and nothing else is said. Default: "identity". */
  readonly compression?: MessageEncoding | undefined;
  /** For requests that are not complete; shared by the calls of a connection. */
  readonly held: MemoryBudget;
}

/**
 * A call in whole messages, over one whose messages are chunks of gRPC's bytes: for services of the process that has the port.
 * - N1 messages come in order, one at a time, and none while it is paused; what waits meanwhile stays compressed.
 * - N2 exactly one end: of the handler, of the deadline, or of a message that breaks the rules or is too large. All but the first cancel the
 *   handler.
 */
export class MessageCall implements IncomingCall, IncomingListener {
  readonly path: string;
  readonly timeoutMs: number | undefined;
  readonly #call: IncomingCall;
  readonly #options: MessageCallOptions;
  readonly #reader = new MessageReader();
  readonly #cancelTimer: CancelTimer | undefined;
  /** Made when somebody asks. */
  #metadata: CallMetadata | undefined;
  #listener: IncomingListener | undefined;
  /** Of `options.held`. */
  #heldBytes = 0;
  /** Undefined: nothing is compressed, and nobody need look at what the caller can read. */
  #compression: AnswerCompression | undefined;
  #paused = false;
  /** The caller sends no more; whether the listener knows. */
  #halfClosed = false;
  #halfClosedTold = false;
  #over = false;

  /** @param call - which copies what it is sent before `send` returns, as a ServerCall does */
  constructor(call: IncomingCall, options: MessageCallOptions) {
    this.path = call.path;
    this.timeoutMs = call.timeoutMs;
    this.#call = call;
    this.#options = options;
    const { compression = "identity" } = options;
    if (compression !== "identity") this.compress({ encoding: compression });
    if (call.timeoutMs !== undefined) {
      this.#cancelTimer = options.clock.after(call.timeoutMs, () =>
        this.#refuse(endOfError(new FabricError("DEADLINE_EXCEEDED", `the deadline of ${this.path} passed`))),
      );
    }
  }

  // ---- IncomingCall ----------------------------------------------------------------------------------------------------

  get metadata(): CallMetadata {
    return (this.#metadata ??= userMetadataOf(this.#call.metadata));
  }

  /** Without a copy of the metadata. */
  asks(): CallAsks {
    return asksOf(this.#call.metadata);
  }

  get peer(): string {
    return this.#call.peer;
  }

  get authority(): string | undefined {
    return this.#call.authority;
  }

  peerCertificate(): PeerCertificate | undefined {
    return this.#call.peerCertificate?.();
  }

  listen(listener: IncomingListener): void {
    if (this.#over) {
      queueMicrotask(() => listener.cancelled());
      return;
    }
    this.#listener = listener;
    this.#call.listen(this);
  }

  compress(compression: MessageCompression): void {
    this.#compression ??= new AnswerCompression();
    this.#compression.wanted = compression;
  }

  accept(by: Acceptance): void {
    if (!this.#over) this.#call.accept?.(by);
  }

  sendHeaders(metadata: CallMetadata): void {
    if (!this.#over) this.#call.sendHeaders(this.#compression?.begin(this.#call, metadata) ?? metadata);
  }

  send(bytes: Uint8Array): boolean {
    if (this.#over) return true;
    const { messageMaxBytes } = this.#options;
    if (bytes.length <= messageMaxBytes) {
      return this.#compression === undefined
        ? sendFramed(this.#call, bytes)
        : this.#compression.send(this.#call, bytes);
    }
    this.#refuse(tooLarge(`an answer of ${this.path} has ${bytes.length} bytes, more than ${messageMaxBytes}`));
    return true;
  }

  finish(end: Omit<CallEnd, "error">): void {
    if (this.#over) return;
    this.#close();
    this.#call.finish(end);
  }

  pause(): void {
    if (this.#paused || this.#over) return;
    this.#paused = true;
    this.#call.pause();
  }

  resume(): void {
    if (!this.#paused || this.#over) return;
    this.#paused = false;
    this.#deliver();
    if (!this.#isStopped()) this.#call.resume();
  }

  // ---- IncomingListener ------------------------------------------------------------------------------------------------

  message(chunk: Uint8Array): void {
    this.#reader.push(chunk as Buffer);
    this.#deliver();
  }

  halfClosed(): void {
    this.#halfClosed = true;
    this.#deliver();
  }

  cancelled(): void {
    if (this.#over) return;
    this.#close();
    this.#listener!.cancelled();
  }

  drained(): void {
    if (!this.#over) this.#listener!.drained?.();
  }

  // ---- Own -------------------------------------------------------------------------------------------------------------

  #deliver(): void {
    while (!this.#isStopped()) {
      const received = this.#reader.next();
      if (received === undefined) break;
      const message = received.flag === 0 ? received.bytes : this.#unpacked(received);
      if (message instanceof MessageFault) this.#refuse(this.#endOf(message));
      else this.#listener!.message(message);
    }
    if (this.#over) return;
    if (this.#paused) this.#reader.detach();
    if (!this.#hold(this.#reader.heldBytes)) return;
    if (this.#halfClosed && !this.#paused) this.#tellHalfClosed();
  }

  #unpacked(received: ReceivedMessage): Buffer | MessageFault {
    const encoding = this.#call.metadata.text("grpc-encoding") ?? "identity";
    return unpacked(received, encoding, this.#options.messageMaxBytes);
  }

  #tellHalfClosed(): void {
    if (this.#halfClosedTold) return;
    this.#halfClosedTold = true;
    if (this.#reader.isBetweenMessages) this.#listener!.halfClosed();
    else this.#refuse(broken("the request ended within a message"));
  }

  #endOf({ kind, what }: MessageFault): Omit<CallEnd, "error"> {
    if (kind === "broken") return broken(what);
    if (kind === "too large") return tooLarge(`a request of ${this.path} ${what}`);
    // As gRPC's compression.md wants it: with what we accept.
    const trailers = CallMetadata.of({ "grpc-accept-encoding": ACCEPTED_ENCODINGS });
    return { status: Status.UNIMPLEMENTED, message: what, trailers };
  }

  /** False: it was too much, and the call is over. */
  #hold(bytes: number): boolean {
    if (bytes === this.#heldBytes) return true;
    const { held } = this.#options;
    if (held.change(bytes - this.#heldBytes)) {
      this.#heldBytes = bytes;
      return true;
    }
    const what = `incomplete requests on this connection hold over ${held.bytesMax} bytes`;
    this.#refuse(tooLarge(`${what}: send fewer at once`));
    return false;
  }

  /** The call, and it alone, ends: whoever serves it is told that the caller is gone. */
  #refuse(end: Omit<CallEnd, "error">): void {
    const listener = this.#listener;
    this.finish(end);
    listener?.cancelled();
  }

  #close(): void {
    this.#over = true;
    this.#cancelTimer?.();
    this.#hold(0);
  }

  /** For the compiler, which believes that fields stay what they were found to be. */
  #isStopped(): boolean {
    return this.#paused || this.#over;
  }
}

function tooLarge(message: string): Omit<CallEnd, "error"> {
  return endOfError(new FabricError("MESSAGE_TOO_LARGE", message));
}

/** The peer did not keep to the protocol. */
function broken(message: string): Omit<CallEnd, "error"> {
  return { status: Status.INTERNAL, message, trailers: new CallMetadata() };
}
