import type { Balancer } from "../balancing/balancer";
import type { Dispatcher } from "../balancing/dispatcher";
import type { Clock } from "../core/clock";
import type { CallSeries as WireCallSeries, GetStatsResponse, MemberStats } from "../wire/contract";
import type { Assignments } from "./assignments";
import type { AttachService } from "./attach-service";
import type { CallMeter } from "./measures/call-meter";
import type { CallSeries } from "./measures/call-series";
import { cumulative, LATENCY_BOUNDS_MS } from "./measures/latency-scale";
import type { MeteredStore } from "./measures/metered-store";
import type { MemberReport } from "./member-report";
import { sumOfCalls, sumOfMemberCalls, type Relays } from "./relays";
import type { Sessions } from "./sessions";
import type { PooledEndpoint, WorkerPool } from "./worker-pool";

export interface ClusterStatsParts {
  readonly directorId: string;
  readonly clock: Clock;
  readonly startedAtMs: number;
  readonly store: MeteredStore;
  readonly report: MemberReport;
  readonly pool: WorkerPool;
  readonly balancer: Balancer<PooledEndpoint>;
  readonly dispatcher: Dispatcher<PooledEndpoint>;
  readonly meter: CallMeter;
  readonly relays: Relays;
  readonly assignments: Assignments;
  readonly attach: AttachService;
  readonly sessions: Sessions;
  loopLagMs(): number;
}

/** What GetStats answers. */
export function clusterStats(parts: ClusterStatsParts): GetStatsResponse {
  const { dispatcher, relays, pool, report, clock, meter, store } = parts;
  const counts = sumOfCalls(dispatcher.counts, relays.calls());
  const records = report.records();
  meter.forgetGone();
  return {
    directorId: parts.directorId,
    uptimeMs: BigInt(Math.round(clock.monotonicMs() - parts.startedAtMs)),
    callsStarted: BigInt(counts.started),
    callsSucceeded: BigInt(counts.ok),
    callsFailed: BigInt(counts.failed),
    callsCancelled: BigInt(counts.cancelled),
    retries: BigInt(counts.retries),
    inFlight: counts.inFlight,
    queued: counts.queued,
    heartbeats: BigInt(parts.attach.heartbeats),
    members: records.length,
    readyMembers: pool.ready.length,
    attached: parts.sessions.size,
    assignments: parts.assignments.size,
    policy: parts.balancer.policyName,
    perMember: records.flatMap(({ memberId }) => memberStats(parts, memberId)),
    loopLagMs: parts.loopLagMs(),
    latencyBoundsMs: [...LATENCY_BOUNDS_MS],
    calls: [
      ...meter.series().map((series) => seriesToWire(series, false)),
      ...meter.departed().map((series) => seriesToWire(series, true)),
    ],
    storeAvailable: store.isAvailable(),
    storeLatencyCounts: cumulative(store.latency).map(BigInt),
    storeLatencySumMs: store.latencySumMs,
    storeFailures: BigInt(store.failures),
  };
}

function memberStats({ pool, relays, meter }: ClusterStatsParts, memberId: string): MemberStats[] {
  const endpoint = pool.endpoint(memberId);
  if (!endpoint) return [];
  const { started, ok, failed, cancelled, meanLatencyMs } = sumOfMemberCalls(endpoint, relays.memberCalls(memberId));
  const [latencyP50Ms = 0, latencyP99Ms = 0] = meter.recentMs(memberId, [0.5, 0.99]);
  return [
    {
      memberId,
      callsStarted: BigInt(started),
      callsSucceeded: BigInt(ok),
      callsFailed: BigInt(failed),
      callsCancelled: BigInt(cancelled),
      inFlight: endpoint.inFlight,
      latencyEwmaMs: meanLatencyMs,
      latencyP50Ms,
      latencyP99Ms,
    },
  ];
}

function seriesToWire(
  { method, memberId, ended, latency, latencySumMs }: CallSeries,
  departed: boolean,
): WireCallSeries {
  const byStatus = [...ended.entries()].filter(([, calls]) => calls > 0);
  return {
    method,
    memberId,
    ended: new Map(byStatus.map(([status, calls]) => [status, BigInt(calls)])),
    latencyCounts: cumulative(latency).map(BigInt),
    latencySumMs,
    departed,
  };
}
