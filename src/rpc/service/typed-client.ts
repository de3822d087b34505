import { setMaxListeners } from "node:events";

import type {
  Acceptance,
  CallEnd,
  CallListener,
  CallStart,
  MessageCompression,
  MessageEncoding,
  MethodTraits,
  OutgoingCall,
} from "../../core/call";
import { CallMetadata } from "../../core/call-metadata";
import { takeCheckpoint } from "../../core/checkpoint";
import { FabricError } from "../../core/errors";
import { HEDDLE_KEYS } from "../../core/heddle-metadata";
import { MessageQueue } from "../../core/message-queue";
import { positionOf, type ResumePosition, setPosition } from "../../core/resume-position";
import { type ClientInterceptor, interceptedMethod } from "./client-interceptors";
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
  /**
   * Where there is no connection, or nobody who could take the call: true waits until there is, within the deadline; false fails at once
   * with UNAVAILABLE. Default: a fabric's calls wait for 5 s at most, those on a connection of their own for an attempt to connect that is
   * under way.
   */
  readonly waitForReady?: boolean;
  /**
   * How requests of 1 KiB or more are sent; shorter ones, and those that would not become shorter, go as they are. Default: as the client's
   * settings say. With HEDDLE_TRANSPORT=grpc-js those alone count.
   */
  readonly compression?: MessageEncoding | MessageCompression;
  /**
   * Calls with the same key are one: the worker runs it once, and answers the others with the same result, for as long as it lives and
   * HEDDLE_IDEMPOTENCY_WINDOW_MS says. So a call of any method may be tried again when its connection breaks. Unary methods only; 1 to
   * 128 printable ASCII characters, such as a UUID. See docs/clients.md.
   */
  readonly idempotencyKey?: string;
  /**
   * Tries the call on another worker too while the first says nothing for `delayMs` ("p95": longer than 95 % of the method's calls with this
   * option), on up to `attemptsMax` (2) in all; the first answer counts. For methods that are idempotent by contract and take one request;
   * others are refused. See docs/clients.md.
   */
  readonly hedge?: { readonly delayMs: number | "p95"; readonly attemptsMax?: number };
  /** Told when a worker has taken the call, before its handler runs: from then on it counts as begun. That this is not told proves nothing. */
  readonly onAccepted?: (by: Acceptance) => void;
  /**
   * Of a resumable method: goes on after what was had of the stream before, in another program say. `FabricError.sequence` of the
   * call that failed, and `onCheckpoint`, say where that was.
   */
  readonly resume?: Pick<ResumePosition, "afterSequence"> & Partial<ResumePosition>;
  /** Of a resumable method: told each checkpoint before the message that it came with, and the number of that message. */
  readonly onCheckpoint?: (checkpoint: Uint8Array, sequence: number) => void;
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

export interface TypedClientOptions {
  /** Around every call, the first outermost. */
  readonly interceptors?: readonly ClientInterceptor[];
}

export function typedClient<S extends ServiceDefinition>(
  definition: S,
  starter: CallStarter,
  { interceptors = [] }: TypedClientOptions = {},
): TypedClient<S> {
  const client: Record<string, unknown> = {};
  for (const [key, method] of Object.entries(definition.methods)) {
    const path = pathOf(definition, method);
    const traits = traitsOf(method);
    const target = { path, traits, method };
    const make = (request: unknown, options: CallOptions = {}) =>
      method.responseStream
        ? manyAnswers(starter, target, request, options)
        : oneAnswer(starter, target, request, options);
    client[key] = interceptors.length === 0 ? make : interceptedMethod({ path, ...traits }, make, interceptors);
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
    pressure: { highWater: ANSWERS_WAITING_MAX, pause: () => call.pause(), resume: () => call.resume() },
    onReturn: () => call.leave(),
  });
  const call = new TypedCall(starter, target, request, options, answers);
  return answers;
}

/** Waits for the end: only the status tells whether the answer counts. */
function oneAnswer(starter: CallStarter, target: Target, request: unknown, options: CallOptions): Promise<unknown> {
  const answer = new OnlyAnswer(target.path);
  new TypedCall(starter, target, request, options, answer);
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

/** A call that runs. */
class TypedCall implements CallListener {
  readonly #target: Target;
  readonly #options: CallOptions;
  readonly #answers: Answers;
  readonly #call: OutgoingCall;
  /** Of the answers: the number of the latest, 0 before the first. */
  #sequence: number;
  /** They were asked for, and are sent. */
  #takesCheckpoints = false;
  #over = false;
  /** Lets the sender of requests go on. */
  #wake: (() => void) | undefined;

  /** @throws what the codec throws at a request that cannot be encoded: before there is a call to clean up */
  constructor(starter: CallStarter, target: Target, request: unknown, options: CallOptions, answers: Answers) {
    this.#target = target;
    this.#options = options;
    this.#answers = answers;
    this.#sequence = options.resume?.afterSequence ?? 0;
    const single = target.traits.requestStream ? undefined : this.#encode(request);
    const { signal } = options;
    this.#call = starter.start(startOf(target, options), this);
    if (signal?.aborted) this.#cancel();
    else if (signal) this.#cancelWith(signal);
    if (single === undefined) {
      void this.#sendAll(request as AsyncIterable<unknown>);
    } else {
      this.#call.send(single);
      this.#call.halfClose();
    }
  }

  pause(): void {
    this.#call.pause();
  }

  resume(): void {
    this.#call.resume();
  }

  /** Cancels it if it is not over. */
  leave(): void {
    if (!this.#over) this.#cancel();
  }

  // ---- CallListener ----------------------------------------------------------------------------------------------------

  accepted(by: Acceptance): void {
    this.#options.onAccepted?.(by);
  }

  headers(metadata: CallMetadata): void {
    if (this.#options.onCheckpoint) this.#takesCheckpoints = metadata.text(HEDDLE_KEYS.checkpoints) !== undefined;
    this.#options.onHeaders?.(metadata);
  }

  message(bytes: Uint8Array): void {
    this.#sequence += 1;
    let answer: unknown;
    try {
      answer = this.#target.method.responseType.decode(this.#takesCheckpoints ? this.#withoutCheckpoint(bytes) : bytes);
    } catch (error) {
      const what = `${this.#target.path} answered what cannot be decoded`;
      this.#answers.fail(new FabricError("REMOTE", what, { cause: error }));
      this.#cancel();
      return;
    }
    this.#answers.push(answer);
  }

  drained(): void {
    this.#wake?.();
  }

  ended(end: CallEnd): void {
    this.#over = true;
    this.#options.signal?.removeEventListener("abort", this.#cancel);
    this.#wake?.();
    this.#options.onTrailers?.(end.trailers);
    if (end.error) this.#answers.fail(this.#target.traits.responseStream ? this.#counted(end.error) : end.error);
    else this.#answers.end();
  }

  // ---- Own -------------------------------------------------------------------------------------------------------------

  #encode(message: unknown): Uint8Array {
    const { requestType } = this.#target.method;
    return requestType.encode(requestType.fromPartial(message)).finish();
  }

  #withoutCheckpoint(bytes: Uint8Array): Uint8Array {
    const { message, checkpoint } = takeCheckpoint(bytes);
    if (checkpoint !== undefined) this.#options.onCheckpoint?.(Uint8Array.from(checkpoint), this.#sequence);
    return message;
  }

  /** The error of a stream, which says how far it came. What a handler said stays in its words. */
  #counted(error: FabricError): FabricError {
    const { code, status, accepted } = error;
    const sequence = this.#sequence;
    const what = error.message.slice(error.message.startsWith(`[${code}] `) ? code.length + 3 : 0);
    const isOwn = code === "REMOTE" || code === "HANDLER_FAILED" || code === "STREAM_LOST";
    const text = isOwn ? what : `${what} (after ${sequence} ${sequence === 1 ? "message" : "messages"})`;
    return new FabricError(code, text, { status, accepted, sequence, cause: error });
  }

  readonly #cancel = (): void => {
    this.#call.cancel();
    this.#wake?.();
  };

  #cancelWith(signal: AbortSignal): void {
    // One signal may well cancel hundreds of calls at once, which Node takes for a leak from eleven on.
    setMaxListeners(0, signal);
    signal.addEventListener("abort", this.#cancel, { once: true });
  }

  async #sendAll(requests: AsyncIterable<unknown>): Promise<void> {
    try {
      for await (const message of requests) {
        if (this.#over) return;
        if (!this.#call.send(this.#encode(message))) await new Promise<void>((resolve) => (this.#wake = resolve));
      }
      this.#call.halfClose();
    } catch (error) {
      this.#answers.fail(error instanceof Error ? error : new Error(String(error)));
      this.leave();
    }
  }
}

/** @throws FabricError INVALID_ARGUMENT for an option that the method does not have */
function startOf({ path, traits }: Target, options: CallOptions): Parameters<CallStarter["start"]>[0] {
  const { timeoutMs, waitForReady, compression } = options;
  return {
    path,
    traits,
    metadata: metadataOf(path, traits, options),
    timeoutMs,
    waitForReady,
    compression: typeof compression === "string" ? { encoding: compression } : compression,
  };
}

function metadataOf(path: string, traits: MethodTraits, options: CallOptions): CallMetadata {
  const { metadata, idempotencyKey, onAccepted, hedge, resume, onCheckpoint } = options;
  const isKeyless = idempotencyKey === undefined && onAccepted === undefined;
  const isFromBeginning = resume === undefined && onCheckpoint === undefined;
  if (metadata === undefined && isKeyless && hedge === undefined && isFromBeginning) return NO_METADATA;
  const own = CallMetadata.copyOf(metadata ?? NO_METADATA);
  if (!isKeyless) own.set(HEDDLE_KEYS.accept, "1");
  if (idempotencyKey !== undefined) own.set(HEDDLE_KEYS.idempotencyKey, idempotencyKey);
  if (hedge !== undefined) {
    own.set(HEDDLE_KEYS.hedge, hedge.delayMs === "p95" ? "p95" : `${hedge.delayMs}ms`);
    if (hedge.attemptsMax !== undefined) own.set(HEDDLE_KEYS.hedgeAttempts, String(hedge.attemptsMax));
  }
  if (!isFromBeginning) askToResume(path, traits, own, options);
  return own;
}

function askToResume(path: string, { resumable }: MethodTraits, metadata: CallMetadata, options: CallOptions): void {
  const { resume, onCheckpoint } = options;
  if (!resumable) {
    const given = resume === undefined ? "onCheckpoint" : "resume";
    const remedy = "leave it out, or write option (heddle.v1.resumable) = true in the contract";
    throw new FabricError("INVALID_ARGUMENT", `${given} is given, and ${path} is not resumable: ${remedy}`);
  }
  if (resume !== undefined) {
    const { afterSequence, checkpoint, checkpointSequence = afterSequence } = resume;
    setPosition(metadata, { afterSequence, checkpoint, checkpointSequence });
    positionOf(metadata); // says what is wrong with it
  }
  if (onCheckpoint !== undefined) metadata.set(HEDDLE_KEYS.checkpoints, "1");
}

/** Calls share it, and with it what is made of it: nobody changes it. */
const NO_METADATA = new CallMetadata();
