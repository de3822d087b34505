import type { CallEnd, IncomingCall, IncomingListener, MessageCompression, PeerCertificate } from "../core/call";
import { endOfError } from "../core/call-end";
import type { CallMetadata } from "../core/call-metadata";
import type { FabricError } from "../core/errors";

/** A call that the worker runs: tells once when it is over, however it ends, and can be ended from outside. */
export class AdmittedCall implements IncomingCall, IncomingListener {
  /** Of RunningCalls. */
  before: AdmittedCall | undefined = undefined;
  after: AdmittedCall | undefined = undefined;
  readonly #inner: IncomingCall;
  readonly #over: (call: AdmittedCall) => void;
  #listener: IncomingListener | undefined;
  #isOver = false;

  constructor(inner: IncomingCall, over: (call: AdmittedCall) => void) {
    this.#inner = inner;
    this.#over = over;
  }

  get path(): string {
    return this.#inner.path;
  }

  get metadata(): CallMetadata {
    return this.#inner.metadata;
  }

  get timeoutMs(): number | undefined {
    return this.#inner.timeoutMs;
  }

  get peer(): string {
    return this.#inner.peer;
  }

  get authority(): string | undefined {
    return this.#inner.authority;
  }

  peerCertificate(): PeerCertificate | undefined {
    return this.#inner.peerCertificate?.();
  }

  /** Ends it with this error; the handler is told as of a cancellation. */
  fail(error: FabricError): void {
    const listener = this.#listener;
    this.finish(endOfError(error));
    listener?.cancelled();
  }

  listen(listener: IncomingListener): void {
    this.#listener = listener;
    this.#inner.listen(this);
  }

  compress(compression: MessageCompression): void {
    this.#inner.compress?.(compression);
  }

  sendHeaders(metadata: CallMetadata): void {
    this.#inner.sendHeaders(metadata);
  }

  send(bytes: Uint8Array): boolean {
    return this.#inner.send(bytes);
  }

  finish(end: Omit<CallEnd, "error">): void {
    if (this.#settle()) this.#inner.finish(end);
  }

  pause(): void {
    this.#inner.pause();
  }

  resume(): void {
    this.#inner.resume();
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
    this.#over(this);
    return true;
  }
}
