import { Metadata, type ChannelInterface, type InterceptingListener, type StatusObject } from "@grpc/grpc-js";

import type { CallEnd, CallListener, OutgoingCall } from "../core/call";
import { endOfError } from "../core/call-end";
import { FabricError } from "../core/errors";
import { Status } from "../core/status";
import { asBuffer } from "./bytes";
import { fromGrpcMetadata } from "./metadata";
import { endOfStatus } from "./status-mapping";

/** A call as grpc-js's channels make it: what its clients and streams are made of, without what these cost. */
export type ChannelCall = ReturnType<ChannelInterface["createCall"]>;

/**
 * Messages that wait, in each direction, before the other side is held back: what grpc-js's streams allow. Those read ahead of a
 * paused reader are worth it, because grpc-js drops what is unread when a call fails.
 */
const WAITING_MAX = 16;

/**
 * An outgoing call on a channel of grpc-js.
 * - Messages, then the end, also where grpc-js reports a status while the reader is paused.
 * - grpc-js takes one message at a time: the next waits for its callback.
 */
export class GrpcCall implements OutgoingCall, InterceptingListener {
  readonly #call: ChannelCall;
  readonly #listener: CallListener;
  readonly #losing: Set<GrpcCall>;
  #headersReceived = false;
  #cancelled = false;
  #over = false;
  #paused = false;
  /** Read and not delivered, because the reader paused. */
  #held: Buffer[] | undefined;
  /** grpc-js has been asked for a message that did not come yet. */
  #reading = true;
  /** How it ended, while messages are held. */
  #status: StatusObject | undefined;
  /** A message is on its way into grpc-js. */
  #writing = false;
  #unsent: Buffer[] | undefined;
  #toldToWait = false;
  #halfClosed = false;

  /** Starts the call. It is in `losing` until it ends. */
  constructor(call: ChannelCall, metadata: Metadata, listener: CallListener, losing: Set<GrpcCall>) {
    this.#call = call;
    this.#listener = listener;
    this.#losing = losing;
    call.start(metadata, this);
    call.startRead();
    losing.add(this);
  }

  // ---- OutgoingCall ----------------------------------------------------------------------------------------------------

  send(bytes: Uint8Array): boolean {
    if (this.#over || this.#halfClosed) return true;
    if (!this.#writing) {
      this.#write(asBuffer(bytes));
      return true;
    }
    const waiting = (this.#unsent ??= []).push(asBuffer(bytes));
    if (waiting >= WAITING_MAX) this.#toldToWait = true;
    return !this.#toldToWait;
  }

  halfClose(): void {
    if (this.#over || this.#halfClosed) return;
    this.#halfClosed = true;
    if (this.#isAllWritten()) this.#call.halfClose();
  }

  cancel(): void {
    if (this.#over) return;
    this.#cancelled = true;
    this.#held = undefined;
    this.#reset();
    if (this.#status === undefined) return;
    // It waited behind answers that nobody reads any more. Never from inside this.
    this.#status = { code: Status.CANCELLED, details: "Cancelled on client", metadata: new Metadata() };
    queueMicrotask(() => this.#endIfDelivered());
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused || this.#over) return;
    this.#paused = false;
    while (!this.#isPaused() && this.#held !== undefined) this.#listener.message(this.#nextHeld(this.#held));
    this.#readOn();
    this.#endIfDelivered();
  }

  /** Ends the call, because its connection is closed here. */
  lose(): void {
    this.#reset();
    const error = new FabricError("WORKER_LOST", "the connection was closed here");
    this.#end({ ...endOfError(error), error });
  }

  // ---- InterceptingListener --------------------------------------------------------------------------------------------

  onReceiveMetadata(metadata: Metadata): void {
    this.#headersReceived = true;
    if (!this.#over) this.#listener.headers(fromGrpcMetadata(metadata));
  }

  onReceiveMessage(bytes: Buffer): void {
    this.#reading = false;
    if (this.#over || this.#cancelled) return;
    if (this.#paused) (this.#held ??= []).push(bytes);
    else this.#listener.message(bytes);
    this.#readOn();
  }

  onReceiveStatus(status: StatusObject): void {
    if (this.#over || this.#status !== undefined) return;
    this.#status = status;
    this.#endIfDelivered();
  }

  // ---- Own -------------------------------------------------------------------------------------------------------------

  /** For the compiler, which believes that a field stays what it was found to be. */
  #isPaused(): boolean {
    return this.#paused || this.#over;
  }

  #isAllWritten(): boolean {
    return this.#unsent === undefined || this.#unsent.length === 0;
  }

  #nextHeld(held: Buffer[]): Buffer {
    const first = held.shift()!;
    if (held.length === 0) this.#held = undefined;
    return first;
  }

  #readOn(): void {
    if (this.#reading || this.#over || (this.#held !== undefined && this.#held.length >= WAITING_MAX)) return;
    this.#reading = true;
    this.#call.startRead();
  }

  #write(bytes: Buffer): void {
    this.#writing = true;
    this.#call.sendMessageWithContext({ callback: this.#written }, bytes);
  }

  readonly #written = (): void => {
    this.#writing = false;
    if (this.#over) return;
    const next = this.#unsent?.shift();
    if (next !== undefined) this.#write(next);
    if (!this.#isAllWritten()) return;
    if (next !== undefined && this.#halfClosed) this.#call.halfClose();
    if (!this.#toldToWait) return;
    this.#toldToWait = false;
    this.#listener.drained?.();
  };

  /**
   * grpc-js forgets a cancel that comes before the call's headers are out, some promises after the start, and sends them
   * nevertheless: the peer would serve the call for ever. By the next turn of the loop they are out, and twice is once.
   */
  #reset(): void {
    const call = this.#call;
    call.cancelWithStatus(Status.CANCELLED, "Cancelled on client");
    setImmediate(() => call.cancelWithStatus(Status.CANCELLED, "Cancelled on client"));
  }

  #endIfDelivered(): void {
    if (this.#over || this.#status === undefined || this.#held !== undefined) return;
    this.#end(endOfStatus(this.#status, this.#headersReceived, this.#cancelled));
  }

  #end(end: CallEnd): void {
    this.#over = true;
    this.#losing.delete(this);
    this.#held = undefined;
    this.#unsent = undefined;
    this.#listener.ended(end);
  }
}
