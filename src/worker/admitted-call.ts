import type { CallEnd, IncomingCall, IncomingListener } from "../core/call";
import { endOfError } from "../core/call-end";
import type { FabricError } from "../core/errors";
import { WrappedCall } from "./wrapped-call";

/** Who let a call in. */
export interface AdmittedBy {
  readonly draining: AbortSignal;
  /** Once for each call. */
  ended(call: AdmittedCall): void;
}

/** A call that the worker runs: tells once when it is over, however it ends, and can be ended from outside. */
export class AdmittedCall extends WrappedCall implements IncomingListener {
  /** Of RunningCalls. */
  before: AdmittedCall | undefined = undefined;
  after: AdmittedCall | undefined = undefined;
  readonly #by: AdmittedBy;
  #listener: IncomingListener | undefined;
  #isOver = false;

  constructor(inner: IncomingCall, by: AdmittedBy) {
    super(inner);
    this.#by = by;
  }

  override get draining(): AbortSignal {
    return this.#by.draining;
  }

  /** Ends it with this error; the handler is told as of a cancellation. */
  fail(error: FabricError): void {
    const listener = this.#listener;
    this.finish(endOfError(error));
    listener?.cancelled();
  }

  override listen(listener: IncomingListener): void {
    this.#listener = listener;
    this.inner.listen(this);
  }

  override finish(end: Omit<CallEnd, "error">): void {
    if (this.#settle()) this.inner.finish(end);
  }

  message(bytes: Uint8Array): void {
    this.#listener?.message(bytes);
  }

  halfClosed(): void {
    this.#listener?.halfClosed();
  }

  drained(): void {
    this.#listener?.drained?.();
  }

  cancelled(): void {
    const listener = this.#listener;
    if (this.#settle()) listener?.cancelled();
  }

  #settle(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#listener = undefined;
    this.#by.ended(this);
    return true;
  }
}
