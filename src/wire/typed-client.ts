import { setMaxListeners } from "node:events";

import type { CallListener, CallStart, MethodTraits, OutgoingCall } from "../core/call";
import { CallMetadata } from "../core/call-metadata";
import { FabricError } from "../core/errors";
import { MessageQueue } from "../core/message-queue";
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
    client[key] = (request: unknown, options: CallOptions = {}) => {
      const answers = openCall(starter, { path, traits, method }, request, options);
      return method.responseStream ? answers : only(answers, path);
    };
  }
  return client as TypedClient<S>;
}

interface Target {
  readonly path: string;
  readonly traits: MethodTraits;
  readonly method: MethodDefinition;
}

/** Starts the call and gives its answers. A reader that leaves early cancels the call. */
function openCall(
  starter: CallStarter,
  target: Target,
  request: unknown,
  options: CallOptions,
): AsyncIterable<unknown> {
  const { method, path, traits } = target;
  const encode = (message: unknown) => method.requestType.encode(method.requestType.fromPartial(message)).finish();
  // A request that cannot be encoded throws here, before there is a call to clean up.
  const single = method.requestStream ? undefined : encode(request);
  let over = false;
  let wake: (() => void) | undefined;
  const cancel = () => {
    call.cancel();
    wake?.();
  };
  const answers = new MessageQueue<unknown>({
    pressure: { highWater: ANSWERS_WAITING_MAX, pause: () => call.pause(), resume: () => call.resume() },
    onReturn: () => {
      if (!over) cancel();
    },
  });
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
      options.signal?.removeEventListener("abort", cancel);
      wake?.();
      options.onTrailers?.(end.trailers);
      if (end.error) answers.fail(end.error);
      else answers.end();
    },
  };
  const call = starter.start(
    {
      path,
      traits,
      metadata: metadataOf(options.metadata),
      ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
    },
    listener,
  );
  if (options.signal?.aborted) cancel();
  else if (options.signal) {
    // One signal may well cancel hundreds of calls at once, which Node takes for a leak from eleven on.
    setMaxListeners(0, options.signal);
    options.signal.addEventListener("abort", cancel, { once: true });
  }

  if (single) {
    call.send(single);
    call.halfClose();
    return answers;
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
  return answers;
}

async function only(answers: AsyncIterable<unknown>, path: string): Promise<unknown> {
  let answer: unknown;
  let count = 0;
  // Read to the end: only the status tells whether the answer counts.
  for await (const message of answers) {
    answer = message;
    count += 1;
  }
  if (count !== 1) throw new FabricError("REMOTE", `${path} answered ${count} messages instead of one`);
  return answer;
}

function metadataOf(metadata: CallOptions["metadata"]): CallMetadata {
  if (metadata === undefined) return new CallMetadata();
  return metadata instanceof CallMetadata ? metadata.clone() : CallMetadata.of(metadata);
}
