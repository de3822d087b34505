import type { CallEnd, CallListener, Connection, IncomingCall, IncomingListener, OutgoingCall } from "../core/call";
import { endOfError } from "../core/call-end";
import { Canceller } from "../core/cancellation";
import type { CallMetadata } from "../core/call-metadata";
import type { CancelTimer, Clock } from "../core/clock";
import { asFabricError, FabricError } from "../core/errors";
import { HEDDLE_KEYS } from "../core/heddle-metadata";
import type { AttemptContext, Dispatcher, DispatchRequest } from "./dispatcher";
import type { Endpoint } from "./endpoint";

/** An endpoint that calls can be made on. */
export interface ConnectedEndpoint extends Endpoint {
  readonly connection: Connection;
}

export interface ForwardPlan<E extends ConnectedEndpoint> {
  readonly dispatcher: Dispatcher<E>;
  readonly clock: Clock;
  /** How the call is to be dispatched; its deadline and its end are the call's own. */
  readonly request: Omit<DispatchRequest, "deadlineMs" | "signal">;
  /** What the worker is sent. */
  readonly metadata: CallMetadata;
  /** Request bytes kept for another attempt. A call that sent more is not tried again. */
  readonly retryBufferBytes: number;
}

/**
 * Carries one call, of any kind, to the worker that the dispatcher picks, and its answer back:
 * - F1 the caller sees exactly one end, with the status and the trailers as the worker gave them.
 * - F2 another worker is tried only before the first byte of an answer (headers included) went to the caller.
 * - F3 at most `retryBufferBytes` of requests, and one message, are held; a caller that sends more is held back.
 * - F4 a slow reader on either side stops the other.
 * Used by the director, for calls of its clients, and by the client in direct mode, for its own.
 */
export function forwardCall<E extends ConnectedEndpoint>(call: IncomingCall, plan: ForwardPlan<E>): void {
  new ForwardedCall(call, plan).run();
}

/** Is the caller's listener itself: on the path of every call, a closure for each thing it may be told is worth sparing. */
class ForwardedCall<E extends ConnectedEndpoint> implements IncomingListener {
  readonly #call: IncomingCall;
  readonly #plan: ForwardPlan<E>;
  readonly #canceller = new Canceller();
  /** Requests held for another attempt. Most calls have one, and an array that is made with it takes a third of the memory. */
  #kept: Uint8Array[] | undefined;
  #keptBytes = 0;
  /** False once the answer has begun, or more was sent than is kept. */
  #replayable = true;
  #halfClosed = false;
  #outgoing: OutgoingCall | undefined;
  #attempt: AttemptContext | undefined;
  #servedBy = "";
  #attempts = 0;
  #lastEnd: CallEnd | undefined;

  constructor(call: IncomingCall, plan: ForwardPlan<E>) {
    this.#call = call;
    this.#plan = plan;
  }

  run(): void {
    const { clock, dispatcher, request } = this.#plan;
    const { method, idempotent, match, affinityKey, policy, memberId, excluded } = request;
    const { timeoutMs } = this.#call;
    let deadlineMs: number | undefined;
    let cancelTimer: CancelTimer | undefined;
    if (timeoutMs !== undefined) {
      deadlineMs = clock.monotonicMs() + timeoutMs;
      cancelTimer = clock.after(timeoutMs, () =>
        this.#end(new FabricError("DEADLINE_EXCEEDED", `${method} took too long`)),
      );
    }
    this.#call.listen(this);
    const signal = this.#canceller;
    // Named one by one: spreading costs more than all of the pick.
    const asked = { method, idempotent, match, affinityKey, policy, memberId, excluded, deadlineMs, signal };
    dispatcher
      .dispatch(asked, (endpoint, context) => this.#attemptOn(endpoint, context, deadlineMs))
      .then(
        (end) => {
          cancelTimer?.();
          this.#finish(end);
        },
        (error: unknown) => {
          cancelTimer?.();
          this.#finish(this.#endOf(asFabricError(error, "REMOTE")));
        },
      );
  }

  message(bytes: Uint8Array): void {
    if (this.#replayable) {
      if (this.#kept) this.#kept.push(bytes);
      else this.#kept = [bytes];
      this.#keptBytes += bytes.length;
    }
    if (!this.#outgoing) {
      if (this.#keptBytes >= this.#plan.retryBufferBytes) this.#call.pause(); // F3
      return;
    }
    if (this.#keptBytes > this.#plan.retryBufferBytes) this.#keepNoMore();
    if (!this.#outgoing.send(bytes)) this.#call.pause(); // F4
  }

  halfClosed(): void {
    this.#halfClosed = true;
    this.#outgoing?.halfClose();
  }

  cancelled(): void {
    this.#end(new FabricError("CANCELLED", "the caller cancelled the call"));
  }

  drained(): void {
    this.#outgoing?.resume();
  }

  /** From now on the attempt that runs is the last, and nothing of the request is held for another. */
  #keepNoMore(): void {
    if (!this.#replayable) return;
    this.#replayable = false;
    this.#kept = undefined;
    this.#keptBytes = 0;
    this.#attempt?.commit();
  }

  /** Settles when the attempt ended: with its end when it was OK, otherwise with the error. */
  #attemptOn(endpoint: E, context: AttemptContext, deadlineMs: number | undefined): Promise<CallEnd> {
    return new Promise((resolve, reject) => {
      this.#attempts = context.number;
      this.#servedBy = endpoint.memberId;
      this.#attempt = context;
      const listener: CallListener = {
        headers: (metadata) => {
          this.#keepNoMore(); // F2
          this.#call.sendHeaders(metadata);
        },
        message: (bytes) => {
          this.#keepNoMore(); // F2
          if (!this.#call.send(bytes)) this.#outgoing?.pause(); // F4
        },
        drained: () => this.#call.resume(),
        ended: (end) => {
          this.#outgoing = undefined;
          this.#lastEnd = end;
          if (end.error) reject(end.error);
          else resolve(end);
        },
      };
      const leftMs = deadlineMs === undefined ? undefined : Math.max(1, deadlineMs - this.#plan.clock.monotonicMs());
      const outgoing = endpoint.connection.start(
        {
          path: this.#call.path,
          metadata: this.#plan.metadata,
          ...(leftMs === undefined ? {} : { timeoutMs: leftMs }),
        },
        listener,
      );
      this.#outgoing = outgoing;
      let taken = true;
      if (this.#kept) for (const bytes of this.#kept) taken = outgoing.send(bytes);
      if (this.#keptBytes > this.#plan.retryBufferBytes) this.#keepNoMore();
      if (this.#halfClosed) outgoing.halfClose();
      else if (taken) this.#call.resume();
      else this.#call.pause(); // F4
    });
  }

  /** The caller wants no answer any more, or may not have one. */
  #end(reason: FabricError): void {
    this.#canceller.abort(reason);
    this.#outgoing?.cancel();
  }

  /** A worker's own status goes on as it is; an error of ours is put into words. */
  #endOf(error: FabricError): Omit<CallEnd, "error"> {
    if (this.#lastEnd?.error !== error) return endOfError(error);
    const { trailers } = this.#lastEnd;
    const isLost = error.code === "WORKER_LOST" || error.code === "WORKER_UNREACHABLE";
    // A director that the call went through has said already which worker it was.
    if (isLost && trailers.text(HEDDLE_KEYS.worker) === undefined) {
      const what = error.message.slice(error.code.length + 3);
      return endOfError(new FabricError(error.code, `worker ${this.#servedBy}: ${what}`));
    }
    // What the transport made of it (a deadline, a message too large) has no trailers that would name it.
    const isNamed = error.code === "REMOTE" || trailers.text(HEDDLE_KEYS.error) !== undefined;
    return isNamed ? this.#lastEnd : endOfError(error);
  }

  #finish(end: Omit<CallEnd, "error">): void {
    const trailers = end.trailers.clone();
    // A director that the call went through has said already which worker it was.
    if (this.#servedBy !== "" && trailers.text(HEDDLE_KEYS.worker) === undefined) {
      trailers.set(HEDDLE_KEYS.worker, this.#servedBy);
      trailers.set(HEDDLE_KEYS.attempts, String(this.#attempts));
    }
    this.#call.finish({ status: end.status, message: end.message, trailers });
  }
}
