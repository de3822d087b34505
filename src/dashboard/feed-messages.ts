/**
 * What the dashboard's feed says, read at both ends: the gateway writes it, the page reads it. JSON in server-sent events.
 *
 * `GET /dashboard/feed` sends a `snapshot` first, and a `delta` once a second, also when nothing changed: its absence is how the page knows
 * that it is stale. Each has an id; who comes back with the last one gets what it missed, or a snapshot where that is no longer kept.
 */

/** Fields of a worker, in the order of the values of a row. New ones are added at the end. */
export const ROW_FIELDS = [
  "memberId",
  "label",
  "address",
  /** "joining", "alive", "suspect", "dead", "draining", "left". */
  "state",
  "stateReason",
  "stateSinceUnixMs",
  /** "serving", "cordoned", "draining", "maintenance", "standby". */
  "intent",
  "intentBy",
  "intentReason",
  "intentSinceUnixMs",
  /** 0: none. */
  "intentDeadlineUnixMs",
  "role",
  "tags",
  "services",
  /** 0: no bound. */
  "slots",
  "inFlight",
  "version",
  "homeDirectorId",
  /** Of the last heartbeat that this director received; 0 while it is fresh (`FRESH_BEAT_MS`), which most are, so that they need no update. */
  "beatUnixMs",
  /** Below 1, which is what a live worker has between two beats, it is 0. */
  "phi",
  "ready",
  "notReadyReason",
  /** Milliseconds; 0 where there was no call of late. */
  "p50Ms",
  "p99Ms",
  "callsStarted",
  "callsFailed",
  "callsCancelled",
  /** Calls by gRPC status code, without OK. */
  "errors",
  "cpuRatio",
  "memoryRatio",
  "loopLagMs",
  "incarnation",
  "joinedAtUnixMs",
  "resources",
  /** Whether this director has heard a heartbeat of it at all. */
  "beatKnown",
] as const;

export type RowField = (typeof ROW_FIELDS)[number];

/** A heartbeat that is younger than this is fresh. */
export const FRESH_BEAT_MS = 5_000;

export type RowValue = string | number | boolean | readonly string[] | Readonly<Record<string, string | number>>;

/** A number that stands for the row in the messages of one feed, and its values. */
export type WireRow = readonly [handle: number, ...values: RowValue[]];

/** The handle, and pairs of a field's index and its new value. */
export type WireRowChange = readonly [handle: number, ...pairs: RowValue[]];

export interface FeedDirector {
  readonly directorId: string;
  readonly address: string;
  readonly leader: boolean;
  /** Whether it is the one that is looked at. */
  readonly self: boolean;
  readonly startedAtUnixMs: number;
  readonly version: string;
  /** "" when it has no HTTP port. */
  readonly httpAddress: string;
  /** "serving" or "maintenance". */
  readonly intent: string;
}

export interface FeedCluster {
  readonly clusterId: string;
  readonly clusterName: string;
  /** "simple", "hierarchical", "mesh", "hybrid"; "" when it is not told. */
  readonly topology: string;
  readonly directors: readonly FeedDirector[];
  /** "" while there is none. */
  readonly leaderId: string;
  readonly epoch: number;
  readonly policy: string;
  readonly policies: readonly string[];
  readonly health: "healthy" | "degraded" | "unhealthy" | "unknown";
  readonly storeAvailable: boolean;
  /** In words; the first few. */
  readonly problems: readonly string[];
  readonly problemsOmitted: number;
}

/** What was counted at the director that is looked at, in the second before `atUnixMs`. */
export interface FeedPoint {
  readonly atUnixMs: number;
  readonly callsPerSecond: number;
  readonly failuresPerSecond: number;
  /** Of the calls of that second; 0 when there was none or it is not told. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly inFlight: number;
  readonly queued: number;
  readonly loopLagMs: number;
}

export interface FeedEvent {
  readonly revision: number;
  readonly atUnixMs: number;
  /** "node-joined", "node-suspected", … */
  readonly kind: string;
  /** "" for events that are about no member. */
  readonly memberId: string;
  readonly detail: string;
  /** Of events about an agent: its name. */
  readonly agent?: string;
}

export interface FeedAgent {
  readonly name: string;
  /** "pending", "starting", "running", "failed". */
  readonly state: string;
  readonly reason: string;
  /** "" while it is pending. */
  readonly memberId: string;
  readonly services: readonly string[];
  readonly match: string;
  readonly moves: number;
  readonly assignedAtUnixMs: number;
}

/** That the director which is looked at does not answer. */
export interface FeedTrouble {
  readonly message: string;
  readonly sinceUnixMs: number;
}

export interface FeedSnapshot {
  readonly atUnixMs: number;
  /** The director that is looked at. */
  readonly directorId: string;
  readonly fields: readonly string[];
  readonly rows: readonly WireRow[];
  readonly cluster: FeedCluster | null;
  readonly events: readonly FeedEvent[];
  readonly points: readonly FeedPoint[];
  readonly agents: readonly FeedAgent[];
  readonly trouble: FeedTrouble | null;
}

/** What changed; what is absent did not. */
export interface FeedDelta {
  readonly atUnixMs: number;
  readonly added?: readonly WireRow[];
  readonly changed?: readonly WireRowChange[];
  /** Handles of rows that are gone. */
  readonly removed?: readonly number[];
  readonly cluster?: FeedCluster;
  /** In addition to those before. */
  readonly events?: readonly FeedEvent[];
  /** Those before are not part of this: the director began anew. */
  readonly eventsReset?: true;
  readonly point?: FeedPoint;
  /** All of them. */
  readonly agents?: readonly FeedAgent[];
  readonly trouble?: FeedTrouble | null;
}

/** Events and points that both ends keep. */
export const EVENTS_KEPT_MAX = 500;
export const POINTS_KEPT_MAX = 300;

/** `GET /dashboard/calls` sends `calls`, a few times a second while there are any, and `unavailable` when the director does not tell. */
export interface FeedCalls {
  readonly atUnixMs: number;
  /** Method, member, start in unix milliseconds, duration in milliseconds, gRPC status code. */
  readonly calls: readonly (readonly [string, string, number, number, number])[];
  /** Ended too, and left out. */
  readonly omitted: number;
}

export interface FeedUnavailable {
  readonly message: string;
}
