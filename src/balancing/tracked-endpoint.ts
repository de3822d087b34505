import type { Clock } from "../core/clock";
import { NO_LOAD, type Load, type Tags } from "../core/member";
import type { Accounting, CallOutcome, Endpoint, EndpointObserver, EndpointTopic } from "./endpoint";
import { FailureCharge } from "./failure-charge";
import { LatencyMeter } from "./latency-meter";

/** What the balancer is told of a worker. Changing `services`, `tags` or `standby` takes effect at the next publish. */
export interface EndpointTraits {
  readonly address: string;
  readonly services: Iterable<string>;
  readonly tags: Tags;
  /** 0 means no bound. */
  readonly slots: number;
  readonly standby: boolean;
  readonly reportedLoad: Load;
}

export interface TrackedEndpointOptions {
  readonly clock: Clock;
  /**
   * Time over which a newcomer's share rises to a full one; 0 for none. Default 10,000: what runtimes take to warm up, and
   * the value of Envoy's examples ("slow start mode"). It also keeps a newcomer, which has 0 calls in flight, from being
   * flooded by policies that look for the least busy.
   */
  readonly slowStartMs?: number;
  /** Time in which half of a failure is forgotten. Default 3,000: with the default bounds a worker is trusted again after 25 s. */
  readonly failureHalfLifeMs?: number;
  /** Memory of the latency meters. Default 10,000, Finagle's. */
  readonly latencyDecayMs?: number;
}

export interface EndpointCounts {
  readonly started: number;
  readonly ok: number;
  readonly failed: number;
  readonly cancelled: number;
}

/** The share a newcomer starts with: enough to be measured, too little to hurt. Envoy's min_weight_percent. */
const NEWCOMER_WEIGHT = 0.1;
/** No endpoint's weight falls below, so that none starves. */
const WEIGHT_MIN = 0.05;
/** Say of one report in the estimate of foreign calls. Reports lag behind our own count, so single ones are noise. */
const FOREIGN_GAIN = 0.3;
/** A smaller estimate of foreign calls is noise and counts as none. */
const FOREIGN_FLOOR = 0.5;

interface Observation {
  readonly observer: EndpointObserver;
  readonly position: number;
  next: Observation | undefined;
}

/**
 * An endpoint with meters. Rules:
 * - E1 `inFlight` rises at `begin` and falls exactly once at `finish`, however the call ends.
 * - E2 a cancelled call says nothing about the worker: neither failure nor latency.
 * - E3 a failed call is charged, and its latency counts only where it is bad news (a timeout), never as "fast".
 * - E4 observers hear of a change after it happened.
 */
export class TrackedEndpoint implements Endpoint {
  readonly memberId: string;
  readonly #clock: Clock;
  readonly #slowStartMs: number;
  readonly #latency: LatencyMeter;
  readonly #charge: FailureCharge;
  #address: string;
  #services: ReadonlySet<string>;
  #tags: Tags;
  #slots: number;
  #standby: boolean;
  #reportedLoad: Load;
  #foreignEstimate = 0;
  /** Begun here and not finished. */
  #begun = 0;
  #callsElsewhere = 0;
  #slotsElsewhere = 0;
  /** Of its slots, those that the worker lets this process use. */
  #credit = Infinity;
  /** Calls that may be begun here at once. */
  #limit = Infinity;
  #started = 0;
  #ok = 0;
  #failed = 0;
  #cancelled = 0;
  #joinedAtMs: number;
  /** True while the weight is 1 for certain, which spares reading the clock. */
  #settled = false;
  #loadObservations: Observation | undefined;
  #availabilityObservations: Observation | undefined;

  constructor(memberId: string, traits: Partial<EndpointTraits>, options: TrackedEndpointOptions) {
    this.memberId = memberId;
    this.#clock = options.clock;
    this.#slowStartMs = options.slowStartMs ?? 10_000;
    this.#latency = new LatencyMeter(options.latencyDecayMs ?? 10_000);
    this.#charge = new FailureCharge(options.failureHalfLifeMs ?? 3_000);
    this.#address = traits.address ?? "";
    this.#services = asSet(traits.services ?? []);
    this.#tags = traits.tags ?? {};
    this.#slots = traits.slots ?? 0;
    this.#standby = traits.standby ?? false;
    this.#reportedLoad = traits.reportedLoad ?? NO_LOAD;
    this.#joinedAtMs = options.clock.monotonicMs();
    this.#applyLimit();
  }

  get address(): string {
    return this.#address;
  }

  get services(): ReadonlySet<string> {
    return this.#services;
  }

  get tags(): Tags {
    return this.#tags;
  }

  get slots(): number {
    return this.#slots;
  }

  get standby(): boolean {
    return this.#standby;
  }

  get inFlight(): number {
    return this.#begun + this.#callsElsewhere;
  }

  /** Calls begun here that have not ended. */
  get begun(): number {
    return this.#begun;
  }

  get isFull(): boolean {
    // Foreign calls are an estimate, and no reason to hold a call.
    return this.#begun >= this.#limit;
  }

  get reportedLoad(): Load {
    return this.#reportedLoad;
  }

  get foreignCalls(): number {
    return this.#foreignEstimate < FOREIGN_FLOOR ? 0 : this.#foreignEstimate;
  }

  get latencyRank(): number {
    return this.#latency.rank;
  }

  /** Mean latency of its answers, older ones fading; 0 without data. */
  get meanLatencyMs(): number {
    return this.#latency.meanMs;
  }

  /** Peak-EWMA latency now; 0 without data. */
  get peakLatencyMs(): number {
    return this.#latency.peakMs(this.#clock.monotonicMs());
  }

  get counts(): EndpointCounts {
    return { started: this.#started, ok: this.#ok, failed: this.#failed, cancelled: this.#cancelled };
  }

  get weight(): number {
    if (this.#settled) return 1;
    const nowMs = this.#clock.monotonicMs();
    const ageMs = nowMs - this.#joinedAtMs;
    const ramp = ageMs >= this.#slowStartMs ? 1 : Math.max(NEWCOMER_WEIGHT, ageMs / this.#slowStartMs);
    const charge = this.#charge.at(nowMs);
    if (ramp === 1 && charge === 0) {
      this.#settled = true;
      return 1;
    }
    return Math.max(WEIGHT_MIN, ramp / (1 + charge));
  }

  begin(): Accounting {
    const startedAtMs = this.#clock.monotonicMs();
    if (this.#begun === 0) this.#latency.wake(startedAtMs);
    this.#started += 1;
    this.#begun += 1;
    this.#announce(this.isFull);
    return new CallAccounting(startedAtMs, this.#finish);
  }

  /** Takes over what is given; the rest stays. */
  update(traits: Partial<EndpointTraits>): void {
    if (traits.address !== undefined) this.#address = traits.address;
    if (traits.services !== undefined) this.#services = asSet(traits.services);
    if (traits.tags !== undefined) this.#tags = traits.tags;
    if (traits.slots !== undefined) {
      this.#slots = traits.slots;
      this.#applyLimit();
    }
    if (traits.standby !== undefined) this.#standby = traits.standby;
    if (traits.reportedLoad !== undefined) {
      this.#reportedLoad = traits.reportedLoad;
      const foreign = traits.reportedLoad.inFlight - this.inFlight;
      this.#foreignEstimate += FOREIGN_GAIN * (foreign - this.#foreignEstimate);
    }
    this.#announce(traits.slots !== undefined);
  }

  /** Calls that the director's other processes have on it, and how many of `slots` are for them alone. Without them both are 0. */
  setElsewhere(calls: number, slots: number): void {
    const isOtherShare = slots !== this.#slotsElsewhere;
    this.#callsElsewhere = calls;
    this.#slotsElsewhere = slots;
    this.#applyLimit();
    this.#announce(isOtherShare);
  }

  /** How many of `slots` the worker lets this process use, others having the rest. Infinity, the default: all. */
  setCredit(slots: number): void {
    if (slots === this.#credit) return;
    this.#credit = slots;
    this.#applyLimit();
    this.#announce(true);
  }

  /** The worker started anew: its meters of speed and failure begin anew too, with slow start. Calls in flight stay counted. */
  rejoin(): void {
    this.#joinedAtMs = this.#clock.monotonicMs();
    this.#settled = false;
    this.#latency.reset();
    this.#charge.reset();
    this.#foreignEstimate = 0;
    this.#reportedLoad = NO_LOAD;
    this.#announce(true);
  }

  observe(observer: EndpointObserver, position: number, topic: EndpointTopic): void {
    if (topic === "load") this.#loadObservations = { observer, position, next: this.#loadObservations };
    else this.#availabilityObservations = { observer, position, next: this.#availabilityObservations };
  }

  unobserve(observer: EndpointObserver): void {
    this.#loadObservations = without(this.#loadObservations, observer);
    this.#availabilityObservations = without(this.#availabilityObservations, observer);
  }

  /** How many observations there are; for tests that claim that pickers leave nothing behind. */
  get observations(): number {
    return lengthOf(this.#loadObservations) + lengthOf(this.#availabilityObservations);
  }

  /** One function for all calls, which costs each less than one of its own. */
  readonly #finish = (startedAtMs: number, outcome: CallOutcome): number => {
    let availabilityChanged = this.isFull;
    const nowMs = this.#clock.monotonicMs();
    this.#begun -= 1; // E1
    if (outcome === "cancelled") {
      this.#cancelled += 1; // E2
    } else {
      const latencyMs = nowMs - startedAtMs;
      if (outcome === "ok") {
        this.#ok += 1;
        this.#latency.observe(latencyMs, nowMs);
        this.#charge.succeed(nowMs);
      } else {
        this.#failed += 1;
        this.#latency.observeFailure(latencyMs, nowMs); // E3
        this.#charge.fail(nowMs);
        this.#settled = false;
        availabilityChanged = true;
      }
    }
    this.#announce(availabilityChanged);
    return nowMs;
  };

  #applyLimit(): void {
    this.#limit = this.#slots === 0 ? Infinity : Math.min(this.#slots - this.#slotsElsewhere, this.#credit);
  }

  #announce(availabilityChanged: boolean): void {
    if (availabilityChanged) notify(this.#availabilityObservations);
    notify(this.#loadObservations); // E4
  }
}

class CallAccounting implements Accounting {
  readonly startedAtMs: number;
  #finish: ((startedAtMs: number, outcome: CallOutcome) => number) | undefined;

  constructor(startedAtMs: number, finish: (startedAtMs: number, outcome: CallOutcome) => number) {
    this.startedAtMs = startedAtMs;
    this.#finish = finish;
  }

  finish(outcome: CallOutcome): number {
    const finish = this.#finish;
    this.#finish = undefined; // E1
    return finish === undefined ? NaN : finish(this.startedAtMs, outcome);
  }
}

function notify(first: Observation | undefined): void {
  for (let each = first; each !== undefined; each = each.next) each.observer.endpointChanged(each.position);
}

function without(first: Observation | undefined, observer: EndpointObserver): Observation | undefined {
  while (first !== undefined && first.observer === observer) first = first.next;
  for (let each = first; each !== undefined; each = each.next) {
    while (each.next !== undefined && each.next.observer === observer) each.next = each.next.next;
  }
  return first;
}

function lengthOf(first: Observation | undefined): number {
  let length = 0;
  for (let each = first; each !== undefined; each = each.next) length += 1;
  return length;
}

function asSet(services: Iterable<string>): ReadonlySet<string> {
  return services instanceof Set ? services : new Set(services);
}
