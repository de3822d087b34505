import type { Acceptance, CallEnd, IncomingCall } from "../core/call";
import { endOfAnswer } from "../core/call-end";
import type { CallMetadata } from "../core/call-metadata";
import type { CancelTimer, Clock } from "../core/clock";
import { HEDDLE_KEYS } from "../core/heddle-metadata";
import type { HedgeAsk } from "../core/hedge-ask";
import { CallLeg, type LegOwner } from "./call-leg";
import { KeptRequests } from "./kept-requests";
import type { LatencyQuantiles } from "./latency-quantile";
import type { RetryBudget } from "./retry-budget";
import type { RetryMemory } from "./retry-memory";
import { pushbackOf } from "./retry-rules";

/** The workers that the legs of a call are on or were. */
export interface LegPlaces {
  readonly taken: Set<string>;
  /** It may only go where none of the others was. */
  readonly mustDiffer: boolean;
}

/** What calls that are hedged have in common. */
export interface HedgeParts {
  readonly clock: Clock;
  readonly budget: RetryBudget;
  readonly latencies: LatencyQuantiles;
  /** Legs of a call whose workers are lost; see RetryLimits. */
  readonly attemptsMax: number;
  readonly retryBufferBytes: number;
  readonly retryMemory: RetryMemory;
}

export interface HedgePlan extends HedgeParts {
  readonly ask: HedgeAsk;
  readonly method: string;
  /** Forwards one leg, which nobody else tries again once it can have run. */
  forward(leg: CallLeg, places: LegPlaces): void;
}

/**
 * Carries a call of an idempotent method to several workers, one after the other while none says anything, and the first answer back
 * (gRFC A6, "Hedging policy"; Dean, Barroso 2013, "The Tail at Scale").
 * - G1 the first leg is made at once; each further one after the delay, on a worker of its own, while the budget lasts and all requests are
 *   kept. A worker's pushback puts it off, or ends hedging.
 * - G2 the first byte of an answer (headers included), or an end that no other worker would change, decides: the other legs are
 *   cancelled, and their slots are free.
 * - G3 a leg that fails where another worker may do better is replaced at once; the call fails when no leg is left.
 */
export function hedgedCall(call: IncomingCall, plan: HedgePlan): void {
  new HedgedCall(call, plan).run();
}

class HedgedCall implements LegOwner {
  readonly #call: IncomingCall;
  readonly #plan: HedgePlan;
  readonly #kept: KeptRequests;
  readonly #startedAtMs: number;
  readonly #taken = new Set<string>();
  readonly #legs = new Set<CallLeg>();
  readonly #full = new Set<CallLeg>();
  #started = 0;
  #first: CallLeg | undefined;
  #winner: CallLeg | undefined;
  #lastEnd: Omit<CallEnd, "error"> | undefined;
  #cancelTimer: CancelTimer | undefined;
  /** A worker wants no more legs, or there is no other worker. */
  #isEnough = false;
  /** No leg before the timer's time, though none may be left. */
  #isPutOff = false;
  #accepted = false;
  #listening = false;
  #over = false;

  constructor(call: IncomingCall, plan: HedgePlan) {
    this.#call = call;
    this.#plan = plan;
    this.#kept = new KeptRequests(plan.retryBufferBytes, plan.retryMemory);
    this.#startedAtMs = plan.clock.monotonicMs();
  }

  run(): void {
    // First, so that whoever is to have the requests is there when they come.
    this.#startLeg();
    this.#call.listen({
      message: (bytes) => {
        this.#kept.keep(bytes);
        for (const leg of this.#legs) leg.request(bytes);
      },
      halfClosed: () => {
        this.#kept.halfClosed();
        for (const leg of this.#legs) leg.halfClose();
      },
      drained: () => this.#winner?.drained(),
      cancelled: () => this.#close(),
    });
    this.#listening = true;
    if (this.#over) this.#sayEnd();
  }

  // ---- LegOwner --------------------------------------------------------------------------------------------------------

  accepted(_leg: CallLeg, by: Acceptance): void {
    if (this.#accepted) return;
    this.#accepted = true;
    this.#call.accept?.(by);
  }

  headers(leg: CallLeg, metadata: CallMetadata): void {
    this.#decide(leg);
    this.#call.sendHeaders(metadata);
  }

  message(leg: CallLeg, bytes: Uint8Array): boolean {
    this.#decide(leg);
    return this.#call.send(bytes);
  }

  ended(leg: CallLeg, end: Omit<CallEnd, "error">): void {
    this.#legs.delete(leg);
    this.#wanted(leg);
    const { error } = endOfAnswer(end.status, end.message, end.trailers);
    const isElsewhere = error?.code === "CANCELLED" && leg !== this.#first; // there was no worker of its own for it
    if (this.#winner === leg || error === undefined || (error.kind.retry === "never" && !isElsewhere)) {
      this.#decide(leg);
      this.#finish(end);
      return;
    }
    if (isElsewhere) this.#isEnough = true;
    else this.#lastEnd = end;
    const pushback = pushbackOf(end.trailers);
    if (pushback === "never") this.#isEnough = true;
    else if (pushback !== undefined) this.#putOff(pushback);
    else if (error.kind.retry === "other-worker") this.#replace(); // G3
    this.#finishIfAlone();
  }

  requestsUnwanted(leg: CallLeg): void {
    this.#full.add(leg);
    this.#call.pause();
  }

  requestsWanted(leg: CallLeg): void {
    this.#wanted(leg);
  }

  // ---- Own -------------------------------------------------------------------------------------------------------------

  #startLeg(): void {
    const { clock, forward } = this.#plan;
    const { timeoutMs } = this.#call;
    const leftMs = timeoutMs && timeoutMs - (clock.monotonicMs() - this.#startedAtMs);
    const leg = new CallLeg(this.#call, leftMs, this);
    const isFirst = this.#started === 0;
    this.#first ??= leg;
    this.#started += 1;
    this.#legs.add(leg);
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#isPutOff = false;
    this.#armDelay();
    forward(leg, { taken: this.#taken, mustDiffer: !isFirst });
    if (!isFirst && !leg.isOver) this.#kept.replay(leg);
  }

  /** G1 */
  #armDelay(): void {
    const { ask, latencies, method } = this.#plan;
    if (this.#started >= ask.attemptsMax) return;
    const delayMs = ask.delayMs === "p95" ? latencies.p95Ms(method) : ask.delayMs;
    if (delayMs !== undefined) this.#arm(delayMs);
  }

  #arm(delayMs: number): void {
    this.#cancelTimer?.();
    this.#cancelTimer = this.#plan.clock.after(delayMs, () => {
      this.#cancelTimer = undefined;
      this.#isPutOff = false;
      if (this.#mayStart(this.#plan.ask.attemptsMax)) this.#startLeg();
      this.#finishIfAlone();
    });
  }

  #putOff(delayMs: number): void {
    this.#isPutOff = true;
    this.#arm(delayMs);
  }

  #replace(): void {
    if (this.#mayStart(Math.max(this.#plan.ask.attemptsMax, this.#plan.attemptsMax))) this.#startLeg();
  }

  #mayStart(attemptsMax: number): boolean {
    if (this.#over || this.#winner !== undefined || this.#isEnough || this.#started >= attemptsMax) return false;
    return this.#kept.isWhole && this.#plan.budget.withdraw();
  }

  #finishIfAlone(): void {
    if (this.#over || this.#legs.size > 0 || this.#isPutOff) return;
    if (this.#lastEnd !== undefined) this.#finish(this.#lastEnd);
  }

  /** G2 */
  #decide(leg: CallLeg): void {
    if (this.#winner !== undefined) return;
    this.#winner = leg;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const { clock, latencies, method, ask } = this.#plan;
    // If another leg was first, the first one would have taken longer than this.
    if (ask.delayMs === "p95") latencies.observe(method, clock.monotonicMs() - this.#startedAtMs);
    this.#kept.drop();
    for (const other of this.#legs) if (other !== leg) other.cancel();
    this.#legs.clear();
    this.#legs.add(leg);
    for (const full of this.#full) if (full !== leg) this.#wanted(full);
  }

  #wanted(leg: CallLeg): void {
    if (this.#full.delete(leg) && this.#full.size === 0 && !this.#over) this.#call.resume();
  }

  #finish(end: Omit<CallEnd, "error">): void {
    if (this.#over) return;
    const trailers = this.#started > 1 ? end.trailers.clone() : end.trailers;
    if (this.#started > 1) trailers.set(HEDDLE_KEYS.attempts, String(this.#started));
    this.#lastEnd = { ...end, trailers };
    this.#close();
    if (this.#listening) this.#sayEnd();
  }

  #sayEnd(): void {
    if (this.#lastEnd !== undefined) this.#call.finish(this.#lastEnd);
  }

  /** Nobody waits for an answer any more. */
  #close(): void {
    this.#over = true;
    this.#cancelTimer?.();
    this.#kept.drop();
    for (const leg of this.#legs) leg.cancel();
    this.#legs.clear();
  }
}
