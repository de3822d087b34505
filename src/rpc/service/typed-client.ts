import { setMaxListeners } from "node:events";

import type { CallListener, CallStart, MethodTraits, OutgoingCall } from "../../core/call";
import { CallMetadata } from "../../core/call-metadata";
import { FabricError } from "../../core/errors";
import { MessageQueue } from "../../core/message-queue";
import {
  pathOf,
  traitsOf,
  type MethodDefinition,
  type RequestInput,
  type ResponseOf,
  type ServiceDefinition,
} from "./service-definition";

/** What a caller may say about one call. */
export interface CallOptions {
  /** Cancels the call. */
  readonly signal?: AbortSignal;
  /** Ends the call with DEADLINE_EXCEEDED after this long, retries and waiting included. Default: no deadline. */
  readonly timeoutMs?: number;
  readonly metadata?: CallMetadata | Readonly<Record<string, string>>;
  /** Told the initial metadata of the answer. */
  readonly onHeaders?: (headers: CallMetadata) => void;
  /** Told the trailers, also of a failed call. */
  readonly onTrailers?: (trailers: CallMetadata) => void;
}

/** Whatever can carry a call: one connection, or a fabric that chooses one. */
export interface CallStarter {
  start(call: CallStart & { readonly traits: MethodTraits }, listener: CallListener): OutgoingCall;
}

type RequestArgument<M extends MethodDefinition> = M["requestStream"] extends true
  ? AsyncIterable<RequestInput<M>> | Iterable<RequestInput<M>>
  : RequestInput<M>;

type Answer<M extends MethodDefinition> = M["responseStream"] extends true
  ? AsyncIterable<ResponseOf<M>>
  : Promise<ResponseOf<M>>;

/** Promises for single answers, async iterables for streams. A failed call rejects, or throws, a FabricError. */
export type TypedClient<S extends ServiceDefinition> = {
  readonly [K in keyof S["methods"]]: (
    request: RequestArgument<S["methods"][K]>,
    options?: CallOptions,
  ) => Answer<S["methods"][K]>;
};

/** Answers that wait for a reader which is slow, before the worker is held back. */
const ANSWERS_WAITING_MAX = 16;

export function typedClient<S extends ServiceDefinition>(definition: S, starter: CallStarter): TypedClient<S> {
  const client: Record<string, unknown> = {};
  for (const [key, method] of Object.entries(definition.methods)) {
    const path = pathOf(definition, method);
    const traits = traitsOf(method);
    const target = { path, traits, method };
    client[key] = (request: unknown, options: CallOptions = {}) =>
      method.responseStream
        ? manyAnswers(starter, target, request, options)
        : oneAnswer(starter, target, request, options);
  }
  return client as TypedClient<S>;
}

interface Target {
  readonly path: string;
  readonly traits: MethodTraits;
  readonly method: MethodDefinition;
}

/** Where a call's answers go, and how it ended. */
interface Answers {
  push(answer: unknown): void;
  fail(error: Error): void;
  end(): void;
}

/** A reader that leaves early cancels the call. */
function manyAnswers(
  starter: CallStarter,
  target: Target,
  request: unknown,
  options: CallOptions,
): AsyncIterable<unknown> {
  const answers = new MessageQueue<unknown>({
    pressure: { highWater: ANSWERS_WAITING_MAX, pause: () => opened.call.pause(), resume: () => opened.call.resume() },
    onReturn: () => opened.leave(),
  });
  const opened = openCall(starter, target, request, options, answers);
  return answers;
}

/** Waits for the end: only the status tells whether the answer counts. */
function oneAnswer(starter: CallStarter, target: Target, request: unknown, options: CallOptions): Promise<unknown> {
  const answer = new OnlyAnswer(target.path);
  openCall(starter, target, request, options, answer);
  return answer.promise;
}

/** No queue and no iteration: together they cost a unary call more than the pick. */
class OnlyAnswer implements Answers {
  readonly promise: Promise<unknown>;
  readonly #path: string;
  #resolve!: (answer: unknown) => void;
  #reject!: (error: Error) => void;
  #answer: unknown;
  #count = 0;

  constructor(path: string) {
    this.#path = path;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  push(answer: unknown): void {
    this.#answer = answer;
    this.#count += 1;
  }

  fail(error: Error): void {
    this.#reject(error);
  }

  end(): void {
    if (this.#count === 1) this.#resolve(this.#answer);
    else this.#reject(new FabricError("REMOTE", `${this.#path} answered ${this.#count} messages instead of one`));
  }
}

interface OpenedCall {
  readonly call: OutgoingCall;
  /** Cancels it if it is not over. */
  leave(): void;
}

function openCall(
  starter: CallStarter,
  target: Target,
  request: unknown,
  options: CallOptions,
  answers: Answers,
): OpenedCall {
  const { method, path, traits } = target;
  const encode = (message: unknown) => method.requestType.encode(method.requestType.fromPartial(message)).finish();
  // A request that cannot be encoded throws here, before there is a call to clean up.
  const single = method.requestStream ? undefined : encode(request);
  const { signal, timeoutMs } = options;
  let over = false;
  let wake: (() => void) | undefined;
  const cancel = () => {
    call.cancel();
    wake?.();
  };
  const listener: CallListener = {
    headers: (metadata) => options.onHeaders?.(metadata),
    message: (bytes) => {
      try {
        answers.push(method.responseType.decode(bytes));
      } catch (error) {
        answers.fail(new FabricError("REMOTE", `${path} answered what cannot be decoded`, { cause: error }));
        cancel();
      }
    },
    drained: () => wake?.(),
    ended: (end) => {
      over = true;
      signal?.removeEventListener("abort", cancel);
      wake?.();
      options.onTrailers?.(end.trailers);
      if (end.error) answers.fail(end.error);
      else answers.end();
    },
  };
  const metadata = metadataOf(options.metadata);
  const call = starter.start(
    timeoutMs === undefined ? { path, traits, metadata } : { path, traits, metadata, timeoutMs },
    listener,
  );
  const leave = () => {
    if (!over) cancel();
  };
  if (signal?.aborted) cancel();
  else if (signal) {
    // One signal may well cancel hundreds of calls at once, which Node takes for a leak from eleven on.
    setMaxListeners(0, signal);
    signal.addEventListener("abort", cancel, { once: true });
  }

  if (single) {
    call.send(single);
    call.halfClose();
    return { call, leave };
  }
  const pump = async () => {
    for await (const message of request as AsyncIterable<unknown>) {
      if (over) return;
      if (!call.send(encode(message))) await new Promise<void>((resolve) => (wake = resolve));
    }
    call.halfClose();
  };
  pump().catch((error: unknown) => {
    answers.fail(error instanceof Error ? error : new Error(String(error)));
    cancel();
  });
  return { call, leave };
}

function metadataOf(metadata: CallOptions["metadata"]): CallMetadata {
  if (metadata === undefined) return new CallMetadata();
  return metadata instanceof CallMetadata ? metadata.clone() : CallMetadata.of(metadata);
}
