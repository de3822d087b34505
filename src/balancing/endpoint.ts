import type { Load, Tags } from "../core/member";

export type CallOutcome = "ok" | "failed" | "cancelled";

/** One call's share in the load of its endpoint. */
export interface Accounting {
  /** When it began, on the monotonic clock. */
  readonly startedAtMs: number;
  /** Ends it. The first call counts; later ones do nothing, so that racing endings are harmless. Answers when that was; NaN later. */
  finish(outcome: CallOutcome): number;
}

/**
 * What a picker wants to hear of.
 * - `load`: every begin, finish and report.
 * - `availability`: only that the endpoint became full or free again, or that its weight may have fallen below 1.
 */
export type EndpointTopic = "load" | "availability";

/** A picker that keeps an index over its endpoints. It must not (un)observe from inside the notification. */
export interface EndpointObserver {
  /** `position` is what the observer gave to `observe`, usually the index in its array. */
  endpointChanged(position: number): void;
}

/** One worker as the balancer sees it. Lives as long as the member does, across snapshots, so its meters do too. */
export interface Endpoint {
  readonly memberId: string;
  readonly address: string;
  readonly services: ReadonlySet<string>;
  readonly tags: Tags;
  /** Calls it is willing to execute at once; 0 means no bound. */
  readonly slots: number;
  /** Used only while no other endpoint can take a call: none is ready, or all that are ready are full (intent `standby`). */
  readonly standby: boolean;
  /** Calls of this director, or of this client, that are not finished. Those of a director's other processes are up to 50 ms old. */
  readonly inFlight: number;
  /** Whether it takes no more calls from here: its slots are in use, or kept for the director's other processes or other directors. */
  readonly isFull: boolean;
  /** What the worker last said of itself; `NO_LOAD` until it has said something. */
  readonly reportedLoad: Load;
  /** Calls that others (a second director, direct clients) have in flight on it: an estimate from its reports. */
  readonly foreignCalls: number;
  /** The share of a normal endpoint's calls that it should get now: 1, or less in slow start and after failures. Above 0. */
  readonly weight: number;
  /**
   * Natural logarithm of its peak-EWMA latency, decayed forward in time: the difference between two endpoints is the
   * logarithm of the ratio of their latencies now, and reading it needs no clock. `NO_LATENCY` without data.
   */
  readonly latencyRank: number;
  /** Starts accounting for one call. Nothing may await between the pick and this. */
  begin(): Accounting;
  /** Notifies `observer` after each change of the topic, until `unobserve`. */
  observe(observer: EndpointObserver, position: number, topic: EndpointTopic): void;
  unobserve(observer: EndpointObserver): void;
}

/** The `latencyRank` of an endpoint that has answered no call yet. */
export const NO_LATENCY = Number.NEGATIVE_INFINITY;
