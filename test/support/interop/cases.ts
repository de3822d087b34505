import { compressedCases } from "./compressed-cases";
import type { InteropCases } from "./interop-case";
import { streamCases } from "./stream-cases";
import { unaryCases } from "./unary-cases";

/** Everything our grpc-js client runs, by the name that the official client gives it. */
export const INTEROP_CASES: InteropCases = { ...unaryCases, ...streamCases, ...compressedCases };
