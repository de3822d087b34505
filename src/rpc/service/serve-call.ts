import type { CallEnd, IncomingCall } from "../../core/call";
import { CallMetadata } from "../../core/call-metadata";
import { CallError, FabricError, messageOf } from "../../core/errors";
import { MessageQueue } from "../../core/message-queue";
import { Status } from "../../core/status";
import type { CallContext } from "./call-context";

/** One method as the server runs it. */
export interface ServedMethod {
  readonly requestStream: boolean;
  readonly responseStream: boolean;
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
 */
export function serveCall(call: IncomingCall, method: ServedMethod): void {
  const abort = new AbortController();
  const requests = new MessageQueue<unknown>({
    pressure: { highWater: REQUESTS_WAITING_MAX, pause: () => call.pause(), resume: () => call.resume() },
  });
  let wake: (() => void) | undefined;

  call.listen({
    message: (bytes) => {
      try {
        requests.push(method.decode(bytes));
      } catch (error) {
        requests.fail(new CallError(Status.INVALID_ARGUMENT, `the request cannot be decoded: ${messageOf(error)}`));
      }
    },
    halfClosed: () => requests.end(),
    drained: () => wake?.(),
    cancelled: () => {
      const reason = new FabricError("CANCELLED", "the caller cancelled, or its deadline passed");
      abort.abort(reason);
      requests.fail(reason);
      wake?.();
    },
  });

  const { context, takeHeaders } = contextOf(call, abort.signal);
  const send = async (message: unknown): Promise<void> => {
    const bytes = method.encode(message);
    takeHeaders();
    if (call.send(bytes) || abort.signal.aborted) return;
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
    wake = undefined;
  };

  run(method, requests, context, send).then(
    () => call.finish({ status: Status.OK, message: "", trailers: context.trailers }),
    (error: unknown) => {
      const end = method.endOfError(error);
      for (const [key, value] of end.trailers.entries()) context.trailers.append(key, value);
      call.finish({ ...end, trailers: context.trailers });
      abort.abort(error);
    },
  );
}

async function run(
  method: ServedMethod,
  requests: MessageQueue<unknown>,
  context: CallContext,
  send: (message: unknown) => Promise<void>,
): Promise<void> {
  const request = method.requestStream ? requests : await only(requests);
  const answer = method.handler(request, context);
  if (!method.responseStream) {
    await send(await answer);
    return;
  }
  for await (const message of answer as AsyncIterable<unknown>) {
    if (context.signal.aborted) return;
    await send(message);
  }
}

async function only(requests: AsyncIterable<unknown>): Promise<unknown> {
  const messages: unknown[] = [];
  for await (const message of requests) {
    messages.push(message);
    if (messages.length > 1) break;
  }
  if (messages.length === 1) return messages[0];
  throw new CallError(Status.INVALID_ARGUMENT, "a unary method takes exactly one request message");
}

function contextOf(call: IncomingCall, signal: AbortSignal): { context: CallContext; takeHeaders: () => void } {
  const headers = new CallMetadata();
  let headersSent = false;
  const takeHeaders = () => {
    if (headersSent) return;
    headersSent = true;
    if (headers.size > 0) call.sendHeaders(headers);
  };
  const context: CallContext = {
    path: call.path,
    signal,
    timeoutMs: call.timeoutMs,
    metadata: call.metadata,
    headers,
    trailers: new CallMetadata(),
    sendHeaders: () => {
      if (headersSent) return;
      headersSent = true;
      call.sendHeaders(headers);
    },
    peer: call.peer,
  };
  return { context, takeHeaders };
}
