import { CallMetadata } from "../../core/call-metadata";
import { heard, iterableOf } from "./promised-stream";
import type { CallOptions } from "./typed-client";

/** A call that is about to be made: what it is, what its caller said of it, and its request. */
export interface InterceptedCall extends CallOptions {
  /** "/package.Service/Method". */
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  /** The contract says `idempotency_level = IDEMPOTENT` or `NO_SIDE_EFFECTS`. */
  readonly idempotent: boolean;
  /** A message; where the requests are a stream, an iterable of them. */
  readonly request: unknown;
  /** The call's own, to be added to. */
  readonly metadata: CallMetadata;
}

/** Makes the call. Returns what a client's method does: the promise of a message, or an async iterable of them. */
export type NextCall = (call: InterceptedCall) => unknown;

/**
 * Stands around the calls of a client: for credentials, measurement, logs, caches, retries, or to change what is said.
 *
 * `next` makes the call it is given, with whatever is changed in it (`{ ...call, timeoutMs: 500 }`), and may be called again, or not at all.
 * What the interceptor returns takes the answer's place: a message or a promise of one; an async iterable, where the answers are a stream
 * (`call.responseStream`). It may be an `async` function for calls of every kind. A call that fails rejects, or its iterable throws, with
 * a FabricError, which has the status. Who wants to see headers and trailers sets `onHeaders` and `onTrailers` and calls those that were
 * there.
 *
 * A deadline and a signal count for each call of `next` anew.
 */
export type ClientInterceptor = (call: InterceptedCall, next: NextCall) => unknown;

/** What is the same for all calls of a method. */
export type InterceptedMethod = Pick<InterceptedCall, "path" | "requestStream" | "responseStream" | "idempotent">;

/** A client's method with interceptors around it, the first outermost. */
export function interceptedMethod(
  method: InterceptedMethod,
  make: (request: unknown, options: CallOptions) => unknown,
  interceptors: readonly ClientInterceptor[],
): (request: unknown, options?: CallOptions) => unknown {
  const innermost: NextCall = ({ request, ...options }) => make(request, options);
  const composed = interceptors.reduceRight<NextCall>(
    (inside, interceptor) => (call) => interceptor(call, (changed) => heard(inside(changed))),
    innermost,
  );
  return (request, options = {}) => {
    const call = { ...options, ...method, metadata: CallMetadata.copyOf(options.metadata ?? {}), request };
    return method.responseStream ? iterableOf(attempt(composed, call)) : promiseOf(composed, call);
  };
}

/** What is thrown before there is an answer is told like any other failure. */
function attempt(make: NextCall, call: InterceptedCall): unknown {
  try {
    return make(call);
  } catch (error) {
    return heard(Promise.reject(error));
  }
}

async function promiseOf(make: NextCall, call: InterceptedCall): Promise<unknown> {
  return make(call);
}
