import { Backoff } from "../core/backoff";
import type { Cancellation } from "../core/cancellation";
import type { Clock } from "../core/clock";
import { FabricError, asFabricError } from "../core/errors";
import type { Random } from "../core/random";
import { Status } from "../core/status";
import type { Balancer, BalancerRequest } from "./balancer";
import { CallQueue } from "./call-queue";
import type { Accounting, CallOutcome, Endpoint } from "./endpoint";
import { RetryBudget, type RetryBudgetOptions } from "./retry-budget";
import { outcomeOf, retryOf, type RetryLimits } from "./retry-rules";
import { serviceOf } from "./service-index";

export interface DispatchRequest extends BalancerRequest {
  /** Whether the method is marked as safe to run twice. */
  readonly idempotent: boolean;
  /** The caller's deadline on the monotonic clock; none when absent. Bounds waiting and retries; the attempt sees to its own. */
  readonly deadlineMs?: number | undefined;
  /** Aborts when the caller cancels or its deadline passes; `reason` should be a FabricError. */
  readonly signal?: Cancellation | undefined;
}

export interface AttemptContext {
  /** 1 for the first attempt of the call. */
  readonly number: number;
  /** The request's signal. The dispatcher never ends an attempt itself. */
  readonly signal: Cancellation | undefined;
  /** To be called when bytes of the response have gone to the caller: from then on nothing is retried. */
  commit(): void;
}

/**
 * Makes the call on `endpoint`. Settles when the call ENDS, for streams too: until then it holds its slot. Rejects with a
 * FabricError whose code says whether the call can have run; anything else counts as REMOTE and is never retried.
 */
export type Attempt<E extends Endpoint, R> = (endpoint: E, context: AttemptContext) => Promise<R>;

/** How calls are explained for which no endpoint is ready. */
export interface Unready {
  /** Asked before a call is held: an error ends it at once (UNKNOWN_SERVICE, say); undefined holds it. Default: hold. */
  refuse?(request: DispatchRequest): FabricError | undefined;
  /** The error of a call that waited in vain: should say how many workers exist and why each was excluded. */
  explain(request: DispatchRequest): FabricError;
}

export interface DispatcherOptions<E extends Endpoint> extends Partial<RetryLimits> {
  readonly balancer: Balancer<E>;
  readonly clock: Clock;
  readonly random: Random;
  readonly unready?: Unready;
  /** Calls that may wait for an endpoint at once. Default 1,000: some megabytes of requests. Env: HEDDLE_QUEUE_MAX. */
  readonly queueMax?: number;
  /** Longest wait for an endpoint. Default 5,000: a worker restarts within that, and few callers wait longer. */
  readonly queueTimeoutMs?: number;
  readonly retryBudget?: RetryBudgetOptions;
}

export interface DispatcherCounts {
  /** Calls, not attempts. `started` = `ok` + `failed` + `cancelled` + those that have not ended. */
  readonly started: number;
  readonly ok: number;
  readonly failed: number;
  readonly cancelled: number;
  /** Attempts beyond the first of a call. */
  readonly retries: number;
  /** Attempts that run now. */
  readonly inFlight: number;
  /** Calls that wait for an endpoint now. */
  readonly queued: number;
}

/** An endpoint on which a call has begun. */
interface Placement<E extends Endpoint> {
  readonly endpoint: E;
  readonly accounting: Accounting;
}

/** What a call has been through that failed before. */
interface Retries {
  readonly tried: Set<string>;
  backoff: Backoff | undefined;
}

interface FailedRun<E extends Endpoint> {
  readonly endpoint: E;
  readonly context: RunningAttempt;
  readonly failure: FabricError;
}

class RunningAttempt implements AttemptContext {
  readonly number: number;
  readonly signal: Cancellation | undefined;
  committed = false;

  constructor(number: number, signal: Cancellation | undefined) {
    this.number = number;
    this.signal = signal;
  }

  readonly commit = (): void => {
    this.committed = true;
  };
}

const HOLD_AND_SAY_NOTHING: Unready = {
  explain: (request) => new FabricError("NO_READY_WORKER", `no worker is ready for ${request.method}`),
};

/**
 * The loop of every call, whoever makes it: pick, begin, attempt, finish; wait where nobody is ready; retry where that is
 * safe. Knows no transport. Rules:
 * - D1 pick and begin happen in one tick: the next pick sees this call's load.
 * - D2 each begin is finished exactly once, however the attempt ends.
 * - D3 a call that can have run is not run again unless it is idempotent; one whose response has begun never is.
 * - D4 waiting is bounded in number and time, and first come, first served.
 */
export class Dispatcher<E extends Endpoint> {
  readonly #balancer: Balancer<E>;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #unready: Unready;
  readonly #queueMax: number;
  readonly #queueTimeoutMs: number;
  readonly #limits: RetryLimits;
  readonly #budget: RetryBudget;
  readonly #queue = new CallQueue();
  readonly #waiting = new Set<(error: FabricError) => void>();
  readonly #unsubscribe: () => void;
  #closedWith: FabricError | undefined;
  #started = 0;
  #ok = 0;
  #failed = 0;
  #cancelled = 0;
  #retries = 0;
  #inFlight = 0;

  constructor(options: DispatcherOptions<E>) {
    this.#balancer = options.balancer;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#unready = options.unready ?? HOLD_AND_SAY_NOTHING;
    this.#queueMax = options.queueMax ?? 1_000;
    this.#queueTimeoutMs = options.queueTimeoutMs ?? 5_000;
    this.#limits = { attemptsMax: options.attemptsMax ?? 3, refusalsMax: options.refusalsMax ?? 5 };
    this.#budget = new RetryBudget(options.clock, options.retryBudget);
    this.#unsubscribe = options.balancer.onPublish(() => this.#queue.wake());
  }

  get counts(): DispatcherCounts {
    return {
      started: this.#started,
      ok: this.#ok,
      failed: this.#failed,
      cancelled: this.#cancelled,
      retries: this.#retries,
      inFlight: this.#inFlight,
      queued: this.#queue.size,
    };
  }

  /** Ends all waiting with `error`, and refuses calls from now on. Attempts in flight go on. */
  close(error: FabricError): void {
    if (this.#closedWith) return;
    this.#closedWith = error;
    this.#unsubscribe();
    for (const reject of [...this.#waiting]) reject(error);
  }

  /**
   * Makes a call: `attempt` runs on one endpoint after the other until it succeeds or must not be tried again.
   * @throws FabricError the last attempt's, or why there was none
   */
  async dispatch<R>(request: DispatchRequest, attempt: Attempt<E, R>): Promise<R> {
    this.#started += 1;
    this.#budget.deposit();
    const { signal } = request;
    let current = request;
    let retries: Retries | undefined;
    // All in one function: each more that awaits would cost every call a promise and turns of the microtask queue.
    try {
      for (let number = 1; ; number += 1) {
        this.#throwIfOver(request);
        const placement = this.#placeNow(current) ?? (await this.#placeLater(current));
        const context = new RunningAttempt(number, signal);
        this.#inFlight += 1;
        let response: R;
        try {
          if (signal?.aborted) throw abortError(signal); // while it waited to be resumed
          response = await attempt(placement.endpoint, context);
        } catch (error) {
          const failure = signal?.aborted ? abortError(signal) : asFabricError(error, "REMOTE");
          this.#finish(placement, outcomeOf(failure));
          retries ??= { tried: new Set(request.excluded), backoff: undefined };
          await this.#prepareRetry(request, retries, { ...placement, context, failure });
          current = { ...request, excluded: retries.tried };
          continue;
        }
        this.#finish(placement, "ok");
        this.#ok += 1;
        return response;
      }
    } catch (error) {
      if ((error as FabricError).status === Status.CANCELLED) this.#cancelled += 1;
      else this.#failed += 1;
      throw error;
    }
  }

  /** The attempt has ended (D2). */
  #finish(placement: Placement<E>, outcome: CallOutcome): void {
    placement.accounting.finish(outcome);
    this.#inFlight -= 1;
    if (this.#queue.size > 0) this.#queue.wake();
  }

  /** Returns when the call may be tried again. Throws the failure when it must not be (D3). */
  async #prepareRetry(request: DispatchRequest, retries: Retries, failed: FailedRun<E>): Promise<void> {
    const { endpoint, context, failure } = failed;
    const { number, committed } = context;
    const retry = retryOf({ error: failure, number, committed, idempotent: request.idempotent }, this.#limits);
    if (retry === "never" || request.signal?.aborted || this.#closedWith) throw failure;
    if (retry === "budgeted" && !this.#budget.withdraw()) throw failure;
    if (retries.tried.has(endpoint.memberId) && context.number > 1) {
      // Every other one is gone, full or tried too. At once would be the same again, so let things change first.
      retries.backoff ??= new Backoff({ initialMs: 50, maxMs: 1_000 }, this.#random);
      await this.#pause(retries.backoff.nextMs(), request, failure);
    }
    retries.tried.add(endpoint.memberId);
    this.#retries += 1;
  }

  /** Picks and begins in one go (D1); undefined when the call has to wait. */
  #placeNow(request: DispatchRequest): Placement<E> | undefined {
    if (this.#queue.size > 0 && this.#isOthersTurn(laneOf(request))) return undefined; // D4
    return this.#tryPlace(request);
  }

  /** Whether calls that came before still wait. They are tried first: a slot may have been freed that nobody told us of. */
  #isOthersTurn(lane: string): boolean {
    this.#queue.wakeLane(lane);
    return this.#queue.isWaiting(lane);
  }

  #tryPlace(request: DispatchRequest): Placement<E> | undefined {
    const result = this.#balancer.pick(request);
    switch (result.kind) {
      case "picked":
        return { endpoint: result.endpoint, accounting: result.endpoint.begin() };
      case "wait":
        return undefined;
      case "fail":
        throw result.error;
    }
  }

  #placeLater(request: DispatchRequest): Promise<Placement<E>> {
    const refusal = this.#unready.refuse?.(request);
    if (refusal) throw refusal;
    if (this.#queue.size >= this.#queueMax) {
      throw new FabricError(
        "QUEUE_FULL",
        `${this.#queue.size} calls wait for a ready worker already (${request.method})`,
      );
    }
    return new Promise((resolve, reject) => {
      const settle = () => {
        leave();
        cancelTimer();
        this.#waiting.delete(fail);
        request.signal?.removeEventListener("abort", onAbort);
      };
      const fail = (error: unknown) => {
        settle();
        reject(error);
      };
      const onAbort = () => fail(abortError(request.signal!));
      const leave = this.#queue.add(laneOf(request), {
        tryStart: () => {
          try {
            const placement = this.#tryPlace(request);
            if (placement === undefined) return false;
            settle();
            resolve(placement);
          } catch (error) {
            fail(error);
          }
          return true;
        },
      });
      const leftMs = (request.deadlineMs ?? Infinity) - this.#clock.monotonicMs();
      const cancelTimer = this.#clock.after(Math.min(leftMs, this.#queueTimeoutMs), () => {
        const reason = this.#unready.explain(request);
        fail(leftMs <= this.#queueTimeoutMs ? deadlineExceeded(`while it waited: ${reason.message}`) : reason);
      });
      this.#waiting.add(fail);
      request.signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  /** Waits, unless the deadline would pass meanwhile: then the failure that is known is the better answer. */
  async #pause(delayMs: number, request: DispatchRequest, failure: FabricError): Promise<void> {
    if (this.#clock.monotonicMs() + delayMs >= (request.deadlineMs ?? Infinity)) throw failure;
    try {
      await this.#clock.sleep(delayMs, request.signal);
    } catch {
      throw abortError(request.signal!);
    }
  }

  #throwIfOver(request: DispatchRequest): void {
    if (this.#closedWith) throw this.#closedWith;
    if (request.signal?.aborted) throw abortError(request.signal);
    if (request.deadlineMs !== undefined && this.#clock.monotonicMs() >= request.deadlineMs) {
      throw deadlineExceeded(`before ${request.method} was sent`);
    }
  }
}

/** Calls with the same lane could go to the same endpoints. */
function laneOf(request: DispatchRequest): string {
  const { memberId = "", policy = "", match = "" } = request;
  return `${serviceOf(request.method)}\n${memberId}\n${policy}\n${match}`;
}

function abortError(signal: Cancellation): FabricError {
  if (signal.reason instanceof FabricError) return signal.reason;
  return new FabricError("CANCELLED", "the caller cancelled the call", { cause: signal.reason });
}

function deadlineExceeded(when: string): FabricError {
  return new FabricError("DEADLINE_EXCEEDED", `the deadline passed ${when}`);
}
