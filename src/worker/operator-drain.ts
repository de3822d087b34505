import type { DrainOrder } from "../core/attach-messages";
import type { CancelTimer, Clock } from "../core/clock";
import { FabricError } from "../core/errors";
import type { Logger } from "../core/logger";
import type { Admission } from "./admission";
import { logDrainProgress } from "./drain-progress";
import type { DrainSignal } from "./drain-signal";

export interface OperatorDrainParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly label: string;
  readonly admission: Pick<Admission, "inFlight" | "whenIdle" | "failAll">;
  readonly signal: DrainSignal;
  /** Resolves when no director picks this worker any more, or it has been waited for long enough. */
  outOfRouting(signal: AbortSignal): Promise<void>;
  refuse(error: FabricError): void;
  accept(): void;
  /** Lets the director know at once how many calls are left. */
  beat(): void;
}

interface RunningDrain {
  order: DrainOrder;
  /** On the monotonic clock; `undefined` without a deadline. */
  deadlineMs: number | undefined;
  cancelDeadline: CancelTimer;
  readonly stop: AbortController;
}

/**
 * A drain that an operator asked for, at the worker. It goes: out of routing, still serving what comes; then no new calls, and
 * those in flight finish. It ends by the operator's word only, and outlasts the directors:
 * - O1 the worker's code is told before the first call is refused.
 * - O2 the directors learn at once that no call is left, measured here and not by a timer.
 * - O3 an order that comes again (a new Attach stream, another deadline) takes the place of the one before and restarts nothing.
 * - O4 no call is ended unless the order says `force` and its deadline has passed.
 */
export class OperatorDrain {
  readonly #parts: OperatorDrainParts;
  #running: RunningDrain | undefined;

  constructor(parts: OperatorDrainParts) {
    this.#parts = parts;
  }

  begin(order: DrainOrder): void {
    const running = this.#running ?? this.#start(order);
    running.order = order; // O3
    this.#setDeadline(running);
  }

  /** The operator wants the worker to serve again. */
  end(): void {
    if (!this.#running) return;
    this.#parts.logger.info("✅ the drain was cancelled, calls are taken again");
    this.close();
    this.#parts.signal.end();
    this.#parts.accept();
  }

  /** The worker stops, for whatever reason: its own way out has its own grace. */
  close(): void {
    this.#running?.stop.abort();
    this.#running?.cancelDeadline();
    this.#running = undefined;
  }

  #start(order: DrainOrder): RunningDrain {
    const running = { order, deadlineMs: undefined, cancelDeadline: () => {}, stop: new AbortController() };
    this.#running = running;
    void this.#run(running);
    return running;
  }

  async #run(running: RunningDrain): Promise<void> {
    const { logger, label, admission, signal } = this.#parts;
    const { stop } = running;
    const { reason } = running.order;
    signal.begin(`worker ${label} is drained: ${reason}`); // O1
    this.#parts.beat();
    await this.#parts.outOfRouting(stop.signal);
    if (stop.signal.aborted) return;
    this.#parts.refuse(new FabricError("WORKER_DRAINING", `worker ${label} is drained: ${reason}`));
    const progress = new AbortController();
    const over = AbortSignal.any([stop.signal, progress.signal]);
    const { clock } = this.#parts;
    const parts = { clock, logger, inFlight: () => admission.inFlight, deadlineMs: () => running.deadlineMs };
    if (admission.inFlight > 0) void logDrainProgress(parts, { reason }, over);
    await admission.whenIdle();
    progress.abort();
    if (stop.signal.aborted) return;
    running.cancelDeadline();
    logger.info("🚪 drained: no call in flight", { reason });
    this.#parts.beat(); // O2
  }

  #setDeadline(running: RunningDrain): void {
    running.cancelDeadline();
    const { remainingMs } = running.order;
    running.deadlineMs = remainingMs === undefined ? undefined : this.#parts.clock.monotonicMs() + remainingMs;
    if (remainingMs !== undefined) {
      running.cancelDeadline = this.#parts.clock.after(remainingMs, () => this.#deadlinePassed(running));
    }
  }

  #deadlinePassed({ order: { force, reason } }: RunningDrain): void {
    const { logger, admission, label } = this.#parts;
    const { inFlight } = admission;
    if (inFlight === 0) return;
    const what = `⚠️  the deadline of the drain passed with ${inFlight} calls in flight`;
    if (!force) {
      logger.warn(`${what}; they may go on`, { reason });
      return;
    }
    logger.warn(`${what}; they are ended`, { reason });
    const why = `worker ${label} was drained by force (${reason}), and the deadline passed before the call was finished`;
    admission.failAll(new FabricError("DRAIN_DEADLINE", why)); // O4
  }
}
