import type { InteropRun } from "./interop-run";

/**
 * Runs that fail and why; what is left out matches all. An entry whose run passes fails the suite, so that none outlives its reason;
 * so does one whose run fails through the director alone, because the reason must be the peer's.
 */
export interface KnownFailure extends Partial<Omit<InteropRun, "failure">> {
  readonly why: string;
}

const NO_GZIP =
  "grpc-go's interop server has no decompressor: it refuses compressed requests with UNIMPLEMENTED, and the director passes them on as they are.";

export const KNOWN_FAILURES: readonly KnownFailure[] = [
  {
    server: "grpc-go",
    testCase: "pick_first_unary",
    why: "grpc-go's interop server does not say who it is (SimpleResponse.server_id), so nobody can tell whether it answered all calls.",
  },
  { server: "grpc-go", testCase: "client_compressed_unary_noprobe", why: NO_GZIP },
  { server: "grpc-go", testCase: "client_compressed_streaming_noprobe", why: NO_GZIP },
];

/** Why this run is expected to fail; undefined when it is not. */
export function reasonFor(run: InteropRun, known: readonly KnownFailure[] = KNOWN_FAILURES): string | undefined {
  return known.find((entry) => matches(entry, run))?.why;
}

function matches({ why: _, ...pattern }: KnownFailure, run: InteropRun): boolean {
  return Object.entries(pattern).every(([key, value]) => run[key as keyof InteropRun] === value);
}
