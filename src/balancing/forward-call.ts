import type {
  Acceptance,
  CallEnd,
  CallListener,
  Connection,
  IncomingCall,
  IncomingListener,
  OutgoingCall,
} from "../core/call";
import { endOfError } from "../core/call-end";
import type { CallMetadata } from "../core/call-metadata";
import { FabricError } from "../core/errors";
import { HEDDLE_KEYS, withServer } from "../core/heddle-metadata";
import type { Dispatch, DispatchedCall, DispatchRequest } from "./dispatch";
import type { Dispatcher } from "./dispatcher";
import type { Endpoint } from "./endpoint";
import type { LegPlaces } from "./hedged-call";
import { KeyedAttempts, type LivingEndpoint, type Repeat } from "./keyed-attempts";
import { pushbackOf } from "./retry-rules";
import { CHUNK_OVERHEAD_BYTES, keepable, type RetryMemory } from "./retry-memory";

/** An endpoint that calls can be made on. */
export interface ConnectedEndpoint extends Endpoint, LivingEndpoint {
  readonly memberId: string;
  readonly connection: Connection;
}

export interface ForwardPlan<E extends ConnectedEndpoint> {
  readonly dispatcher: Dispatcher<E>;
  readonly request: DispatchRequest;
  /** What the worker is sent. */
  readonly metadata: CallMetadata;
  /** The caller is told when a worker has taken the call. Default: it is not. */
  readonly wantsAcceptance?: boolean;
  /** Request bytes kept for another attempt. A call that sent more is not tried again. */
  readonly retryBufferBytes: number;
  /** Shared by all calls: while it is full none keeps what it can do without. */
  readonly retryMemory: RetryMemory;
  /** Of a leg of a call that is hedged. */
  readonly places?: LegPlaces;
}

/**
 * Carries one call, of any kind, to the worker that the dispatcher picks, and its answer back:
 * - F1 the caller sees exactly one end, with the status and the trailers as the worker gave them.
 * - F2 another worker is tried only before the first byte of an answer (headers included) went to the caller.
 * - F3 at most `retryBufferBytes` of requests, and one message, are held; a caller that sends more is held back. With the memory of
 *   all calls full, as little as can be is.
 * - F4 a slow reader on either side stops the other.
 * - F5 that the worker took the call is passed on, and is not the beginning of an answer; errors tell it from then on.
 * Used by the director, for calls of its clients, and by the client in direct mode, for its own.
 */
export function forwardCall<E extends ConnectedEndpoint>(call: IncomingCall, plan: ForwardPlan<E>): void {
  new ForwardedCall(call, plan).run();
}

/** Is the caller's listener itself: on the path of every call, a closure for each thing it may be told is worth sparing. */
class ForwardedCall<E extends ConnectedEndpoint> implements IncomingListener, DispatchedCall<E> {
  readonly #call: IncomingCall;
  readonly #plan: ForwardPlan<E>;
  readonly #dispatch: Dispatch<E>;
  /** Requests held for another attempt. Most calls have one, and an array that is made with it takes a third of the memory. */
  #kept: Uint8Array[] | undefined;
  #keptBytes = 0;
  /** False once the answer has begun, or more was sent than is kept. */
  #replayable = true;
  #halfClosed = false;
  #outgoing: OutgoingCall | undefined;
  #servedBy = "";
  #attempts = 0;
  #lastEnd: CallEnd | undefined;
  /** The worker said that it took the call, in this attempt or an earlier one. */
  #accepted = false;
  /** Of a call with an idempotency key. */
  readonly #keyed: KeyedAttempts | undefined;

  constructor(call: IncomingCall, plan: ForwardPlan<E>) {
    this.#call = call;
    this.#plan = plan;
    const { request, metadata } = plan;
    this.#keyed = request.idempotencyKey === undefined ? undefined : new KeyedAttempts(request, metadata);
    this.#dispatch = plan.dispatcher.dispatch(this);
  }

  run(): void {
    this.#call.listen(this);
    this.#dispatch.start();
  }

  // ---- What the caller says --------------------------------------------------------------------------------------------

  message(bytes: Uint8Array): void {
    if (this.#replayable) this.#keep(bytes);
    const { retryBufferBytes, retryMemory } = this.#plan;
    if (!this.#outgoing) {
      if (this.#keptBytes >= retryBufferBytes || retryMemory.isFull) this.#call.pause(); // F3
      return;
    }
    if (this.#keptBytes > retryBufferBytes || retryMemory.isFull) this.#keepNoMore();
    if (!this.#outgoing.send(bytes)) this.#call.pause(); // F4
  }

  halfClosed(): void {
    this.#halfClosed = true;
    this.#outgoing?.halfClose();
  }

  cancelled(): void {
    this.#dispatch.cancel(new FabricError("CANCELLED", "the caller cancelled the call"));
  }

  drained(): void {
    this.#outgoing?.resume();
  }

  // ---- What the dispatch says ------------------------------------------------------------------------------------------

  get request(): DispatchRequest {
    return this.#plan.request;
  }

  get timeoutMs(): number | undefined {
    return this.#call.timeoutMs;
  }

  attempt(endpoint: E, number: number, timeoutMs: number | undefined): void {
    if (this.#plan.places !== undefined) takePlace(this.#plan.places, endpoint.memberId);
    this.#attempts = number;
    this.#servedBy = endpoint.memberId;
    const { path, source, compression } = this.#call;
    const { retryBufferBytes, retryMemory } = this.#plan;
    const metadata = this.#keyed?.begin(endpoint, this.#plan.metadata) ?? this.#plan.metadata;
    const start = { path, metadata, source, compression };
    const outgoing = endpoint.connection.start(
      timeoutMs === undefined ? start : { ...start, timeoutMs },
      new Answer(this, this.#call),
    );
    this.#outgoing = outgoing;
    let taken = true;
    if (this.#kept) for (const bytes of this.#kept) taken = outgoing.send(bytes);
    if (this.#keptBytes > retryBufferBytes || retryMemory.isFull) this.#keepNoMore();
    if (this.#halfClosed) outgoing.halfClose();
    else if (taken) this.#call.resume();
    else this.#call.pause(); // F4
  }

  repeat(error: FabricError): Repeat | "never" | undefined {
    return this.#keyed?.after(error);
  }

  cancelAttempt(): void {
    this.#outgoing?.cancel();
  }

  settled(error: FabricError | undefined): void {
    this.#replayable = false;
    this.#dropKept();
    const { status, message, trailers } = error ? this.#endOf(error) : this.#lastEnd!;
    if (this.#accepted && error?.kind.executed === "maybe") trailers.set(HEDDLE_KEYS.accepted, "1"); // F5
    const named = this.#servedBy === "" ? trailers : withServer(trailers, this.#servedBy, this.#attempts);
    this.#call.finish({ status, message, trailers: named });
  }

  // ---- What the answer says --------------------------------------------------------------------------------------------

  /** F5 */
  accepted(by: Acceptance): void {
    this.#keyed?.accepted(by);
    if (this.#accepted) return;
    this.#accepted = true;
    if (this.#plan.wantsAcceptance) this.#call.accept?.(by);
  }

  /** F2 the caller is about to be told of the answer. */
  answerBegins(): void {
    this.#keepNoMore();
  }

  /** F4 the caller reads slowly. */
  pauseAnswer(): void {
    this.#outgoing?.pause();
  }

  attemptEnded(end: CallEnd): void {
    this.#outgoing = undefined;
    this.#lastEnd = end;
    this.#dispatch.attemptEnded(end.error, end.error && pushbackOf(end.trailers));
  }

  // ---- Own -------------------------------------------------------------------------------------------------------------

  #keep(bytes: Uint8Array): void {
    const chunk = keepable(bytes);
    this.#keptBytes += chunk.length;
    if (this.#kept) this.#kept.push(chunk);
    else this.#kept = [chunk];
    this.#plan.retryMemory.take(chunk.length + CHUNK_OVERHEAD_BYTES);
  }

  #dropKept(): void {
    if (this.#kept === undefined) return;
    this.#plan.retryMemory.giveBack(this.#keptBytes + this.#kept.length * CHUNK_OVERHEAD_BYTES);
    this.#kept = undefined;
    this.#keptBytes = 0;
  }

  /** From now on the attempt that runs is the last, and nothing of the request is held for another. */
  #keepNoMore(): void {
    if (!this.#replayable) return;
    this.#replayable = false;
    this.#dropKept();
    this.#dispatch.commit();
  }

  /** A worker's own status goes on as it is; an error of ours is put into words. */
  #endOf(error: FabricError): Omit<CallEnd, "error"> {
    if (this.#lastEnd?.error !== error) return endOfError(error);
    const { trailers } = this.#lastEnd;
    const isLost = error.code === "WORKER_LOST" || error.code === "WORKER_UNREACHABLE";
    // A director that the call went through has said already which worker it was.
    if (isLost && trailers.text(HEDDLE_KEYS.worker) === undefined) {
      const what = error.message.slice(error.code.length + 3);
      const after = this.#accepted ? ", after it had taken the call" : "";
      return endOfError(new FabricError(error.code, `worker ${this.#servedBy}: ${what}${after}`));
    }
    // What the transport made of it (a deadline, a message too large) has no trailers that would name it.
    const isNamed = error.code === "REMOTE" || trailers.text(HEDDLE_KEYS.error) !== undefined;
    return isNamed ? this.#lastEnd : endOfError(error);
  }
}

/** @throws FabricError CANCELLED, which says nothing of the worker, where the leg may not go */
function takePlace({ taken, mustDiffer }: LegPlaces, memberId: string): void {
  if (mustDiffer && taken.has(memberId)) throw new FabricError("CANCELLED", "there is no other worker to hedge on");
  taken.add(memberId);
}

/** What a worker says of one attempt, on its way to the caller. */
class Answer<E extends ConnectedEndpoint> implements CallListener {
  readonly #forwarded: ForwardedCall<E>;
  readonly #call: IncomingCall;

  constructor(forwarded: ForwardedCall<E>, call: IncomingCall) {
    this.#forwarded = forwarded;
    this.#call = call;
  }

  accepted(by: Acceptance): void {
    this.#forwarded.accepted(by);
  }

  headers(metadata: CallMetadata): void {
    this.#forwarded.answerBegins(); // F2
    this.#call.sendHeaders(metadata);
  }

  message(bytes: Uint8Array): void {
    this.#forwarded.answerBegins(); // F2
    if (!this.#call.send(bytes)) this.#forwarded.pauseAnswer(); // F4
  }

  drained(): void {
    this.#call.resume();
  }

  ended(end: CallEnd): void {
    this.#forwarded.attemptEnded(end);
  }
}
