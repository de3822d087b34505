import type { CallEnd, IncomingCall, IncomingListener } from "../../../src/core/call";
import type { CallMetadata } from "../../../src/core/call-metadata";

/** A call that complains of whoever tells its listener what the rules forbid. */
export class WatchedCall implements IncomingCall {
  readonly #call: IncomingCall;
  #halfClosed = false;
  #cancelled = false;
  #finished = false;
  #paused = false;
  #fault = "";

  constructor(call: IncomingCall) {
    this.#call = call;
  }

  get path(): string {
    return this.#call.path;
  }

  get metadata(): CallMetadata {
    return this.#call.metadata;
  }

  get timeoutMs(): number | undefined {
    return this.#call.timeoutMs;
  }

  get peer(): string {
    return this.#call.peer;
  }

  get isOver(): boolean {
    return this.#cancelled || this.#finished;
  }

  /** @throws Error when it was told what it must not be */
  check(): void {
    if (this.#fault !== "") throw new Error(`${this.path}: ${this.#fault}`);
  }

  listen(listener: IncomingListener): void {
    const told = (what: string) => {
      if (this.#cancelled) this.#fault ||= `${what} after it was cancelled`;
      if (this.#finished) this.#fault ||= `${what} after it was finished`;
    };
    this.#call.listen({
      message: (bytes) => {
        told("a message");
        if (this.#halfClosed) this.#fault ||= "a message after the half-close";
        if (this.#paused) this.#fault ||= "a message while it is paused";
        listener.message(bytes);
      },
      halfClosed: () => {
        told("the half-close");
        if (this.#halfClosed) this.#fault ||= "two half-closes";
        this.#halfClosed = true;
        listener.halfClosed();
      },
      cancelled: () => {
        told("a cancellation");
        this.#cancelled = true;
        listener.cancelled();
      },
      drained: () => {
        told("room");
        listener.drained?.();
      },
    });
  }

  sendHeaders(metadata: CallMetadata): void {
    this.#call.sendHeaders(metadata);
  }

  send(bytes: Uint8Array): boolean {
    return this.#call.send(bytes);
  }

  finish(end: Omit<CallEnd, "error">): void {
    this.#finished = true;
    this.#call.finish(end);
  }

  pause(): void {
    this.#paused = true;
    this.#call.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#call.resume();
  }
}
