import { compressedCases } from "./compressed-cases";
import type { InteropCases } from "./interop-case";
import { streamCases } from "./stream-cases";
import { unaryCases } from "./unary-cases";

/** What a client can be asked that sends no compressed requests, by the names that the official client gives them. */
export const PLAIN_CASES: InteropCases = { ...unaryCases, ...streamCases };

/** Everything that clients in this process run. */
export const INTEROP_CASES: InteropCases = { ...PLAIN_CASES, ...compressedCases };
