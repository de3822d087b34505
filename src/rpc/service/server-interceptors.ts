import type { CallContext } from "./call-context";
import { heard, iterableOf } from "./promised-stream";

/** A method's handler as interceptors see it: of any kind, with its messages decoded. */
export type AnyHandler = (request: unknown, context: CallContext) => unknown;

/**
 * Stands around the handlers of a server: for authentication, measurement, logs, or to change what is said.
 *
 * `request` is a message, or an async iterable of them (`context.requestStream`). `next` runs what is inside, once at most, with the
 * request it is given, and returns its answer: a message or a promise of one, or an async iterable (`context.responseStream`). What the
 * interceptor returns takes its place. It may be an `async` function for methods of every kind. To refuse a call, throw a
 * CallError; what the handler throws comes out of `next`, or of the promise or iterable that it returned.
 *
 * The context is the same object for the interceptors and the handler of one call: what one finds out for another goes into a WeakMap
 * by it. Headers may be set until the first message of the answer is sent, trailers until its end.
 */
export type ServerInterceptor = (
  request: unknown,
  context: CallContext,
  next: (request: unknown) => unknown,
) => unknown;

/** The handler with interceptors around it, the first outermost. Without any it is the same function. */
export function intercept(
  handler: AnyHandler,
  responseStream: boolean,
  interceptors: readonly ServerInterceptor[],
): AnyHandler {
  if (interceptors.length === 0) return handler;
  const composed = interceptors.reduceRight<AnyHandler>(
    (inside, interceptor) => (request, context) =>
      interceptor(request, context, (changed) => heard(inside(changed, context))),
    handler,
  );
  return responseStream ? (request, context) => iterableOf(composed(request, context)) : composed;
}
