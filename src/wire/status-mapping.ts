import type { StatusObject } from "@grpc/grpc-js";

import type { CallEnd } from "../core/call";
import { endOfAnswer, isTooLarge } from "../core/call-end";
import { FabricError, type ErrorCode } from "../core/errors";
import { Status } from "../core/status";
import { fromGrpcMetadata } from "./metadata";

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

/** What became of a call that grpc-js ended by itself. */
function errorCodeOf({ code, details }: StatusObject, cancelledHere: boolean): ErrorCode {
  if (cancelledHere) return "CANCELLED";
  if (code === (Status.DEADLINE_EXCEEDED as number)) return "DEADLINE_EXCEEDED";
  if (NEVER_STARTED.test(details)) return "WORKER_UNREACHABLE";
  if (isTooLarge(code, details)) return "MESSAGE_TOO_LARGE";
  return "WORKER_LOST";
}

/** The end of an outgoing call, with what it means for a retry. */
export function endOfStatus(status: StatusObject, headersReceived: boolean, cancelledHere: boolean): CallEnd {
  const code = status.code as Status;
  const trailers = fromGrpcMetadata(status.metadata);
  if (code === Status.OK || !isMadeByTransport(status, headersReceived)) {
    return endOfAnswer(code, status.details, trailers);
  }
  // grpc-js appends a note that is empty.
  const details = status.details.replace(/ Resolution note: $/, "");
  const errorCode = errorCodeOf(status, cancelledHere);
  // It reports a worker that was shut down hard as CANCELLED or INTERNAL; for the caller the worker is unavailable.
  const isLost = errorCode === "WORKER_LOST" || errorCode === "WORKER_UNREACHABLE";
  const error = new FabricError(errorCode, details, isLost ? {} : { status: code });
  return { status: error.status, message: isLost ? error.message : details, trailers, error };
}
