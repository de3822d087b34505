import type { CallMetadata } from "../core/call-metadata";
import type { FabricError } from "../core/errors";
import { Status } from "../core/status";
import type { CallOutcome } from "./endpoint";

export interface FailedAttempt {
  readonly error: FabricError;
  /** Attempts made, this one included. */
  readonly number: number;
  /** Whether bytes of the response have reached the caller. */
  readonly committed: boolean;
  /** Whether the method may run twice. */
  readonly idempotent: boolean;
}

export interface RetryLimits {
  /** Attempts of a call that may have run before. Default 3. */
  readonly attemptsMax: number;
  /** Attempts of a call that workers refuse before running it. Default 5: it costs nobody work, so more may be asked. */
  readonly refusalsMax: number;
}

/**
 * Whether a failed call may be tried on another worker.
 * - `never`: it can have run and must not run twice, or no other worker would do better, or the caller has seen a part of it.
 * - `free`: it has not run; every method may be retried.
 * - `budgeted`: it may have run and is idempotent; allowed while the retry budget lasts.
 */
export function retryOf(attempt: FailedAttempt, limits: RetryLimits): "never" | "free" | "budgeted" {
  const { retry, executed } = attempt.error.kind;
  if (attempt.committed || retry !== "other-worker") return "never";
  if (executed === "no") return attempt.number < limits.refusalsMax ? "free" : "never";
  if (executed === "maybe" && attempt.idempotent) return attempt.number < limits.attemptsMax ? "budgeted" : "never";
  return "never";
}

/**
 * What a worker asks for by the trailer "grpc-retry-pushback-ms": how long to wait before the next attempt, or, by any value that is no
 * such time, that there be none (gRFC A6, "Pushback"). Undefined where it asks for nothing.
 */
export function pushbackOf(trailers: CallMetadata): number | "never" | undefined {
  const text = trailers.text("grpc-retry-pushback-ms");
  if (text === undefined) return undefined;
  return /^[0-9]{1,9}$/.test(text) ? Number(text) : "never";
}

const FAULTS_OF_WORKERS: ReadonlySet<Status> = new Set([
  Status.UNAVAILABLE,
  Status.INTERNAL,
  Status.UNKNOWN,
  Status.DEADLINE_EXCEEDED,
  Status.DATA_LOSS,
]);

/**
 * What an error says of the worker. An answer like NOT_FOUND or INVALID_ARGUMENT is the caller's doing, and as good as a
 * success. A full worker counts as failing: it refuses in no time, and would otherwise look like the least busy one.
 */
export function outcomeOf(error: FabricError): CallOutcome {
  if (error.status === Status.CANCELLED) return "cancelled";
  return FAULTS_OF_WORKERS.has(error.status) || error.code === "WORKER_FULL" ? "failed" : "ok";
}
