import { Status, statusName } from "./status";

/** What a caller must know of an error: may it be tried again, and could the call have run? */
export interface ErrorKind {
  readonly status: Status;
  /**
   * - `never`: the same call fails again.
   * - `other-worker`: another worker (or director) may well succeed now.
   * - `after-backoff`: the same call may succeed later.
   */
  readonly retry: "never" | "other-worker" | "after-backoff";
  /** Whether user code can have run. `no` makes a retry safe for every method; `maybe` only for idempotent ones. */
  readonly executed: "no" | "maybe" | "yes";
  readonly doc: string;
}

/** Every error a caller can see. docs/errors.md is generated from this table. */
export const ERRORS = {
  NO_READY_WORKER: {
    status: Status.UNAVAILABLE,
    retry: "after-backoff",
    executed: "no",
    doc: "No worker serves this method now. The message says how many workers exist and why each is excluded. Start one, or wait for membership to converge.",
  },
  UNKNOWN_SERVICE: {
    status: Status.UNIMPLEMENTED,
    retry: "never",
    executed: "no",
    doc: "No worker, attached now or known before, serves this service. Check the name with `grpcurl … list`.",
  },
  WORKER_UNREACHABLE: {
    status: Status.UNAVAILABLE,
    retry: "other-worker",
    executed: "no",
    doc: "The call was never sent: there was no connection to the worker.",
  },
  WORKER_LOST: {
    status: Status.UNAVAILABLE,
    retry: "other-worker",
    executed: "maybe",
    doc: "The connection broke after the call was sent. It is retried by itself only if the method is marked idempotent.",
  },
  STREAM_LOST: {
    status: Status.UNAVAILABLE,
    retry: "after-backoff",
    executed: "maybe",
    doc: "A resumable stream broke and could not be resumed: no worker took it within HEDDLE_RESUME_WINDOW_MS, or as many as HEDDLE_ATTEMPTS_MAX lost it without a new message, or its requests were more than can be sent again. The message says which. `sequence` of the error, and the trailer `heddle-sequence`, say how many messages came: call again with that position to go on.",
  },
  WORKER_DRAINING: {
    status: Status.UNAVAILABLE,
    retry: "other-worker",
    executed: "no",
    doc: "The worker is leaving and refused the call before running it.",
  },
  DRAIN_DEADLINE: {
    status: Status.UNAVAILABLE,
    retry: "other-worker",
    executed: "maybe",
    doc: "The worker ended the call while it ran: it was being drained with `force`, and the deadline of the drain had passed. It is retried by itself only if the method is marked idempotent.",
  },
  WORKER_FAILED: {
    status: Status.UNAVAILABLE,
    retry: "other-worker",
    executed: "no",
    doc: "The worker is in a simulated failure (WORKER_FAILURE_ENABLED) and refused the call before running it.",
  },
  THREAD_LOST: {
    status: Status.UNAVAILABLE,
    retry: "other-worker",
    executed: "maybe",
    doc: "The worker's thread that had the call (WORKER_THREADS) ended: a handler threw where nobody caught it, called `process.exit`, or took more memory than a thread may have. The message says which. Its other calls end the same way; those of other threads go on. It is retried by itself only if the method is marked idempotent.",
  },
  NO_THREAD: {
    status: Status.UNAVAILABLE,
    retry: "other-worker",
    executed: "no",
    doc: "All threads of the worker (WORKER_THREADS) have ended and are being started again; the call was refused before running. Its log says why they end.",
  },
  WORKER_FULL: {
    status: Status.RESOURCE_EXHAUSTED,
    retry: "other-worker",
    executed: "no",
    doc: "Every slot of the worker is in use; the call was refused before running.",
  },
  WORKER_RESTARTED: {
    status: Status.FAILED_PRECONDITION,
    retry: "never",
    executed: "no",
    doc: "The call asks for a life of the worker (`heddle-life`) that is over, with all that it remembered of idempotency keys. This call was refused before running; the one that it repeats may have run.",
  },
  KEY_REUSED: {
    status: Status.INVALID_ARGUMENT,
    retry: "never",
    executed: "no",
    doc: "The idempotency key belongs to another call: of another method, or with another request. Make a new key for each call that is not a repeat.",
  },
  KEYS_FULL: {
    status: Status.RESOURCE_EXHAUSTED,
    retry: "after-backoff",
    executed: "no",
    doc: "The worker remembers as many results of calls with idempotency keys as it may (HEDDLE_IDEMPOTENCY_KEYS_MAX, HEDDLE_IDEMPOTENCY_MAX_BYTES), and forgets none before its time. Raise a limit, or shorten HEDDLE_IDEMPOTENCY_WINDOW_MS.",
  },
  QUEUE_FULL: {
    status: Status.RESOURCE_EXHAUSTED,
    retry: "after-backoff",
    executed: "no",
    doc: "Too many calls already wait for a ready worker (HEDDLE_QUEUE_MAX).",
  },
  DIRECTOR_UNREACHABLE: {
    status: Status.UNAVAILABLE,
    retry: "after-backoff",
    executed: "no",
    doc: "None of the directors could be reached. The message lists each with its reason.",
  },
  DIRECTOR_STOPPING: {
    status: Status.UNAVAILABLE,
    retry: "other-worker",
    executed: "no",
    doc: "This director is shutting down. Use another one.",
  },
  DIRECTOR_IN_MAINTENANCE: {
    status: Status.UNAVAILABLE,
    retry: "other-worker",
    executed: "no",
    doc: "An operator has this director in maintenance, so it passes no calls to workers. Use another one, or put it back to serving.",
  },
  STORE_UNAVAILABLE: {
    status: Status.UNAVAILABLE,
    retry: "after-backoff",
    executed: "maybe",
    doc: "The store did not answer, so a change that must be durable was not acknowledged. Calls are not affected.",
  },
  STORE_LOCKED: {
    status: Status.FAILED_PRECONDITION,
    retry: "never",
    executed: "no",
    doc: "Another director has the data folder open. Stop it, or give this one its own HEDDLE_DATA_DIR.",
  },
  STORE_UNUSABLE: {
    status: Status.FAILED_PRECONDITION,
    retry: "never",
    executed: "no",
    doc: "The data folder is damaged or cannot be read or written. The message says how. Restore or repair it, or set HEDDLE_DATA_DIR to another one.",
  },
  INVALID_ARGUMENT: {
    status: Status.INVALID_ARGUMENT,
    retry: "never",
    executed: "no",
    doc: "The request is malformed. The message names the field, the value and the remedy. Nothing was changed.",
  },
  MEMBER_NOT_FOUND: {
    status: Status.NOT_FOUND,
    retry: "never",
    executed: "no",
    doc: "No member has this id. `ListMembers` shows those there are.",
  },
  ASSIGNMENT_NOT_FOUND: {
    status: Status.NOT_FOUND,
    retry: "never",
    executed: "no",
    doc: "The assignment was released or has expired. Ask for a new one.",
  },
  AGENT_NOT_FOUND: {
    status: Status.NOT_FOUND,
    retry: "never",
    executed: "no",
    doc: "No agent has this name. `ListAgents` shows those there are.",
  },
  AGENT_EXISTS: {
    status: Status.ALREADY_EXISTS,
    retry: "never",
    executed: "no",
    doc: "An agent of this name exists with other services, parameters, selector or member. Release it first, or take another name. Nothing was changed.",
  },
  AGENTS_FULL: {
    status: Status.RESOURCE_EXHAUSTED,
    retry: "after-backoff",
    executed: "no",
    doc: "The cluster has as many agents as it keeps (10,000). Release some.",
  },
  DUPLICATE_MEMBER: {
    status: Status.ALREADY_EXISTS,
    retry: "never",
    executed: "no",
    doc: "A live worker at another address already has this member id. Give each worker its own WORKER_LABEL or NODE_ID.",
  },
  STALE_INCARNATION: {
    status: Status.FAILED_PRECONDITION,
    retry: "never",
    executed: "no",
    doc: "A newer life of this worker is known. The older one must not come back.",
  },
  SESSION_REPLACED: {
    status: Status.ABORTED,
    retry: "never",
    executed: "no",
    doc: "The same worker opened a newer Attach stream, which takes the place of this one.",
  },
  MEMBER_REMOVED: {
    status: Status.ABORTED,
    retry: "after-backoff",
    executed: "no",
    doc: "An operator removed the member, or it was judged dead. A worker that lives attaches again with a higher incarnation.",
  },
  PROTOCOL_VIOLATION: {
    status: Status.INVALID_ARGUMENT,
    retry: "never",
    executed: "no",
    doc: "The peer broke the rules of the Attach stream: a missing Hello, a second one, a heartbeat out of order.",
  },
  DESCRIPTOR_CONFLICT: {
    status: Status.INVALID_ARGUMENT,
    retry: "never",
    executed: "no",
    doc: "The descriptor set cannot be used: broken, too large, or it redefines a file or symbol that another worker defined differently.",
  },
  LEADER_UNAVAILABLE: {
    status: Status.FAILED_PRECONDITION,
    retry: "after-backoff",
    executed: "no",
    doc: "There is no other director to lead, or this one is not the leader.",
  },
  MESSAGE_TOO_LARGE: {
    status: Status.RESOURCE_EXHAUSTED,
    retry: "never",
    executed: "maybe",
    doc: "A message is over the limit (HEDDLE_MESSAGE_MAX_BYTES). Send it in parts, or raise the limit on every side.",
  },
  METADATA_TOO_LARGE: {
    status: Status.RESOURCE_EXHAUSTED,
    retry: "never",
    executed: "maybe",
    doc: "The metadata of the request, or of its answer, is over what the other side takes: with a director or worker, HEDDLE_HEADER_LIST_MAX_BYTES. Send it in a message, or raise the limit.",
  },
  TOO_MANY_CALLS: {
    status: Status.RESOURCE_EXHAUSTED,
    retry: "after-backoff",
    executed: "no",
    doc: "As many calls are in flight at the director or worker as may be (HEDDLE_CALLS_MAX). Use another one, or raise the limit.",
  },
  CALL_NOT_BEGUN: {
    status: Status.DEADLINE_EXCEEDED,
    retry: "never",
    executed: "maybe",
    doc: "The director or worker ended a call of which only the headers came, with no message and no answer (HEDDLE_FIRST_MESSAGE_TIMEOUT_MS): it held a worker's slot. Send the first message or let the worker send its headers, or raise the limit.",
  },
  CALL_STALLED: {
    status: Status.DEADLINE_EXCEEDED,
    retry: "never",
    executed: "maybe",
    doc: "The director or worker ended a call of which it held messages that the other side did not read for too long (HEDDLE_STALL_TIMEOUT_MS). Read what comes, or raise the limit.",
  },
  CALL_IDLE: {
    status: Status.DEADLINE_EXCEEDED,
    retry: "never",
    executed: "maybe",
    doc: "The director or worker ended a call on which neither side said anything for too long (HEDDLE_CALL_IDLE_TIMEOUT_MS). Let either side speak from time to time, or raise the limit.",
  },
  DEADLINE_EXCEEDED: {
    status: Status.DEADLINE_EXCEEDED,
    retry: "never",
    executed: "maybe",
    doc: "The caller's deadline passed.",
  },
  CANCELLED: {
    status: Status.CANCELLED,
    retry: "never",
    executed: "maybe",
    doc: "The caller cancelled the call.",
  },
  HANDLER_FAILED: {
    status: Status.INTERNAL,
    retry: "never",
    executed: "yes",
    doc: "The worker's handler threw or rejected. Throw a CallError to choose the status.",
  },
  REMOTE: {
    status: Status.UNKNOWN,
    retry: "never",
    executed: "yes",
    doc: "The worker's handler answered with a status of its own, which is passed on as it is.",
  },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERRORS;

export interface FabricErrorOptions {
  readonly cause?: unknown;
  /** Overrides the table's status: for REMOTE, where the worker chose it. */
  readonly status?: Status;
  /** The worker said that it had taken the call. Default: it is not known. */
  readonly accepted?: boolean;
  readonly sequence?: number;
}

/** An error that a caller can see. The message begins with its code: "[WORKER_LOST] w7 …". */
export class FabricError extends Error {
  readonly code: ErrorCode;
  readonly status: Status;
  /** Whether a worker said that it had taken the call (docs/clients.md, "Did it run?"). False proves nothing. */
  readonly accepted: boolean;
  /** Of a stream: the number of the last message that came, 0 for none; where it is resumed, the caller goes on after it. */
  readonly sequence: number | undefined;

  constructor(code: ErrorCode, message: string, options: FabricErrorOptions = {}) {
    super(`[${code}] ${message}`, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "FabricError";
    this.code = code;
    this.status = options.status ?? ERRORS[code].status;
    this.accepted = options.accepted ?? false;
    this.sequence = options.sequence;
  }

  /** Whether user code can have run, as far as it is known of this call. */
  get executed(): ErrorKind["executed"] {
    const { executed } = this.kind;
    return executed === "maybe" && this.accepted ? "yes" : executed;
  }

  get statusName(): string {
    return statusName(this.status);
  }

  get kind(): ErrorKind {
    return ERRORS[this.code];
  }
}

/** A handler's way to end a call with a status of its choice. Anything else that it throws becomes INTERNAL. */
export class CallError extends Error {
  readonly status: Status;

  constructor(status: Status, message: string, options: { cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "CallError";
    this.status = status;
  }
}

/** The message of anything that was thrown. Never throws itself, or an odd error would become a crash where it is reported. */
export function messageOf(error: unknown): string {
  try {
    if (typeof error === "object" && error !== null && "message" in error && typeof error.message === "string") {
      return error.message;
    }
    return String(error);
  } catch {
    return Object.prototype.toString.call(error);
  }
}

/** The one converter from `unknown`, used at every boundary. A FabricError stays itself. */
export function asFabricError(error: unknown, otherwise: ErrorCode): FabricError {
  if (error instanceof FabricError) return error;
  return new FabricError(otherwise, messageOf(error), { cause: error });
}
