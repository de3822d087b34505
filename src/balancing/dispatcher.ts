import type { Clock } from "../core/clock";
import { FabricError } from "../core/errors";
import type { Random } from "../core/random";
import type { Balancer } from "./balancer";
import { CallQueue } from "./call-queue";
import { Dispatch, type DispatchedCall, type DispatchParts, type Unready } from "./dispatch";
import type { CallObserver } from "./ended-call";
import type { Endpoint } from "./endpoint";
import { QueueSweep } from "./queue-sweep";
import { RetryBudget } from "./retry-budget";
import type { RetryLimits } from "./retry-rules";

export interface DispatcherOptions<E extends Endpoint> extends Partial<RetryLimits> {
  readonly balancer: Balancer<E>;
  readonly clock: Clock;
  readonly random: Random;
  readonly unready?: Unready;
  /** Calls that may wait for an endpoint at once. Default 1,000: some megabytes of requests. Env: HEDDLE_QUEUE_MAX. */
  readonly queueMax?: number;
  /** Longest wait for an endpoint. Default 5,000: a worker restarts within that, and few callers wait longer. */
  readonly queueTimeoutMs?: number;
  /** May be shared by several dispatchers. Default: its own, with the defaults. */
  readonly retryBudget?: RetryBudget;
  readonly observer?: CallObserver;
  /** Told of each call that begins to wait for an endpoint. */
  readonly onWait?: () => void;
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

const HOLD_AND_SAY_NOTHING: Unready = {
  explain: (request) => new FabricError("NO_READY_WORKER", `no worker is ready for ${request.method}`),
};

/** Sends calls, whoever makes them, to the endpoints that a balancer picks; the rules are those of Dispatch. */
export class Dispatcher<E extends Endpoint> {
  readonly #parts: DispatchParts<E>;
  readonly #unsubscribe: () => void;

  constructor(options: DispatcherOptions<E>) {
    const { balancer, clock, random } = options;
    const queue = new CallQueue<Dispatch<E>>(options.onWait);
    this.#parts = {
      balancer,
      clock,
      random,
      unready: options.unready ?? HOLD_AND_SAY_NOTHING,
      limits: { attemptsMax: options.attemptsMax ?? 3, refusalsMax: options.refusalsMax ?? 5 },
      budget: options.retryBudget ?? new RetryBudget(clock),
      queue,
      sweep: new QueueSweep(queue, clock),
      queueMax: options.queueMax ?? 1_000,
      queueTimeoutMs: options.queueTimeoutMs ?? 5_000,
      tally: { started: 0, ok: 0, failed: 0, cancelled: 0, retries: 0, inFlight: 0 },
      observer: options.observer,
      closedWith: undefined,
    };
    this.#unsubscribe = balancer.onPublish(() => this.#parts.sweep.wake());
  }

  /** What attempts that whoever uses the dispatcher makes by itself should draw on, too. */
  get retryBudget(): RetryBudget {
    return this.#parts.budget;
  }

  get counts(): DispatcherCounts {
    return { ...this.#parts.tally, queued: this.#parts.queue.size };
  }

  /** Calls that wait for an endpoint now, by service. Takes time in proportion to the lanes they wait in. */
  waitingByService(): ReadonlyMap<string, number> {
    const waiting = new Map<string, number>();
    for (const [lane, calls] of this.#parts.queue.sizes()) {
      const service = lane.slice(0, lane.indexOf("\n"));
      waiting.set(service, (waiting.get(service) ?? 0) + calls);
    }
    return waiting;
  }

  /** The course of a call, which is to be started. */
  dispatch(call: DispatchedCall<E>): Dispatch<E> {
    return new Dispatch(this.#parts, call);
  }

  /** An endpoint takes more calls than before, though none of ours has ended: calls that wait may find it. */
  slotsFreed(): void {
    this.#parts.sweep.wakeSoon();
  }

  /** Ends all waiting with `error`, and refuses calls from now on. Attempts in flight go on. */
  close(error: FabricError): void {
    if (this.#parts.closedWith) return;
    this.#parts.closedWith = error;
    this.#unsubscribe();
    this.#parts.sweep.close();
    for (const call of this.#parts.queue.calls()) call.cancel(error);
  }
}
