import type { Clock } from "../../core/clock";
import { LatencyHistogram } from "./latency-histogram";

/** How one call of the load ended. */
export interface CallOutcome {
  /** "" when it was well; else what the report counts it under. */
  readonly failure: string;
  /** What a person should know of the failure. */
  readonly message: string;
  /** Who answered; "" when nobody did, or it is not known. */
  readonly worker: string;
  /** Messages of the answer. */
  readonly answers: number;
}

export interface LoadPlan {
  /** Calls at once: of a closed loop all the time, of an open loop at most. */
  readonly concurrency: number;
  /** Calls that begin each second, whatever comes of the earlier ones; undefined: a closed loop. */
  readonly perSecond: number | undefined;
  readonly durationMs: number | undefined;
  readonly callsMax: number | undefined;
}

export interface LoadParts {
  readonly clock: Clock;
  /** One call, which never rejects. `signal` ends it. */
  call(signal: AbortSignal): Promise<CallOutcome>;
  /** Aborts: no more calls, and those in flight are ended and not counted. */
  readonly interrupted: AbortSignal;
}

export interface Failures {
  count: number;
  /** Of the first. */
  readonly message: string;
}

/** Kinds of failures, and workers, that are told apart; the rest is "other". */
const NAMES_MAX = 1_000;

/**
 * Calls, some at a time (closed loop) or so many a second (open loop).
 *
 * In a closed loop a caller waits for its answer before it asks again, so a stall delays the calls that would have come meanwhile, and they are
 * never measured ("coordinated omission"; Tene, "How NOT to Measure Latency"). In an open loop call `n` is due at `n / perSecond` after the
 * start, and its latency counts from then on, also when it could not begin.
 */
export class BenchLoad {
  readonly latency = new LatencyHistogram();
  readonly failures = new Map<string, Failures>();
  readonly perWorker = new Map<string, number>();
  readonly #parts: LoadParts;
  readonly #plan: LoadPlan;
  readonly #cancel = new AbortController();
  #startedMs = 0;
  #endedMs: number | undefined;
  #begun = 0;
  #ended = 0;
  #failed = 0;
  #answers = 0;
  #inFlight = 0;
  #unsent = 0;
  #wake: (() => void) | undefined;

  constructor(parts: LoadParts, plan: LoadPlan) {
    this.#parts = parts;
    this.#plan = plan;
  }

  get calls(): number {
    return this.#ended;
  }

  get failed(): number {
    return this.#failed;
  }

  get answers(): number {
    return this.#answers;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Calls of an open loop that were due and never began, because as many as may be were in flight. */
  get unsent(): number {
    return this.#unsent;
  }

  get elapsedMs(): number {
    return (this.#endedMs ?? this.#parts.clock.monotonicMs()) - this.#startedMs;
  }

  /** Share of the whole that is done, 0–1. */
  get progress(): number {
    const { durationMs, callsMax } = this.#plan;
    const byTime = durationMs === undefined ? 0 : this.elapsedMs / durationMs;
    const byCalls = callsMax === undefined ? 0 : this.#ended / callsMax;
    return Math.min(1, Math.max(byTime, byCalls));
  }

  /** Resolves when the load is over and no call is in flight. */
  async run(): Promise<void> {
    const { clock, interrupted } = this.#parts;
    this.#startedMs = clock.monotonicMs();
    const stop = () => {
      this.#cancel.abort();
      this.#wake?.();
    };
    interrupted.addEventListener("abort", stop, { once: true });
    if (interrupted.aborted) stop();
    try {
      if (this.#plan.perSecond === undefined) await this.#closedLoop();
      else await this.#openLoop(this.#plan.perSecond);
      while (this.#inFlight > 0) await this.#oneEnded();
    } finally {
      interrupted.removeEventListener("abort", stop);
      this.#endedMs = clock.monotonicMs();
    }
  }

  async #closedLoop(): Promise<void> {
    while (!this.#isOver()) {
      while (this.#inFlight < this.#plan.concurrency && !this.#isOver()) this.#begin(this.#parts.clock.monotonicMs());
      await this.#oneEnded();
    }
  }

  async #openLoop(perSecond: number): Promise<void> {
    const { clock } = this.#parts;
    const dueMs = (number: number) => this.#startedMs + (number * 1_000) / perSecond;
    const { durationMs, callsMax, concurrency } = this.#plan;
    // Every call that is due before the end belongs to it, whenever this loop comes to it.
    const wanted = Math.min(
      durationMs === undefined ? Infinity : Math.ceil((durationMs * perSecond) / 1_000),
      callsMax ?? Infinity,
    );
    while (this.#begun < wanted && !this.#cancel.signal.aborted) {
      const nowMs = clock.monotonicMs();
      while (this.#begun < wanted && dueMs(this.#begun) <= nowMs && this.#inFlight < concurrency) {
        this.#begin(dueMs(this.#begun));
      }
      if (this.#begun === wanted) break;
      const isFull = this.#inFlight >= concurrency;
      if (isFull && durationMs !== undefined && nowMs - this.#startedMs >= durationMs) break;
      if (isFull) await this.#oneEnded();
      else await clock.sleep(dueMs(this.#begun) - nowMs, this.#cancel.signal).catch(() => {});
    }
    if (!this.#cancel.signal.aborted) this.#unsent = wanted - this.#begun;
  }

  #isOver(): boolean {
    const { durationMs, callsMax } = this.#plan;
    if (this.#cancel.signal.aborted) return true;
    if (callsMax !== undefined && this.#begun >= callsMax) return true;
    return durationMs !== undefined && this.#parts.clock.monotonicMs() - this.#startedMs >= durationMs;
  }

  #begin(dueMs: number): void {
    this.#begun += 1;
    this.#inFlight += 1;
    void this.#parts.call(this.#cancel.signal).then((outcome) => {
      this.#inFlight -= 1;
      if (!this.#cancel.signal.aborted) this.#count(outcome, this.#parts.clock.monotonicMs() - dueMs);
      this.#wake?.();
    });
  }

  #count({ failure, message, worker, answers }: CallOutcome, latencyMs: number): void {
    this.#ended += 1;
    this.#answers += answers;
    this.latency.observe(latencyMs);
    const who = this.perWorker.has(worker) || this.perWorker.size < NAMES_MAX ? worker : "other";
    this.perWorker.set(who, (this.perWorker.get(who) ?? 0) + 1);
    if (failure === "") return;
    this.#failed += 1;
    const what = this.failures.has(failure) || this.failures.size < NAMES_MAX ? failure : "other";
    const known = this.failures.get(what);
    if (known) known.count += 1;
    else this.failures.set(what, { count: 1, message });
  }

  #oneEnded(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      if (this.#inFlight === 0) resolve();
    });
  }
}
