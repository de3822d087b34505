import type { CallEnd, IncomingCall, IncomingListener } from "../../core/call";
import { CallMetadata } from "../../core/call-metadata";
import { asFabricError, CallError, FabricError, messageOf } from "../../core/errors";
import { MessageQueue } from "../../core/message-queue";
import { refuseCall } from "../../core/refuse-call";
import { Status } from "../../core/status";
import { isThenable } from "../../core/thenable";
import type { CallContext } from "./call-context";
import { HandlerContext } from "./handler-context";
import { ResumableAnswer } from "./resumable-answer";

/** One method as the server runs it. */
export interface ServedMethod {
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  /** Whether its stream of answers may be gone on with on another worker. Default: false. */
  readonly resumable?: boolean;
  /** What it throws ends the call, a CallError as it says, anything else with INVALID_ARGUMENT. */
  decode(bytes: Uint8Array): unknown;
  encode(message: unknown): Uint8Array;
  /** Gets a message or an async iterable of them; gives a message, a promise, or an async iterable. */
  handler(request: unknown, context: CallContext): unknown;
  /** What the caller is told of an error that the handler threw. */
  endOfError(error: unknown): Omit<CallEnd, "error">;
}

/** Requests that wait for a handler which reads slowly, before the caller is held back. */
const REQUESTS_WAITING_MAX = 16;

/**
 * Runs a handler for one call of any kind. Whatever the handler does (throw, reject, never read, answer twice by iterating on
 * after a cancel), the call ends exactly once and nothing escapes.
 *
 * The handler starts at the end of the turn in which it can, so that a call whose caller cancels at once (a rapid reset) runs none.
 */
export function serveCall(call: IncomingCall, method: ServedMethod): void {
  let answer: ResumableAnswer | undefined;
  try {
    if (method.resumable === true) answer = new ResumableAnswer(call.metadata);
  } catch (error) {
    refuseCall(call, asFabricError(error, "INVALID_ARGUMENT"));
    return;
  }
  const served = new ServedCall(call, method, answer);
  call.listen(served);
  if (method.requestStream) startThisTurn(served);
}

const starting: ServedCall[] = [];

function startThisTurn(call: ServedCall): void {
  if (starting.push(call) === 1) queueMicrotask(startAll);
}

function startAll(): void {
  for (const call of starting.splice(0)) call.start();
}

class ServedCall implements IncomingListener {
  readonly #call: IncomingCall;
  readonly #method: ServedMethod;
  readonly #context: HandlerContext;
  /** Of a method that is resumable. */
  readonly #resumable: ResumableAnswer | undefined;
  /** Of a method that takes many requests. */
  readonly #requests: MessageQueue<unknown> | undefined;
  /** Of one that takes one. */
  #request: unknown;
  #requestCount = 0;
  #over = false;
  /** Lets a handler go on that gave more than the caller has read. */
  #wake: (() => void) | undefined;

  constructor(call: IncomingCall, method: ServedMethod, answer: ResumableAnswer | undefined) {
    this.#call = call;
    this.#method = method;
    this.#resumable = answer;
    this.#context = new HandlerContext(call, method, answer);
    if (method.requestStream) {
      this.#requests = new MessageQueue<unknown>({
        pressure: { highWater: REQUESTS_WAITING_MAX, pause: () => call.pause(), resume: () => call.resume() },
      });
    }
  }

  start(): void {
    if (this.#over) return;
    const { handler, responseStream } = this.#method;
    try {
      const answer = handler(this.#requests ?? this.#request, this.#context);
      this.#request = undefined;
      if (responseStream) void this.#answerAll(answer as AsyncIterable<unknown>);
      else if (isThenable(answer)) answer.then(this.#answer, this.#fail);
      else this.#answer(answer);
    } catch (error) {
      this.#fail(error);
    }
  }

  // ---- IncomingListener ------------------------------------------------------------------------------------------------

  message(bytes: Uint8Array): void {
    let request: unknown;
    try {
      request = this.#method.decode(bytes);
    } catch (error) {
      const wrong = endOfUndecoded(error);
      if (this.#requests === undefined) this.#fail(wrong);
      else this.#requests.fail(wrong);
      return;
    }
    if (this.#requests !== undefined) {
      this.#requests.push(request);
      return;
    }
    this.#request = request;
    this.#requestCount += 1;
    if (this.#requestCount > 1) this.#refuseCount();
  }

  halfClosed(): void {
    if (this.#requests !== undefined) this.#requests.end();
    else if (this.#requestCount === 1) startThisTurn(this);
    else this.#refuseCount();
  }

  drained(): void {
    this.#wake?.();
  }

  cancelled(): void {
    const reason = new FabricError("CANCELLED", "the caller cancelled, or its deadline passed");
    this.#over = true;
    this.#context.abort(reason);
    this.#requests?.fail(reason);
    this.#wake?.();
  }

  // ---- Own -------------------------------------------------------------------------------------------------------------

  #refuseCount(): void {
    this.#fail(new CallError(Status.INVALID_ARGUMENT, "a unary method takes exactly one request message"));
  }

  readonly #answer = (message: unknown): void => {
    if (this.#over) return;
    try {
      this.#send(message);
      this.#finish();
    } catch (error) {
      this.#fail(error);
    }
  };

  async #answerAll(answers: AsyncIterable<unknown>): Promise<void> {
    try {
      for await (const message of answers) {
        if (this.#over) return;
        if (this.#send(message)) continue;
        await new Promise<void>((resolve) => (this.#wake = resolve));
        this.#wake = undefined;
      }
      this.#finish();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** False: the caller should read first. */
  #send(message: unknown): boolean {
    const encoded = this.#method.encode(message);
    const bytes = this.#resumable === undefined ? encoded : this.#resumable.next(encoded);
    if (bytes === undefined) return true;
    this.#context.sendHeadersSet();
    return this.#call.send(bytes) || this.#over;
  }

  #finish(): void {
    if (this.#over) return;
    if (this.#resumable !== undefined) {
      this.#resumable.end();
      this.#context.sendHeadersSet();
    }
    this.#over = true;
    this.#call.finish({ status: Status.OK, message: "", trailers: this.#context.trailersWith(NO_TRAILERS) });
  }

  readonly #fail = (error: unknown): void => {
    if (this.#over) return;
    this.#over = true;
    const end = this.#method.endOfError(error);
    this.#call.finish({ ...end, trailers: this.#context.trailersWith(end.trailers) });
    this.#context.abort(error);
    this.#requests?.fail(new FabricError("CANCELLED", "the call is over"));
  };
}

/** One for all, so that what is made of it is made once. Nobody changes it. */
const NO_TRAILERS = new CallMetadata();

function endOfUndecoded(error: unknown): CallError {
  if (error instanceof CallError) return error;
  return new CallError(Status.INVALID_ARGUMENT, `the request cannot be decoded: ${messageOf(error)}`);
}
