import type { IncomingCall, IncomingListener } from "../core/call";
import { endOfError } from "../core/call-end";
import { FabricError } from "../core/errors";
import { HEDDLE_KEYS } from "../core/heddle-metadata";

const NOTHING = new Uint8Array(0);

/** A call whose one request message is read before anything is decided about it. One with more or fewer is refused. */
export class WholeRequest {
  readonly call: IncomingCall;
  readonly path: string;
  /** Told when the caller goes away after the request was read. */
  onGone: (() => void) | undefined;
  #message: Uint8Array = NOTHING;
  #over = false;

  /** @param read - told once, with the whole request, unless it is refused or the caller goes away before */
  constructor(call: IncomingCall, read: (request: WholeRequest) => void) {
    this.call = call;
    this.path = call.path;
    let messages = 0;
    const listener: IncomingListener = {
      message: (bytes) => {
        messages += 1;
        if (messages === 1)
          this.#message = Buffer.from(bytes); // they are lent
        else this.refuse(notOne(call.path));
      },
      halfClosed: () => {
        if (this.#over) return;
        if (messages === 1) read(this);
        else this.refuse(notOne(call.path));
      },
      cancelled: () => {
        this.#over = true;
        this.onGone?.();
      },
    };
    call.listen(listener);
  }

  get message(): Uint8Array {
    return this.#message;
  }

  /** Nobody waits for an answer. */
  get isOver(): boolean {
    return this.#over;
  }

  refuse(error: FabricError): void {
    if (this.#over) return;
    this.#over = true;
    this.call.finish(endOfError(error));
  }
}

function notOne(path: string): FabricError {
  const what = `${HEDDLE_KEYS.idempotencyKey} is for methods with one request and one answer`;
  return new FabricError("INVALID_ARGUMENT", `${what}: call ${path} without it`);
}
