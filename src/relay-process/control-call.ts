import type { Connection, IncomingCall, IncomingListener, OutgoingCall } from "../core/call";
import { endOfError } from "../core/call-end";
import type { FabricError } from "../core/errors";

/**
 * A call that goes to the one place where it can go, as soon as there is a connection: nothing is picked, and nothing tried
 * again. Until then its caller is held back.
 */
export class ControlCall implements IncomingListener {
  readonly #call: IncomingCall;
  readonly #ended: () => void;
  #outgoing: OutgoingCall | undefined;
  #early: Uint8Array[] = [];
  #halfClosed = false;
  #over = false;

  /** @param ended - told once, however it ends */
  constructor(call: IncomingCall, ended: () => void) {
    this.#call = call;
    this.#ended = ended;
    call.listen(this);
  }

  /** Does nothing when its caller is gone. */
  start(connection: Connection): void {
    if (this.#over) return;
    const { path, metadata, timeoutMs } = this.#call;
    const outgoing = connection.start(
      { path, metadata, ...(timeoutMs === undefined ? {} : { timeoutMs }) },
      {
        headers: (received) => this.#call.sendHeaders(received),
        message: (bytes) => {
          if (!this.#call.send(bytes)) outgoing.pause();
        },
        drained: () => this.#call.resume(),
        ended: (end) => {
          this.#call.finish(end);
          this.#end();
        },
      },
    );
    this.#outgoing = outgoing;
    let taken = true;
    for (const bytes of this.#early.splice(0)) taken = outgoing.send(bytes);
    if (this.#halfClosed) outgoing.halfClose();
    else if (taken) this.#call.resume();
  }

  refuse(error: FabricError): void {
    if (this.#over) return;
    this.#call.finish(endOfError(error));
    this.#end();
  }

  // ---- IncomingListener ------------------------------------------------------------------------------------------------

  message(bytes: Uint8Array): void {
    if (this.#outgoing) {
      if (!this.#outgoing.send(bytes)) this.#call.pause();
      return;
    }
    // A copy: what is given is a view of what was read.
    this.#early.push(Buffer.from(bytes));
    this.#call.pause();
  }

  halfClosed(): void {
    this.#halfClosed = true;
    this.#outgoing?.halfClose();
  }

  cancelled(): void {
    this.#outgoing?.cancel();
    this.#end();
  }

  drained(): void {
    this.#outgoing?.resume();
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#ended();
  }
}
