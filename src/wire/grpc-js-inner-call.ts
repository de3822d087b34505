import type { CallEnd, IncomingCall, IncomingListener, PeerCertificate } from "../core/call";
import type { CallMetadata } from "../core/call-metadata";
import { CallError, messageOf } from "../core/errors";
import { MessageQueue } from "../core/message-queue";
import { Status } from "../core/status";
import type { CallContext } from "../rpc/service/call-context";
import type { AnyHandler } from "../rpc/service/server-interceptors";

/** Answers that wait for interceptors which read slowly, before the handler is held back. */
const ANSWERS_WAITING_MAX = 16;

/** What serves calls whose messages are not bytes but what they decode to, as a function that interceptors can stand around. */
export function asHandler(serve: (call: IncomingCall) => void): AnyHandler {
  return (request, context) => {
    const call = new InnerCall(request, context);
    serve(call);
    return context.responseStream ? call.answers : call.only();
  };
}

/** A call that a handler gets from interceptors. What they pass on are its messages, what it sends is their answer. */
class InnerCall implements IncomingCall {
  readonly answers: MessageQueue<unknown>;
  readonly #request: unknown;
  readonly #context: CallContext;
  #listener: IncomingListener | undefined;
  #isFull = false;
  /** Lets requests go on. */
  #resume: (() => void) | undefined;
  #paused = false;
  #over = false;

  constructor(request: unknown, context: CallContext) {
    this.#request = request;
    this.#context = context;
    this.answers = new MessageQueue({
      pressure: {
        highWater: ANSWERS_WAITING_MAX,
        pause: () => (this.#isFull = true),
        resume: () => {
          this.#isFull = false;
          if (!this.#over) this.#listener?.drained?.();
        },
      },
      onReturn: () => this.#cancel(),
    });
  }

  get path(): string {
    return this.#context.path;
  }

  get metadata(): CallMetadata {
    return this.#context.metadata;
  }

  get timeoutMs(): number | undefined {
    return this.#context.timeoutMs;
  }

  get peer(): string {
    return this.#context.peer;
  }

  get authority(): string | undefined {
    return this.#context.authority;
  }

  peerCertificate(): PeerCertificate | undefined {
    return this.#context.peerCertificate();
  }

  /** The answer, where there is one. */
  async only(): Promise<unknown> {
    const messages: unknown[] = [];
    for await (const message of this.answers) messages.push(message);
    if (messages.length === 1) return messages[0];
    throw new CallError(Status.INTERNAL, `the handler of ${this.path} answered ${messages.length} messages`);
  }

  listen(listener: IncomingListener): void {
    this.#listener = listener;
    const { signal } = this.#context;
    if (signal.aborted) this.#cancel();
    else signal.addEventListener("abort", () => this.#cancel(), { once: true });
    if (this.#context.requestStream) void this.#deliverAll(this.#request as AsyncIterable<unknown>);
    else this.#deliver(this.#request);
  }

  sendHeaders(metadata: CallMetadata): void {
    for (const [key, value] of metadata.entries()) this.#context.headers.append(key, value);
    this.#context.sendHeaders();
  }

  send(message: unknown): boolean {
    if (!this.#over) this.answers.push(message);
    return !this.#isFull;
  }

  finish({ status, message, trailers }: Omit<CallEnd, "error">): void {
    if (this.#over) return;
    this.#over = true;
    this.#resume?.();
    for (const [key, value] of trailers.entries()) this.#context.trailers.append(key, value);
    if (status === Status.OK) this.answers.end();
    else this.answers.fail(new CallError(status, message));
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#resume?.();
  }

  /** Bytes to the listener's types only: whoever listens here knows better. */
  #deliver(message: unknown): void {
    this.#listener!.message(message as Uint8Array);
    this.#halfClose();
  }

  async #deliverAll(requests: AsyncIterable<unknown>): Promise<void> {
    try {
      for await (const message of requests) {
        if (this.#over) return;
        this.#listener!.message(message as Uint8Array);
        if (this.#paused) await new Promise<void>((resolve) => (this.#resume = resolve));
      }
      this.#halfClose();
    } catch (error) {
      // The call's own requests fail with the call, of which the context tells; those of an interceptor fail it.
      this.answers.fail(new CallError(Status.INTERNAL, `its requests failed: ${messageOf(error)}`));
      this.#cancel();
    }
  }

  #halfClose(): void {
    if (!this.#over) this.#listener!.halfClosed();
  }

  #cancel(): void {
    if (this.#over) return;
    this.#over = true;
    this.#resume?.();
    this.answers.fail(new CallError(Status.CANCELLED, "the call is over"));
    this.#listener?.cancelled();
  }
}
