import type {
  Acceptance,
  CallEnd,
  CallListener,
  CallStart,
  IncomingCall,
  IncomingListener,
  MessageCompression,
  OutgoingCall,
} from "../core/call";
import { CallMetadata } from "../core/call-metadata";
import { ERRORS, FabricError, type ErrorCode } from "../core/errors";
import { HEDDLE_KEYS } from "../core/heddle-metadata";
import { Status } from "../core/status";

/**
 * A call of this process, seen from both sides: the application holds the outgoing end, and what forwards calls gets the
 * incoming one, as if it had come over the network. So direct mode is the director's call path inside the client.
 */
export function localCall(
  start: CallStart,
  listener: CallListener,
): { readonly outgoing: OutgoingCall; readonly incoming: IncomingCall } {
  const incoming = new LocalIncoming(start, listener);
  return { outgoing: new LocalOutgoing(incoming), incoming };
}

/** Has the state of both ends. Classes, because a closure for each method of both would be a tenth of what a call allocates. */
class LocalIncoming implements IncomingCall {
  readonly path: string;
  readonly metadata: CallMetadata;
  readonly timeoutMs: number | undefined;
  readonly compression: MessageCompression | undefined;
  readonly peer = "this process";
  readonly caller: CallListener;
  serving: IncomingListener | undefined;
  over = false;
  readerPaused = false;
  senderPaused = false;

  constructor({ path, metadata, timeoutMs, compression }: CallStart, caller: CallListener) {
    this.path = path;
    this.metadata = metadata;
    this.timeoutMs = timeoutMs;
    this.compression = compression;
    this.caller = caller;
  }

  listen(serving: IncomingListener): void {
    this.serving = serving;
  }

  accept(by: Acceptance): void {
    if (!this.over) this.caller.accepted?.(by);
  }

  sendHeaders(metadata: CallMetadata): void {
    if (!this.over) this.caller.headers(metadata);
  }

  send(bytes: Uint8Array): boolean {
    if (!this.over) this.caller.message(bytes);
    return !this.readerPaused;
  }

  finish(end: Omit<CallEnd, "error">): void {
    if (this.over) return;
    this.over = true;
    if (end.status === Status.OK) this.caller.ended(end);
    else this.caller.ended({ ...end, error: errorOf(end.status, end.message, end.trailers) });
  }

  pause(): void {
    this.senderPaused = true;
  }

  resume(): void {
    if (!this.senderPaused) return;
    this.senderPaused = false;
    this.caller.drained?.();
  }
}

class LocalOutgoing implements OutgoingCall {
  readonly #call: LocalIncoming;

  constructor(call: LocalIncoming) {
    this.#call = call;
  }

  send(bytes: Uint8Array): boolean {
    const call = this.#call;
    if (call.over) return true;
    call.serving?.message(bytes);
    return !call.senderPaused;
  }

  halfClose(): void {
    if (!this.#call.over) this.#call.serving?.halfClosed();
  }

  cancel(): void {
    const call = this.#call;
    if (call.over) return;
    call.over = true;
    call.serving?.cancelled();
    const error = new FabricError("CANCELLED", "the caller cancelled the call");
    call.caller.ended({ status: Status.CANCELLED, message: error.message, trailers: new CallMetadata(), error });
  }

  pause(): void {
    this.#call.readerPaused = true;
  }

  resume(): void {
    const call = this.#call;
    if (!call.readerPaused) return;
    call.readerPaused = false;
    call.serving?.drained?.();
  }
}

/** The error that an end stands for: by the code in its trailers, as on the network. */
function errorOf(status: Status, message: string, trailers: CallMetadata): FabricError {
  const named = trailers.text(HEDDLE_KEYS.error);
  const code: ErrorCode = named !== undefined && Object.hasOwn(ERRORS, named) ? (named as ErrorCode) : "REMOTE";
  const prefix = `[${code}] `;
  const accepted = trailers.text(HEDDLE_KEYS.accepted) !== undefined;
  return new FabricError(code, message.startsWith(prefix) ? message.slice(prefix.length) : message, {
    status,
    accepted,
  });
}
