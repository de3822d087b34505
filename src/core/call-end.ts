import type { CallEnd } from "./call";
import { CallMetadata } from "./call-metadata";
import { CallError, ERRORS, FabricError, messageOf, type ErrorCode } from "./errors";
import { HEDDLE_KEYS } from "./heddle-metadata";
import { Status } from "./status";

/** grpc-js percent-encodes the message and a lone surrogate makes that throw; proxies drop long headers. */
const MESSAGE_LENGTH_MAX = 1_024;

/** A status message that any stack can carry. */
export function safeMessage(message: string): string {
  return message.slice(0, MESSAGE_LENGTH_MAX).toWellFormed();
}

/** An error as the status that the caller sees: the code of the fabric's own errors goes along in a trailer. */
export function endOfError(error: FabricError): Omit<CallEnd, "error"> {
  const trailers = new CallMetadata();
  trailers.append(HEDDLE_KEYS.error, error.code);
  if (error.accepted) trailers.append(HEDDLE_KEYS.accepted, "1");
  return { status: error.status, message: safeMessage(error.message), trailers };
}

/** What a handler threw, as a status. Only CallError chooses its own; of anything else the message is passed on. */
export function endOfHandlerError(error: unknown): Omit<CallEnd, "error"> {
  if (error instanceof CallError) {
    return { status: error.status, message: safeMessage(error.message), trailers: new CallMetadata() };
  }
  return endOfError(new FabricError("HANDLER_FAILED", messageOf(error), { cause: error }));
}

/** What stacks that are not ours say of a message over their limit. */
const TOO_LARGE =
  /message larger than max|message with a size larger than|message that decompresses to a size larger than/;

/** Whether a status tells of a message over somebody's limit. */
export function isTooLarge(status: Status, message: string): boolean {
  return status === Status.RESOURCE_EXHAUSTED && TOO_LARGE.test(message);
}

/** The end that a peer gave its answer, with what it means for a retry: a peer that has Heddle's errors names its own. */
export function endOfAnswer(status: Status, message: string, trailers: CallMetadata): CallEnd {
  if (status === Status.OK) return { status, message: "", trailers };
  const code = errorCodeOf(status, message, trailers);
  const isLost = code === "WORKER_LOST" || code === "WORKER_UNREACHABLE";
  // Its message already begins with its code if it came from an error of ours.
  const prefix = `[${code}] `;
  const what = message.startsWith(prefix) ? message.slice(prefix.length) : message;
  const accepted = trailers.text(HEDDLE_KEYS.accepted) !== undefined;
  const error = new FabricError(code, what, isLost ? { accepted } : { status, accepted });
  return { status: error.status, message: isLost ? error.message : message, trailers, error };
}

function errorCodeOf(status: Status, message: string, trailers: CallMetadata): ErrorCode {
  const named = trailers.text(HEDDLE_KEYS.error);
  if (named !== undefined && Object.hasOwn(ERRORS, named)) return named as ErrorCode;
  return isTooLarge(status, message) ? "MESSAGE_TOO_LARGE" : "REMOTE";
}
