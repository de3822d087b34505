import type { CallListener, CallStart, IncomingCall, IncomingListener, OutgoingCall } from "../core/call";
import { CallMetadata } from "../core/call-metadata";
import { ERRORS, FabricError, type ErrorCode } from "../core/errors";
import { HEDDLE_KEYS } from "../core/heddle-metadata";
import { Status } from "../core/status";

/**
 * A call of this process, seen from both sides: the application holds the outgoing end, and what forwards calls gets the
 * incoming one, as if it had come over the network. So direct mode is the director's call path inside the client.
 */
export function localCall(
  start: CallStart,
  listener: CallListener,
): { readonly outgoing: OutgoingCall; readonly incoming: IncomingCall } {
  let serving: IncomingListener | undefined;
  let over = false;
  let readerPaused = false;
  let senderPaused = false;

  const outgoing: OutgoingCall = {
    send: (bytes) => {
      if (over) return true;
      serving?.message(bytes);
      return !senderPaused;
    },
    halfClose: () => {
      if (!over) serving?.halfClosed();
    },
    cancel: () => {
      if (over) return;
      over = true;
      serving?.cancelled();
      const error = new FabricError("CANCELLED", "the caller cancelled the call");
      listener.ended({ status: Status.CANCELLED, message: error.message, trailers: new CallMetadata(), error });
    },
    pause: () => {
      readerPaused = true;
    },
    resume: () => {
      if (!readerPaused) return;
      readerPaused = false;
      serving?.drained?.();
    },
  };
  const incoming: IncomingCall = {
    path: start.path,
    metadata: start.metadata,
    timeoutMs: start.timeoutMs,
    peer: "this process",
    listen: (given) => {
      serving = given;
    },
    sendHeaders: (metadata) => {
      if (!over) listener.headers(metadata);
    },
    send: (bytes) => {
      if (!over) listener.message(bytes);
      return !readerPaused;
    },
    finish: (end) => {
      if (over) return;
      over = true;
      if (end.status === Status.OK) listener.ended(end);
      else listener.ended({ ...end, error: errorOf(end.status, end.message, end.trailers) });
    },
    pause: () => {
      senderPaused = true;
    },
    resume: () => {
      if (!senderPaused) return;
      senderPaused = false;
      listener.drained?.();
    },
  };
  return { outgoing, incoming };
}

/** The error that an end stands for: by the code in its trailers, as on the network. */
function errorOf(status: Status, message: string, trailers: CallMetadata): FabricError {
  const named = trailers.text(HEDDLE_KEYS.error);
  const code: ErrorCode = named !== undefined && Object.hasOwn(ERRORS, named) ? (named as ErrorCode) : "REMOTE";
  const prefix = `[${code}] `;
  return new FabricError(code, message.startsWith(prefix) ? message.slice(prefix.length) : message, { status });
}
