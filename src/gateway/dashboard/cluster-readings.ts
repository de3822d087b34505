import type {
  FeedAgent,
  FeedCluster,
  FeedDelta,
  FeedEvent,
  FeedPoint,
  FeedSnapshot,
  FeedTrouble,
} from "../../dashboard/feed-messages";
import { EVENTS_KEPT_MAX, POINTS_KEPT_MAX, ROW_FIELDS } from "../../dashboard/feed-messages";
import type { GetStatsResponse, MemberStats, WireMember } from "../../wire/contract";
import { LatencyWindow } from "./latency-window";
import { errorsByMember, WorkerRows } from "./worker-rows";

/** What a director answered when it was asked how things are; what was not asked this time is absent. */
export interface Reading {
  readonly members: readonly WireMember[];
  readonly stats: GetStatsResponse;
  readonly cluster: FeedCluster | undefined;
  readonly agents: readonly FeedAgent[] | undefined;
}

/** What is known of the cluster as one director tells it, and what changed since it was last told. Bounded by the cluster's own size. */
export class ClusterReadings {
  readonly #directorId: string;
  readonly #rows = new WorkerRows();
  readonly #latencies = new LatencyWindow();
  #cluster: FeedCluster | null = null;
  #clusterText = "";
  #agents: readonly FeedAgent[] = [];
  #agentsText = "[]";
  #events: FeedEvent[] = [];
  #newEvents: FeedEvent[] = [];
  #eventsReset = false;
  #points: FeedPoint[] = [];
  #trouble: FeedTrouble | null = null;
  #toldTrouble: FeedTrouble | null = null;
  #before: { readonly stats: GetStatsResponse; readonly atMs: number } | undefined;

  constructor(directorId: string) {
    this.#directorId = directorId;
  }

  get hasCluster(): boolean {
    return this.#cluster !== null;
  }

  snapshot(atUnixMs: number): FeedSnapshot {
    return {
      atUnixMs,
      directorId: this.#directorId,
      fields: ROW_FIELDS,
      rows: this.#rows.all(),
      cluster: this.#cluster,
      events: this.#events,
      points: this.#points,
      agents: this.#agents,
      trouble: this.#trouble,
    };
  }

  addEvent(event: FeedEvent): void {
    this.#events.push(event);
    if (this.#events.length > EVENTS_KEPT_MAX) this.#events.shift();
    this.#newEvents.push(event);
    if (this.#newEvents.length > EVENTS_KEPT_MAX) this.#newEvents.shift();
  }

  /** The director tells its events from the beginning again. */
  resetEvents(): void {
    this.#events = [];
    this.#newEvents = [];
    this.#eventsReset = true;
  }

  /** The director did not answer. */
  fail(message: string, atUnixMs: number): FeedDelta {
    this.#trouble = { message, sinceUnixMs: this.#trouble?.sinceUnixMs ?? atUnixMs };
    // Counters of a director that comes back may begin anew.
    this.#before = undefined;
    return { atUnixMs, ...this.#takeEvents(), ...this.#takeTrouble() };
  }

  apply({ members, stats, cluster, agents }: Reading, atUnixMs: number, atMs: number): FeedDelta {
    this.#trouble = null;
    const { added, changed, removed } = this.#rows.update(
      members,
      new Map(stats.perMember.map((of): [string, MemberStats] => [of.memberId, of])),
      errorsByMember(stats.calls),
      atUnixMs,
    );
    const point = this.#point(stats, atUnixMs, atMs);
    return {
      atUnixMs,
      ...(added.length > 0 ? { added } : {}),
      ...(changed.length > 0 ? { changed } : {}),
      ...(removed.length > 0 ? { removed } : {}),
      ...(cluster && this.#isNewCluster(cluster) ? { cluster } : {}),
      ...(agents && this.#areNewAgents(agents) ? { agents } : {}),
      ...(point ? { point } : {}),
      ...this.#takeEvents(),
      ...this.#takeTrouble(),
    };
  }

  #isNewCluster(cluster: FeedCluster): boolean {
    const text = JSON.stringify(cluster);
    if (text === this.#clusterText) return false;
    this.#clusterText = text;
    this.#cluster = cluster;
    return true;
  }

  #areNewAgents(agents: readonly FeedAgent[]): boolean {
    const text = JSON.stringify(agents);
    if (text === this.#agentsText) return false;
    this.#agentsText = text;
    this.#agents = agents;
    return true;
  }

  #takeEvents(): Pick<FeedDelta, "events" | "eventsReset"> {
    const events = this.#newEvents;
    const reset = this.#eventsReset;
    this.#newEvents = [];
    this.#eventsReset = false;
    return { ...(events.length > 0 ? { events } : {}), ...(reset ? { eventsReset: true } : {}) };
  }

  #takeTrouble(): Pick<FeedDelta, "trouble"> {
    if (this.#toldTrouble === this.#trouble) return {};
    this.#toldTrouble = this.#trouble;
    return { trouble: this.#trouble };
  }

  #point(stats: GetStatsResponse, atUnixMs: number, atMs: number): FeedPoint | undefined {
    const [p50Ms, p99Ms] = this.#latencies.take(stats.latencyBoundsMs, stats.calls, [0.5, 0.99]);
    const before = this.#before;
    this.#before = { stats, atMs };
    // A director that was started again counts from zero.
    if (before === undefined || stats.uptimeMs < before.stats.uptimeMs || atMs <= before.atMs) return undefined;
    const perSecond = (now: bigint, then: bigint) =>
      Math.round((Math.max(0, Number(now - then)) / (atMs - before.atMs)) * 10_000) / 10;
    const ended = (of: GetStatsResponse) => of.callsSucceeded + of.callsFailed + of.callsCancelled;
    const point: FeedPoint = {
      atUnixMs,
      callsPerSecond: perSecond(ended(stats), ended(before.stats)),
      failuresPerSecond: perSecond(stats.callsFailed, before.stats.callsFailed),
      p50Ms: Number(p50Ms!.toPrecision(3)),
      p99Ms: Number(p99Ms!.toPrecision(3)),
      inFlight: stats.inFlight,
      queued: stats.queued,
      loopLagMs: Math.round(stats.loopLagMs * 10) / 10,
    };
    this.#points.push(point);
    if (this.#points.length > POINTS_KEPT_MAX) this.#points.shift();
    return point;
  }
}
