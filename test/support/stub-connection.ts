import type { Acceptance, CallEnd, CallListener, CallStart, Connection, OutgoingCall } from "../../src/core/call";
import { endOfError } from "../../src/core/call-end";
import { CallMetadata } from "../../src/core/call-metadata";
import { FabricError, type ErrorCode } from "../../src/core/errors";
import { Status } from "../../src/core/status";

/** A call that arrived at a stubbed worker: what came is visible, and the test plays the worker. */
export class StubCallee {
  readonly start: CallStart;
  readonly requests: Uint8Array[] = [];
  halfClosed = false;
  cancelled = false;
  /** Whether the caller holds the answers back. */
  paused = false;
  /** What `send` answers: false says that the worker reads slowly. */
  takesMore = true;
  readonly #listener: CallListener;
  #over = false;

  constructor(start: CallStart, listener: CallListener) {
    this.start = start;
    this.#listener = listener;
  }

  get isOver(): boolean {
    return this.#over;
  }

  readonly outgoing: OutgoingCall = {
    send: (bytes) => {
      if (!this.#over) this.requests.push(bytes);
      return this.#over || this.takesMore;
    },
    halfClose: () => {
      this.halfClosed = true;
    },
    cancel: () => {
      if (this.#over) return;
      this.cancelled = true;
      const error = new FabricError("CANCELLED", "cancelled here");
      this.#end({ ...endOfError(error), error });
    },
    pause: () => {
      this.paused = true;
    },
    resume: () => {
      this.paused = false;
    },
  };

  accept(by: Acceptance): void {
    if (!this.#over) this.#listener.accepted?.(by);
  }

  headers(entries: Readonly<Record<string, string>> = {}): void {
    if (!this.#over) this.#listener.headers(CallMetadata.of(entries));
  }

  message(text: string): void {
    if (!this.#over) this.#listener.message(Buffer.from(text, "latin1"));
  }

  drain(): void {
    this.takesMore = true;
    if (!this.#over) this.#listener.drained?.();
  }

  succeed(trailers: Readonly<Record<string, string>> = {}): void {
    this.#end({ status: Status.OK, message: "", trailers: CallMetadata.of(trailers) });
  }

  fail(code: ErrorCode, message = "stubbed", trailers: Readonly<Record<string, string>> = {}): void {
    const error = new FabricError(code, message);
    const end = endOfError(error);
    for (const [key, value] of Object.entries(trailers)) end.trailers.append(key, value);
    this.#end({ ...end, error });
  }

  /** Ends it with a status that the worker's handler chose. */
  answer(status: Status, message: string, trailers: Readonly<Record<string, string>> = {}): void {
    const error = new FabricError("REMOTE", message, { status });
    this.#end({ status, message, trailers: CallMetadata.of(trailers), error });
  }

  #end(end: CallEnd): void {
    if (this.#over) return;
    this.#over = true;
    // Never from inside what the caller does.
    queueMicrotask(() => this.#listener.ended(end));
  }
}

/** A connection whose calls the test answers. */
export class StubConnection implements Connection {
  readonly address: string;
  readonly calls: StubCallee[] = [];
  /** Told of each call when it is made. */
  onCall: ((callee: StubCallee) => void) | undefined;
  readonly #listeners: ((ready: boolean, reason: string) => void)[] = [];
  #ready = true;

  constructor(address: string) {
    this.address = address;
  }

  start(call: CallStart, listener: CallListener): OutgoingCall {
    const callee = new StubCallee(call, listener);
    this.calls.push(callee);
    this.onCall?.(callee);
    return callee.outgoing;
  }

  isReady(): boolean {
    return this.#ready;
  }

  onReadiness(listener: (ready: boolean, reason: string) => void): void {
    this.#listeners.push(listener);
  }

  setReady(ready: boolean): void {
    this.#ready = ready;
    for (const listener of this.#listeners) listener(ready, "the test says so");
  }

  close(): void {}
}
