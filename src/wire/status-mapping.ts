import type { StatusObject } from "@grpc/grpc-js";

import type { CallEnd } from "../core/call";
import { endOfError, safeMessage } from "../core/call-end";
import { CallMetadata } from "../core/call-metadata";
import { CallError, ERRORS, FabricError, messageOf, type ErrorCode } from "../core/errors";
import { HEDDLE_KEYS } from "../core/heddle-metadata";
import { Status } from "../core/status";
import { fromGrpcMetadata } from "./metadata";

/** What a handler threw, as a status. Only CallError chooses its own; of anything else the message is passed on. */
export function endOfHandlerError(error: unknown): Omit<CallEnd, "error"> {
  if (error instanceof CallError) {
    return { status: error.status, message: safeMessage(error.message), trailers: new CallMetadata() };
  }
  return endOfError(new FabricError("HANDLER_FAILED", messageOf(error), { cause: error }));
}

/** Set by grpc-js where no answer of the peer exists; a peer's own trailers always carry at least the content type. */
function isMadeByTransport(status: StatusObject, headersReceived: boolean): boolean {
  if (Object.keys(status.metadata.getMap()).length > 0) return false;
  return (
    !headersReceived ||
    /^(Connection dropped|Call cancelled|Cancelled on client|Deadline exceeded|Received RST_STREAM|Stream refused)/.test(
      status.details,
    )
  );
}

/** Reasons for which grpc-js gives up a call that never left this process, or that the peer provably did not start. */
const NEVER_STARTED =
  /^(No connection established|Name resolution|Stream refused by server|Channel (closed|has been shut down)|The connection was closed before)/;

/** What grpc-js says, at either end, of a message over the limit: before or after the headers, with or without trailers. */
const TOO_LARGE = /message larger than max|message with a size larger than/;

function errorCodeOf(status: StatusObject, headersReceived: boolean, cancelledHere: boolean): ErrorCode {
  if (isMadeByTransport(status, headersReceived)) {
    if (cancelledHere) return "CANCELLED";
    if (status.code === (Status.DEADLINE_EXCEEDED as number)) return "DEADLINE_EXCEEDED";
    if (NEVER_STARTED.test(status.details)) return "WORKER_UNREACHABLE";
    if (isTooLarge(status)) return "MESSAGE_TOO_LARGE";
    return "WORKER_LOST";
  }
  const named = status.metadata.get(HEDDLE_KEYS.error)[0];
  if (typeof named === "string" && Object.hasOwn(ERRORS, named)) return named as ErrorCode;
  return isTooLarge(status) ? "MESSAGE_TOO_LARGE" : "REMOTE";
}

function isTooLarge({ code, details }: StatusObject): boolean {
  return code === (Status.RESOURCE_EXHAUSTED as number) && TOO_LARGE.test(details);
}

/** The end of an outgoing call, with what it means for a retry. */
export function endOfStatus(status: StatusObject, headersReceived: boolean, cancelledHere: boolean): CallEnd {
  const code = status.code as Status;
  const trailers = fromGrpcMetadata(status.metadata);
  if (code === Status.OK) return { status: code, message: "", trailers };
  const errorCode = errorCodeOf(status, headersReceived, cancelledHere);
  if (errorCode === "WORKER_LOST" || errorCode === "WORKER_UNREACHABLE") {
    // grpc-js reports a worker that was shut down hard as CANCELLED or INTERNAL; for the caller the worker is unavailable.
    const error = new FabricError(errorCode, withoutCode(status.details, errorCode));
    return { status: error.status, message: error.message, trailers, error };
  }
  const error = new FabricError(errorCode, withoutCode(status.details, errorCode), { status: code });
  return { status: code, message: status.details, trailers, error };
}

/** A message that came from a FabricError of the peer already begins with its code; grpc-js appends a note that is empty. */
function withoutCode(details: string, code: ErrorCode): string {
  const prefix = `[${code}] `;
  const text = details.startsWith(prefix) ? details.slice(prefix.length) : details;
  return text.replace(/ Resolution note: $/, "");
}
