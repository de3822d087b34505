import type { IncomingCall, IncomingListener } from "../../core/call";
import { WrappedCall } from "../wrapped-call";

/**
 * A call that waits for a thread. It keeps the first message, if that comes, and holds its caller back from then on; one whose caller
 * goes away waits no more.
 */
export class WaitingCall extends WrappedCall implements IncomingListener {
  readonly #gone: (call: WaitingCall) => void;
  readonly #messages: Uint8Array[] = [];
  #halfClosed = false;
  #isPaused = false;
  #listener: IncomingListener | undefined;

  /** @param gone - its caller is, while it waits */
  constructor(call: IncomingCall, gone: (call: WaitingCall) => void) {
    super(call);
    this.#gone = gone;
    call.listen(this);
  }

  /** It waits no more. */
  override listen(listener: IncomingListener): void {
    this.#listener = listener;
    const wasPaused = this.#isPaused;
    this.#isPaused = false;
    for (const message of this.#messages.splice(0)) listener.message(message);
    if (this.#halfClosed) listener.halfClosed();
    // Unless the listener has just asked for it again.
    if (wasPaused && !this.#isPaused) super.resume();
  }

  override pause(): void {
    this.#isPaused = true;
    super.pause();
  }

  override resume(): void {
    this.#isPaused = false;
    super.resume();
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
