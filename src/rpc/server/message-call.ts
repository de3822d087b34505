import type { CallEnd, IncomingCall, IncomingListener } from "../../core/call";
import { endOfError } from "../../core/call-end";
import { CallMetadata } from "../../core/call-metadata";
import type { CancelTimer, Clock } from "../../core/clock";
import { FabricError, messageOf } from "../../core/errors";
import { Status } from "../../core/status";
import type { MemoryBudget } from "./memory-budget";
import { ACCEPTED_ENCODINGS, decompress, isAcceptedEncoding } from "../framing/message-encoding";
import { frameOf, MessageReader, type ReceivedMessage } from "../framing/message-reader";
import { userMetadataOf } from "../framing/user-metadata";

export interface MessageCallOptions {
  readonly clock: Clock;
  /** Of a message sent, and of one received after decompression. What comes over the wire is bounded by whoever made the call of chunks. */
  readonly messageMaxBytes: number;
  /** For requests that are not complete; shared by the calls of a connection. */
  readonly held: MemoryBudget;
}

/**
 * A call in whole messages, over one whose messages are chunks of gRPC's bytes: for services of the process that has the port.
 * - N1 messages come in order, one at a time, and none while it is paused; what waits meanwhile stays compressed.
 * - N2 exactly one end: of the handler, of the deadline, or of a message that breaks the rules or is too large. All but the first cancel the
 *   handler.
 */
export class MessageCall implements IncomingCall {
  readonly path: string;
  readonly metadata: CallMetadata;
  readonly timeoutMs: number | undefined;
  readonly peer: string;
  readonly #call: IncomingCall;
  readonly #options: MessageCallOptions;
  readonly #encoding: string;
  readonly #reader = new MessageReader();
  readonly #cancelTimer: CancelTimer | undefined;
  #listener: IncomingListener | undefined;
  /** Of `options.held`. */
  #heldBytes = 0;
  #paused = false;
  /** The caller sends no more; whether the listener knows. */
  #halfClosed = false;
  #halfClosedTold = false;
  #over = false;

  constructor(call: IncomingCall, options: MessageCallOptions) {
    this.path = call.path;
    this.metadata = userMetadataOf(call.metadata);
    this.timeoutMs = call.timeoutMs;
    this.peer = call.peer;
    this.#call = call;
    this.#options = options;
    this.#encoding = call.metadata.text("grpc-encoding") ?? "identity";
    if (call.timeoutMs !== undefined) {
      this.#cancelTimer = options.clock.after(call.timeoutMs, () =>
        this.#refuse(endOfError(new FabricError("DEADLINE_EXCEEDED", `the deadline of ${this.path} passed`))),
      );
    }
  }

  listen(listener: IncomingListener): void {
    if (this.#over) {
      queueMicrotask(() => listener.cancelled());
      return;
    }
    this.#listener = listener;
    this.#call.listen({
      message: (chunk) => {
        this.#reader.push(chunk as Buffer);
        this.#deliver();
      },
      halfClosed: () => {
        this.#halfClosed = true;
        this.#deliver();
      },
      cancelled: () => {
        if (this.#over) return;
        this.#close();
        listener.cancelled();
      },
      drained: () => {
        if (!this.#over) listener.drained?.();
      },
    });
  }

  sendHeaders(metadata: CallMetadata): void {
    if (!this.#over) this.#call.sendHeaders(metadata);
  }

  send(bytes: Uint8Array): boolean {
    if (this.#over) return true;
    const { messageMaxBytes } = this.#options;
    if (bytes.length <= messageMaxBytes) return this.#call.send(frameOf(bytes));
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

  #deliver(): void {
    while (!this.#isStopped()) {
      const message = this.#reader.next();
      if (message === undefined) break;
      this.#take(message);
    }
    if (this.#over) return;
    if (this.#paused) this.#reader.detach();
    if (!this.#hold(this.#reader.heldBytes)) return;
    if (this.#halfClosed && !this.#paused) this.#tellHalfClosed();
  }

  #tellHalfClosed(): void {
    if (this.#halfClosedTold) return;
    this.#halfClosedTold = true;
    if (this.#reader.isBetweenMessages) this.#listener!.halfClosed();
    else this.#refuse(broken("the request ended within a message"));
  }

  #take({ flag, bytes }: ReceivedMessage): void {
    if (flag === 0) this.#listener!.message(bytes);
    else if (flag !== 1) this.#refuse(broken(`a message has the flag ${flag}`));
    else if (!isAcceptedEncoding(this.#encoding)) this.#refuse(unknownEncoding(this.#encoding));
    else this.#takeCompressed(bytes);
  }

  #takeCompressed(bytes: Buffer): void {
    const { messageMaxBytes } = this.#options;
    let message: Buffer | undefined;
    try {
      message = decompress(bytes, this.#encoding, messageMaxBytes);
    } catch (error) {
      this.#refuse(broken(`a compressed message cannot be read: ${messageOf(error)}`));
      return;
    }
    if (message !== undefined) this.#listener!.message(message);
    else this.#refuse(tooLarge(`a request of ${this.path} has over ${messageMaxBytes} bytes when it is decompressed`));
  }

  /** False: it was too much, and the call is over. */
  #hold(bytes: number): boolean {
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
    this.#options.held.change(-this.#heldBytes);
    this.#heldBytes = 0;
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

/** As gRPC's compression.md wants it: with what we accept. */
function unknownEncoding(encoding: string): Omit<CallEnd, "error"> {
  const trailers = CallMetadata.of({ "grpc-accept-encoding": ACCEPTED_ENCODINGS });
  return { status: Status.UNIMPLEMENTED, message: `no encoding "${encoding.slice(0, 64)}" is known here`, trailers };
}
