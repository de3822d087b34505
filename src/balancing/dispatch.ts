import { Backoff } from "../core/backoff";
import type { CancelTimer, Clock } from "../core/clock";
import { asFabricError, FabricError } from "../core/errors";
import type { Random } from "../core/random";
import { Status } from "../core/status";
import type { Balancer, BalancerRequest } from "./balancer";
import type { CallQueue, QueuedCall } from "./call-queue";
import type { QueueSweep } from "./queue-sweep";
import type { CallObserver, EndedCall } from "./ended-call";
import type { Accounting, Endpoint } from "./endpoint";
import type { Repeat } from "./keyed-attempts";
import type { RetryBudget } from "./retry-budget";
import { outcomeOf, retryOf, type RetryLimits } from "./retry-rules";
import { serviceOf } from "./service-index";

export interface DispatchRequest extends BalancerRequest {
  /** Whether the method is marked as safe to run twice. */
  readonly idempotent: boolean;
  /** What errors name, where `method` is not what was called: "/package.Service/Method". Default: `method`. */
  readonly path?: string | undefined;
  /**
   * Where nobody is ready: true waits until the deadline, false fails at once. Default: waits, but no longer than calls do by default
   * (`queueTimeoutMs`).
   */
  readonly waitForReady?: boolean | undefined;
  /** Set: `DispatchedCall.repeat` has the first say in where the call may be tried again. */
  readonly idempotencyKey?: string | undefined;
}

/** A call that is dispatched: what is asked of it, and what it is told. */
export interface DispatchedCall<E extends Endpoint> {
  readonly request: DispatchRequest;
  /** Time it may take from now on, waiting and retries included; none when undefined. */
  readonly timeoutMs: number | undefined;
  /**
   * Makes the call on `endpoint`, where it holds a slot until `Dispatch.attemptEnded` is told. That must come, but after this
   * returned. `number` is 1 for the first; `timeoutMs` is what is left of the call's.
   */
  attempt(endpoint: E, number: number, timeoutMs: number | undefined): void;
  /** Where a call with an idempotency key may be tried again after an attempt that failed; undefined: where any other may. */
  repeat?(error: FabricError): Repeat | "never" | undefined;
  /** Nobody wants the attempt any more: it should end soon. */
  cancelAttempt(): void;
  /** The call is over: exactly once, and the last that it is told. Without an error, its last attempt succeeded. */
  settled(error: FabricError | undefined): void;
}

/** How calls are explained for which no endpoint is ready. */
export interface Unready {
  /** Asked before a call is held: an error ends it at once (UNKNOWN_SERVICE, say); undefined holds it. Default: hold. */
  refuse?(request: DispatchRequest): FabricError | undefined;
  /** The error of a call that waited in vain: should say how many workers exist and why each was excluded. */
  explain(request: DispatchRequest): FabricError;
}

/** What became of calls; see DispatcherCounts. */
export interface DispatchTally {
  started: number;
  ok: number;
  failed: number;
  cancelled: number;
  retries: number;
  inFlight: number;
}

/** What all calls of a dispatcher have in common. */
export interface DispatchParts<E extends Endpoint> {
  readonly balancer: Balancer<E>;
  readonly clock: Clock;
  readonly random: Random;
  readonly unready: Unready;
  readonly limits: RetryLimits;
  readonly budget: RetryBudget;
  readonly queue: CallQueue<Dispatch<E>>;
  /** Of that queue. */
  readonly sweep: QueueSweep;
  readonly queueMax: number;
  readonly queueTimeoutMs: number;
  readonly tally: DispatchTally;
  readonly observer: CallObserver | undefined;
  /** Set once the dispatcher is closed. */
  closedWith: FabricError | undefined;
}

/** What a call has been through that failed before. */
interface Retries {
  readonly tried: Set<string>;
  backoff: Backoff | undefined;
  /** The failure after which the call can have run, which it must not do twice. */
  mayHaveRun: FabricError | undefined;
}

/**
 * How early a worker's DEADLINE_EXCEEDED may come to be that of the call's own deadline, or a tenth of the call's time if that is more:
 * timers of a process that is busy for a while run early by as much, since they count from the turn in which they were set.
 */
const EARLY_MS = 100;
/** The same for a stream that was lost, as servers do reset it then. Short, since one that was lost for another reason may be tried again. */
const EARLY_RESET_MS = 20;

/**
 * The course of one call: pick, begin, attempt, finish; wait where nobody is ready; retry where that is safe. Knows no
 * transport. A call that finds an endpoint at once gets there within `start`, without a promise or a turn of the loop. Rules:
 * - D1 pick and begin happen in one tick: the next pick sees this call's load.
 * - D2 each begin is finished exactly once, however the attempt ends.
 * - D3 a call that can have run is not run again unless it is idempotent, or a worker that remembers it gets it again; one whose
 *   response has begun never is. No later failure hides that it can have run.
 * - D4 waiting is bounded in number and time, and first come, first served.
 */
export class Dispatch<E extends Endpoint> implements QueuedCall, EndedCall {
  readonly #parts: DispatchParts<E>;
  readonly #call: DispatchedCall<E>;
  /** The call's own request, and after a failure what was tried besides. */
  #asked: DispatchRequest;
  #deadlineMs = Infinity;
  #cancelDeadline: CancelTimer | undefined;
  #attempts = 0;
  /** Of the attempt that runs, or ran last. */
  #endpoint: E | undefined;
  /** Set while an attempt runs. */
  #accounting: Accounting | undefined;
  #committed = false;
  #retries: Retries | undefined;
  /** Set while the call waits for an endpoint or between attempts. */
  #stopWaiting: (() => void) | undefined;
  #cancelledWith: FabricError | undefined;
  #over = false;
  /** Of the attempt that runs, or ran last. */
  #attempt: Accounting | undefined;
  /** When it began, if that was not with the attempt that ran last. */
  #beganAtMs: number | undefined;
  #endedAtMs = 0;
  /** Whether the call ended with that attempt. */
  #endedInAttempt = false;
  #status: Status = Status.OK;

  constructor(parts: DispatchParts<E>, call: DispatchedCall<E>) {
    this.#parts = parts;
    this.#call = call;
    this.#asked = call.request;
    parts.tally.started += 1;
  }

  /** Once. */
  start(): void {
    if (this.#over) return; // it was cancelled before
    const { budget, clock, closedWith } = this.#parts;
    const { timeoutMs } = this.#call;
    budget.deposit();
    if (closedWith !== undefined) return this.#settle(closedWith);
    if (timeoutMs !== undefined) {
      if (timeoutMs <= 0) return this.#settle(this.#overdue());
      this.#deadlineMs = clock.monotonicMs() + timeoutMs;
      this.#cancelDeadline = clock.after(timeoutMs, () => this.#expire());
    }
    this.#place();
  }

  /** Bytes of the response have gone to the caller: from now on nothing is retried. */
  commit(): void {
    this.#committed = true;
  }

  /** The caller wants no answer any more. Waiting ends at once, an attempt as soon as it can; the first reason counts. */
  cancel(reason: FabricError): void {
    if (this.#accounting === undefined) return this.#settle(reason);
    if (this.#cancelledWith !== undefined) return;
    this.#cancelledWith = reason;
    this.#call.cancelAttempt();
  }

  /**
   * The attempt that ran is over. Its error says whether the call can have run. Told twice, the first counts.
   * @param pushback - see `pushbackOf`
   */
  attemptEnded(error: FabricError | undefined, pushback?: number | "never"): void {
    const accounting = this.#accounting;
    if (accounting === undefined) return;
    const { tally, queue, sweep } = this.#parts;
    const failure = error && (this.#cancelledWith ?? this.#asDeadline(error));
    this.#accounting = undefined;
    const nowMs = accounting.finish(failure ? outcomeOf(failure) : "ok"); // D2
    tally.inFlight -= 1;
    if (queue.size > 0) sweep.wakeSoon();
    if (failure === undefined || pushback === "never" || this.#committed) return this.#settle(failure, nowMs);
    const { idempotencyKey } = this.#call.request;
    const repeat = idempotencyKey === undefined ? undefined : this.#call.repeat?.(failure);
    if (repeat === "never" || !this.#mayRetry(failure, repeat)) this.#settle(failure, nowMs);
    else this.#retry(failure, repeat, pushback);
  }

  /** Picks and begins in one go (D1); false when there is nobody to begin on. */
  tryStart(): boolean {
    if (this.#over || this.#accounting !== undefined) return true;
    const result = this.#parts.balancer.pick(this.#asked);
    if (result.kind === "wait") return false;
    this.#stopWaiting?.();
    if (result.kind === "picked") this.#begin(result.endpoint);
    else this.#settle(result.error);
    return true;
  }

  // ---- EndedCall -------------------------------------------------------------------------------------------------------

  get method(): string {
    return this.#call.request.method;
  }

  get memberId(): string {
    return this.#endpoint === undefined ? "" : this.#endpoint.memberId;
  }

  get status(): Status {
    return this.#status;
  }

  get attempts(): number {
    return this.#attempts;
  }

  get startedAtMs(): number {
    return this.#beganAtMs ?? (this.#attempt === undefined ? this.#endedAtMs : this.#attempt.startedAtMs);
  }

  get endedAtMs(): number {
    return this.#endedAtMs;
  }

  get attemptMs(): number | undefined {
    if (!this.#endedInAttempt || this.#status === Status.CANCELLED) return undefined;
    return this.#endedAtMs - this.#attempt!.startedAtMs;
  }

  // ----------------------------------------------------------------------------------------------------------------------

  #place(): void {
    const { queue } = this.#parts;
    if (queue.size > 0 && this.#isOthersTurn()) this.#hold();
    else if (!this.tryStart()) this.#hold();
  }

  /** D4: calls that came before are tried first, since a slot may have been freed that nobody told us of. */
  #isOthersTurn(): boolean {
    const { queue } = this.#parts;
    const lane = laneOf(this.#asked);
    queue.wakeLane(lane);
    return queue.isWaiting(lane);
  }

  #begin(endpoint: E): void {
    const accounting = endpoint.begin();
    this.#accounting = accounting;
    this.#endpoint = endpoint;
    this.#attempt = accounting;
    this.#attempts += 1;
    this.#parts.tally.inFlight += 1;
    const isTimed = this.#deadlineMs !== Infinity;
    const leftMs = isTimed ? Math.max(1, this.#deadlineMs - accounting.startedAtMs) : undefined;
    try {
      this.#call.attempt(endpoint, this.#attempts, leftMs);
    } catch (error) {
      this.attemptEnded(asFabricError(error, "REMOTE"));
    }
  }

  /** Waits for an endpoint, unless that is in vain or too many do (D4). */
  #hold(): void {
    const { clock, queue, queueMax, queueTimeoutMs, unready } = this.#parts;
    const request = this.#asked;
    const refusal = unready.refuse?.(request) ?? (queue.size < queueMax ? undefined : this.#queueFull());
    if (refusal) return this.#settle(refusal);
    if (request.waitForReady === false) return this.#settle(unready.explain(request));
    this.#beganAtMs ??= clock.monotonicMs();
    const leave = queue.add(laneOf(request), this);
    const isPatient = request.waitForReady === true;
    const cancelTimer = isPatient
      ? undefined
      : clock.after(queueTimeoutMs, () => this.#settle(unready.explain(request)));
    this.#stopWaiting = () => {
      this.#stopWaiting = undefined;
      leave();
      cancelTimer?.();
    };
  }

  #mayRetry(error: FabricError, repeat: Repeat | undefined): boolean {
    const { budget, closedWith, limits } = this.#parts;
    if (this.#cancelledWith !== undefined || closedWith !== undefined) return false;
    if (repeat !== undefined) {
      const attemptsMax = error.kind.executed === "no" ? limits.refusalsMax : limits.attemptsMax;
      return this.#attempts < attemptsMax && (repeat.free || budget.withdraw()); // D3
    }
    const { idempotent } = this.#call.request;
    const retry = retryOf({ error, number: this.#attempts, committed: this.#committed, idempotent }, limits);
    return retry === "free" || (retry === "budgeted" && budget.withdraw()); // D3
  }

  #retry(failure: FabricError, repeat: Repeat | undefined, pushbackMs: number | undefined): void {
    const { request } = this.#call;
    const { memberId } = this.#endpoint!;
    this.#beganAtMs ??= this.#attempt!.startedAtMs;
    const retries = (this.#retries ??= {
      tried: new Set(request.excluded),
      backoff: undefined,
      mayHaveRun: undefined,
    });
    const isBack = this.#attempts > 1 && retries.tried.has(memberId);
    if (repeat?.free !== true) retries.tried.add(memberId);
    if (!request.idempotent && failure.kind.executed !== "no") retries.mayHaveRun ??= failure;
    this.#asked = { ...(repeat?.at ?? request), excluded: retries.tried };
    // Every other one is gone, full or tried too. At once would be the same again, so let things change first.
    if (isBack || pushbackMs !== undefined) this.#pause(retries, failure, pushbackMs);
    // When a connection breaks, all its calls end before the picker knows. So that none goes there again:
    else queueMicrotask(() => this.#tryAgain());
  }

  /** Waits, unless the deadline would pass meanwhile: then the failure that is known is the better answer. */
  #pause(retries: Retries, failure: FabricError, pushbackMs: number | undefined): void {
    const { clock, random } = this.#parts;
    retries.backoff ??= new Backoff({ initialMs: 50, maxMs: 1_000 }, random);
    const delayMs = pushbackMs ?? retries.backoff.nextMs();
    if (clock.monotonicMs() + delayMs >= this.#deadlineMs) return this.#settle(failure);
    this.#stopWaiting = clock.after(delayMs, () => {
      this.#stopWaiting = undefined;
      this.#tryAgain();
    });
  }

  #tryAgain(): void {
    if (this.#over) return;
    const { clock, closedWith, tally } = this.#parts;
    tally.retries += 1;
    if (closedWith !== undefined) this.#settle(closedWith);
    else if (clock.monotonicMs() >= this.#deadlineMs) this.#settle(this.#overdue());
    else this.#place();
  }

  /** The worker has the same deadline, and may see it pass a moment before this process does: that is no verdict of its own. */
  #asDeadline(error: FabricError): FabricError {
    const timeoutMs = this.#call.timeoutMs ?? 0;
    const leftMs = this.#deadlineMs - this.#parts.clock.monotonicMs();
    const isItsAnswer = error.status === Status.DEADLINE_EXCEEDED && leftMs <= Math.max(EARLY_MS, timeoutMs / 10);
    const isItsReset = error.code === "WORKER_LOST" && leftMs <= Math.min(EARLY_RESET_MS, timeoutMs / 10);
    return isItsAnswer || isItsReset ? this.#tookTooLong() : error;
  }

  #tookTooLong(): FabricError {
    return deadlineExceeded(`${nameOf(this.#call.request)} took too long`);
  }

  #expire(): void {
    if (this.#stopWaiting === undefined) return this.cancel(this.#tookTooLong());
    const { message } = this.#parts.unready.explain(this.#asked);
    this.cancel(deadlineExceeded(`the deadline passed while it waited: ${message}`));
  }

  /** @param attemptEndedAtMs - given where an attempt has just ended, and the call with it */
  #settle(error: FabricError | undefined, attemptEndedAtMs?: number): void {
    if (this.#over) return;
    this.#over = true;
    this.#stopWaiting?.();
    this.#cancelDeadline?.();
    const { tally, observer } = this.#parts;
    if (error === undefined) tally.ok += 1;
    else if (error.status === Status.CANCELLED) tally.cancelled += 1;
    else tally.failed += 1;
    const mayHaveRun = error?.kind.executed === "no" ? this.#retries?.mayHaveRun : undefined; // D3
    const told = mayHaveRun ?? error;
    if (observer !== undefined) {
      if (told !== undefined) this.#status = told.status;
      this.#endedInAttempt = attemptEndedAtMs !== undefined;
      this.#endedAtMs = attemptEndedAtMs ?? this.#parts.clock.monotonicMs();
      observer.callEnded(this);
    }
    this.#call.settled(told);
  }

  #overdue(): FabricError {
    return deadlineExceeded(`the deadline passed before ${nameOf(this.#call.request)} was sent`);
  }

  #queueFull(): FabricError {
    const { size } = this.#parts.queue;
    return new FabricError(
      "QUEUE_FULL",
      `${size} calls wait for a ready worker already (${nameOf(this.#call.request)})`,
    );
  }
}

/** Calls with the same lane could go to the same endpoints. An idempotency key has one owner, so its calls wait for nobody else's. */
function laneOf(request: DispatchRequest): string {
  const { memberId = "", policy = "", match = "", idempotencyKey = "" } = request;
  return `${serviceOf(request.method)}\n${memberId}\n${policy}\n${match}\n${idempotencyKey}`;
}

function deadlineExceeded(message: string): FabricError {
  return new FabricError("DEADLINE_EXCEEDED", message);
}

function nameOf({ path, method }: DispatchRequest): string {
  return path?.slice(1) ?? method;
}
