import type { FabricError } from "../core/errors";
import { type ErrorCode } from "../core/errors";

/** Says that a service is gone that was there a moment ago: a director that has just started does not know its workers yet. */
const FORGOTTEN: ReadonlySet<ErrorCode> = new Set(["UNKNOWN_SERVICE", "MEMBER_NOT_FOUND"]);

/** What a stream has been through. */
export interface BrokenStream {
  readonly error: FabricError;
  /** Whether a worker had the stream before: a message came, or the call can have run. */
  readonly hadBegun: boolean;
  /** Legs in a row that can have run and brought no new message, this one included. */
  readonly fruitless: number;
  /** Since it broke without a new message. */
  readonly brokenMs: number;
  /** Whether all its requests can be sent again. */
  readonly isReplayable: boolean;
}

export interface ResumeLimits {
  /** Legs in a row that may be lost without a new message: a message that kills its workers must not go through all of them. */
  readonly attemptsMax: number;
  /** How long it may be without a worker. */
  readonly windowMs: number;
}

/**
 * Whether a stream is resumed on another worker.
 * - `no`: its end stands as it is. A status that the handler chose, a deadline, a cancel; or it had not begun, when the rules of any
 *   call apply.
 * - `yes`.
 * - a reason: it could be, but for this.
 */
export function resumeOf(stream: BrokenStream, limits: ResumeLimits): "no" | "yes" | { readonly reason: string } {
  const { error, hadBegun, fruitless, brokenMs, isReplayable } = stream;
  if (!hadBegun || !isOfTheWay(error)) return "no";
  if (!isReplayable) return { reason: "its requests are more than are kept to be sent again" };
  if (fruitless >= limits.attemptsMax)
    return { reason: `${fruitless} workers in a row were lost without a new message` };
  if (brokenMs > limits.windowMs) return { reason: `no worker took it within ${limits.windowMs} ms` };
  return "yes";
}

/** Whether it tells of a worker, or the way to it, and not of the call: another leg may well do better. */
function isOfTheWay(error: FabricError): boolean {
  const { retry, executed } = error.kind;
  return retry === "other-worker" || (retry === "after-backoff" && executed === "no") || FORGOTTEN.has(error.code);
}
