import type { Acceptance, CallEnd, IncomingCall, IncomingListener, PeerCertificate } from "../core/call";
import { endOfError } from "../core/call-end";
import type { CallMetadata } from "../core/call-metadata";
import type { CancelTimer, Clock } from "../core/clock";
import { ERRORS, FabricError, type ErrorCode } from "../core/errors";
import { HEDDLE_KEYS } from "../core/heddle-metadata";
import type { WholeRequest } from "./whole-request";

export interface KeyedExecutionParts {
  readonly clock: Clock;
  /** Of the method and the request. */
  readonly hash: string;
  readonly acceptance: Acceptance;
  /** It has ended. `kept` false: it did not run, so there is nothing to be remembered. */
  over(kept: boolean): void;
}

/** How long a handler runs on that nobody waits for: a caller whose connection broke is back within that, or will not come. */
const ABANDONED_MS = 10_000;

/**
 * The one run of all calls with the same key, as the handler sees it: the call that came first, with one request that is there already. It has
 * a life of its own: callers may go away and others take their place. One that nobody waits for any more is cancelled after a while; what
 * it came to is kept all the same, since it ran.
 */
export class KeyedExecution implements IncomingCall {
  readonly path: string;
  readonly metadata: CallMetadata;
  readonly timeoutMs: number | undefined;
  readonly peer: string;
  readonly authority: string | undefined;
  readonly hash: string;
  /** On the monotonic clock; Infinity while it runs. */
  endedAtMs = Infinity;
  readonly #parts: KeyedExecutionParts;
  readonly #certificate: PeerCertificate | undefined;
  readonly #callers = new Set<IncomingCall>();
  #request: Uint8Array | undefined;
  #listener: IncomingListener | undefined;
  #paused = false;
  #halfClosedTold = false;
  #accepted = false;
  #headers: CallMetadata | undefined;
  #answer: Uint8Array | undefined;
  #end: Omit<CallEnd, "error"> | undefined;
  #cancelAbandoned: CancelTimer | undefined;

  constructor(parts: KeyedExecutionParts, first: WholeRequest) {
    const { call } = first;
    this.path = call.path;
    this.metadata = call.metadata;
    this.timeoutMs = call.timeoutMs;
    this.peer = call.peer;
    this.authority = call.authority;
    this.hash = parts.hash;
    this.#parts = parts;
    this.#certificate = call.peerCertificate?.();
    this.#request = first.message;
    this.#add(first);
  }

  /** What its result takes. */
  get resultBytes(): number {
    return (this.#answer?.length ?? 0) + bytesOf(this.#headers) + bytesOf(this.#end?.trailers);
  }

  /** Another call with the same key and request. */
  join(request: WholeRequest): void {
    const { call } = request;
    if (this.#accepted) call.accept?.(this.#parts.acceptance);
    if (this.#end === undefined) {
      this.#add(request);
      return;
    }
    if (this.#headers !== undefined) call.sendHeaders(this.#headers);
    if (this.#answer !== undefined) call.send(this.#answer);
    call.finish(repeated(this.#end));
  }

  // ---- IncomingCall: the handler's side --------------------------------------------------------------------------------

  peerCertificate(): PeerCertificate | undefined {
    return this.#certificate;
  }

  listen(listener: IncomingListener): void {
    this.#listener = listener;
    this.#deliver();
  }

  accept(by: Acceptance): void {
    this.#accepted = true;
    for (const call of this.#callers) call.accept?.(by);
  }

  sendHeaders(metadata: CallMetadata): void {
    this.#headers ??= metadata;
  }

  /** Goes out with the end: a call that joins meanwhile gets the same, and a retry is possible until then. */
  send(bytes: Uint8Array): boolean {
    if (this.#end !== undefined) return true;
    if (this.#answer === undefined) {
      this.#answer = Buffer.from(bytes);
      return true;
    }
    const what = `${HEDDLE_KEYS.idempotencyKey} is for methods with one answer, and ${this.path} has more`;
    this.#answer = undefined;
    this.#cancel(new FabricError("INVALID_ARGUMENT", `${what}: call it without`));
    return true;
  }

  finish(end: Omit<CallEnd, "error">): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#listener = undefined;
    this.#request = undefined;
    this.#cancelAbandoned?.();
    this.endedAtMs = this.#parts.clock.monotonicMs();
    this.#parts.over(this.#accepted && hasRun(end));
    let isFirst = true;
    for (const call of this.#callers) {
      if (this.#headers !== undefined) call.sendHeaders(this.#headers);
      if (this.#answer !== undefined) call.send(this.#answer);
      call.finish(isFirst ? end : repeated(end));
      isFirst = false;
    }
    this.#callers.clear();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#deliver();
  }

  // ---- Own -------------------------------------------------------------------------------------------------------------

  #add(request: WholeRequest): void {
    const { call } = request;
    this.#callers.add(call);
    this.#cancelAbandoned?.();
    this.#cancelAbandoned = undefined;
    request.onGone = () => {
      this.#callers.delete(call);
      if (this.#callers.size > 0 || this.#end !== undefined) return;
      const error = new FabricError("CANCELLED", `nobody waited for ${this.path} any more`);
      this.#cancelAbandoned = this.#parts.clock.after(ABANDONED_MS, () => this.#cancel(error));
    };
  }

  #deliver(): void {
    const request = this.#request;
    if (!this.#paused && request !== undefined && this.#listener !== undefined) {
      this.#request = undefined;
      this.#listener.message(request);
    }
    if (this.#paused || this.#halfClosedTold || this.#request !== undefined || this.#listener === undefined) return;
    this.#halfClosedTold = true;
    this.#listener.halfClosed();
  }

  #cancel(error: FabricError): void {
    const listener = this.#listener;
    this.finish(endOfError(error));
    listener?.cancelled();
  }
}

/** A refusal by what runs the handlers says so by its code. */
function hasRun({ trailers }: Omit<CallEnd, "error">): boolean {
  const code = trailers.text(HEDDLE_KEYS.error);
  return code === undefined || !Object.hasOwn(ERRORS, code) || ERRORS[code as ErrorCode].executed !== "no";
}

function repeated(end: Omit<CallEnd, "error">): Omit<CallEnd, "error"> {
  const trailers = end.trailers.clone();
  trailers.set(HEDDLE_KEYS.repeated, "1");
  return { ...end, trailers };
}

/** As HTTP/2 counts header lists (RFC 9113 §6.5.2). */
function bytesOf(metadata: CallMetadata | undefined): number {
  let bytes = 0;
  for (const [key, value] of metadata?.entries() ?? []) bytes += key.length + value.length + 32;
  return bytes;
}
