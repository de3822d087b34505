import type { IncomingHttpHeaders } from "node:http";

import { FabricError } from "../../core/errors";
import { parseTimeout } from "../../rpc/framing/grpc-timeout";

/**
 * How long a call may take, by `grpc-timeout` ("500m": a number of at most eight digits and H, M, S, m, u or n) and `connect-timeout-ms`; the
 * shorter where both are given. Undefined: as long as its caller stays connected.
 * @throws FabricError INVALID_ARGUMENT
 */
export function deadlineOf(headers: IncomingHttpHeaders): number | undefined {
  const grpc = headers["grpc-timeout"];
  const connect = headers["connect-timeout-ms"];
  if (grpc === undefined && connect === undefined) return undefined;
  return Math.min(
    grpc === undefined ? Infinity : grpcTimeout(grpc),
    connect === undefined ? Infinity : connectTimeout(connect),
  );
}

function grpcTimeout(given: string | string[]): number {
  const timeoutMs = parseTimeout(String(given));
  if (timeoutMs !== undefined) return timeoutMs;
  throw malformed(
    "grpc-timeout",
    given,
    'write at most eight digits and a unit of H, M, S, m, u or n, such as "500m" for 500 ms',
  );
}

function connectTimeout(given: string | string[]): number {
  if (/^[0-9]{1,10}$/.test(String(given))) return Number(given);
  throw malformed("connect-timeout-ms", given, "write milliseconds in at most ten digits");
}

function malformed(header: string, given: string | string[], remedy: string): FabricError {
  return new FabricError("INVALID_ARGUMENT", `${header} is ${JSON.stringify(String(given).slice(0, 40))}: ${remedy}`);
}
