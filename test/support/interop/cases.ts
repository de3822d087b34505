import { compressedCases } from "./compressed-cases";
import type { InteropCases } from "./interop-case";
import { streamCases } from "./stream-cases";
import { unaryCases } from "./unary-cases";

/** Everything that clients in this process run, by the names that the official client gives it. */
export const INTEROP_CASES: InteropCases = { ...unaryCases, ...streamCases, ...compressedCases };

const SINGLE_MESSAGE_CASES = ["client_compressed_streaming", "client_compressed_streaming_noprobe"];
/** For clients that compress all messages of a call or none. */
export const CASES_WITHOUT_FLAGS: InteropCases = Object.fromEntries(
  Object.entries(INTEROP_CASES).filter(([name]) => !SINGLE_MESSAGE_CASES.includes(name)),
);

/** What only servers can be asked that compress answers as a request says. */
export const COMPRESSED_ANSWER_CASES: readonly string[] = ["server_compressed_unary", "server_compressed_streaming"];

/** What only servers can be asked that see whether a request was compressed. */
export const PROBED_REQUEST_CASES: readonly string[] = ["client_compressed_unary", "client_compressed_streaming"];
