import type { CallEnd } from "./call";
import { CallMetadata } from "./call-metadata";
import type { FabricError } from "./errors";
import { HEDDLE_KEYS } from "./heddle-metadata";

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
  return { status: error.status, message: safeMessage(error.message), trailers };
}
