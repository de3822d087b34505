import type { CallEnd, IncomingCall, IncomingListener, MessageCompression, PeerCertificate } from "../../core/call";
import type { CallMetadata } from "../../core/call-metadata";

/**
 * A call that waits for a thread. It keeps the first message, if that comes, and holds its caller back from then on; one whose caller
 * goes away waits no more.
 */
export class WaitingCall implements IncomingCall, IncomingListener {
  readonly #call: IncomingCall;
  readonly #gone: (call: WaitingCall) => void;
  readonly #messages: Uint8Array[] = [];
  #halfClosed = false;
  #isPaused = false;
  #listener: IncomingListener | undefined;

  /** @param gone - its caller is, while it waits */
  constructor(call: IncomingCall, gone: (call: WaitingCall) => void) {
    this.#call = call;
    this.#gone = gone;
    call.listen(this);
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

  get authority(): string | undefined {
    return this.#call.authority;
  }

  peerCertificate(): PeerCertificate | undefined {
    return this.#call.peerCertificate?.();
  }

  compress(compression: MessageCompression): void {
    this.#call.compress?.(compression);
  }

  /** It waits no more. */
  listen(listener: IncomingListener): void {
    this.#listener = listener;
    const wasPaused = this.#isPaused;
    this.#isPaused = false;
    for (const message of this.#messages.splice(0)) listener.message(message);
    if (this.#halfClosed) listener.halfClosed();
    // Unless the listener has just asked for it again.
    if (wasPaused && !this.#isPaused) this.#call.resume();
  }

  sendHeaders(metadata: CallMetadata): void {
    this.#call.sendHeaders(metadata);
  }

  send(bytes: Uint8Array): boolean {
    return this.#call.send(bytes);
  }

  finish(end: Omit<CallEnd, "error">): void {
    this.#call.finish(end);
  }

  pause(): void {
    this.#isPaused = true;
    this.#call.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#call.resume();
  }

  message(bytes: Uint8Array): void {
    if (this.#listener) {
      this.#listener.message(bytes);
      return;
    }
    this.#messages.push(bytes);
    if (!this.#isPaused) this.pause();
  }

  halfClosed(): void {
    if (this.#listener) this.#listener.halfClosed();
    else this.#halfClosed = true;
  }

  drained(): void {
    this.#listener?.drained?.();
  }

  cancelled(): void {
    if (this.#listener) this.#listener.cancelled();
    else this.#gone(this);
  }
}
