import type { Clock } from "../../core/clock";
import type { IntentKind, MemberState } from "../../core/member";
import { HealthStatus, type GetStatsResponse, type WireMember } from "../../wire/contract";
import { intentKindFromWire, stateFromWire } from "../../wire/member-codec";
import { conditionOf, inFlightOf, type Condition } from "../node-facts";
import type { Operator } from "../operator";
import { printable } from "../printable";

/** What one director said of the cluster at one time. Texts are fit to print. */
export interface TopSample {
  /** When it was asked, on the monotonic clock and on the wall. */
  readonly atMs: number;
  readonly wallMs: number;
  readonly clusterName: string;
  readonly director: { readonly id: string; readonly address: string; readonly httpAddress: string };
  readonly directors: number;
  /** "" while there is none. */
  readonly leaderId: string;
  readonly health: "healthy" | "degraded" | "unhealthy" | "unknown";
  readonly problems: readonly string[];
  readonly policy: string;
  readonly counts: CallCounts;
  readonly retries: number;
  readonly inFlight: number;
  readonly queued: number;
  readonly uptimeMs: number;
  readonly loopLagMs: number;
  /** Upper bounds of `latencyCounts` but the last, which has none. Empty: the director keeps no histogram. */
  readonly latencyBoundsMs: readonly number[];
  /** Of all calls, cumulative: how many took at most as long as the bound. */
  readonly latencyCounts: readonly number[];
  readonly nodes: readonly NodeSample[];
}

/** Since the director started. */
export interface CallCounts {
  readonly started: number;
  readonly ended: number;
  readonly failed: number;
}

export interface NodeSample {
  readonly id: string;
  readonly label: string;
  readonly address: string;
  readonly state: MemberState | "unknown";
  /** In the word that all commands have for it. */
  readonly condition: Condition;
  readonly stateReason: string;
  readonly stateSinceUnixMs: number;
  readonly intent: IntentKind;
  readonly intentReason: string;
  readonly intentBy: string;
  readonly ready: boolean;
  readonly notReadyReason: string;
  /** 0: no bound. */
  readonly slots: number;
  readonly inFlight: number;
  readonly phi: number;
  /** 0: the director that was asked has received none. */
  readonly lastHeartbeatUnixMs: number;
  readonly home: string;
  readonly version: string;
  readonly role: string;
  readonly tags: string;
  readonly services: readonly string[];
  readonly cpuRatio: number;
  readonly memoryRatio: number;
  readonly loopLagMs: number;
  readonly counts: CallCounts;
  /** Of about the last minute, as the director says; 0 for none. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const HEALTH: ReadonlyMap<HealthStatus, TopSample["health"]> = new Map([
  [HealthStatus.HEALTHY, "healthy"],
  [HealthStatus.DEGRADED, "degraded"],
  [HealthStatus.UNHEALTHY, "unhealthy"],
] as const);

/** Asks one director. @throws FabricError when none answers in time */
export async function readSample(
  operator: Operator,
  clock: Clock,
  options: { readonly timeoutMs: number; readonly waitForReady?: boolean },
): Promise<TopSample> {
  const atMs = clock.monotonicMs();
  const [topology, stats, health] = await Promise.all([
    operator.getTopology({}, options),
    operator.getStats({}, options),
    operator.getClusterHealth({}, options),
  ]);
  const asked = topology.directors.find(({ self }) => self);
  const perMember = new Map(stats.perMember.map((member) => [member.memberId, member]));
  return {
    atMs,
    wallMs: clock.wallMs(),
    clusterName: printable(topology.clusterName || topology.clusterId),
    director: {
      id: printable(stats.directorId),
      address: printable(asked?.address ?? ""),
      httpAddress: printable(asked?.httpAddress ?? ""),
    },
    directors: topology.directors.length,
    leaderId: printable(topology.directors.find(({ leader }) => leader)?.directorId ?? ""),
    health: HEALTH.get(health.status) ?? "unknown",
    problems: health.problems.map(printable),
    policy: printable(stats.policy),
    counts: countsOf(stats),
    retries: Number(stats.retries),
    inFlight: stats.inFlight,
    queued: stats.queued,
    uptimeMs: Number(stats.uptimeMs),
    loopLagMs: stats.loopLagMs,
    latencyBoundsMs: stats.latencyBoundsMs,
    latencyCounts: latencyCountsOf(stats),
    nodes: topology.members.map((member) => nodeOf(member, perMember.get(member.memberId))),
  };
}

type WireCounts = Pick<GetStatsResponse, "callsStarted" | "callsSucceeded" | "callsFailed" | "callsCancelled">;

function countsOf({ callsStarted, callsSucceeded, callsFailed, callsCancelled }: WireCounts): CallCounts {
  return {
    started: Number(callsStarted),
    ended: Number(callsSucceeded + callsFailed + callsCancelled),
    failed: Number(callsFailed),
  };
}

const NO_COUNTS: CallCounts = { started: 0, ended: 0, failed: 0 };

function latencyCountsOf({ calls, latencyBoundsMs }: GetStatsResponse): number[] {
  const sums = new Array<number>(latencyBoundsMs.length === 0 ? 0 : latencyBoundsMs.length + 1).fill(0);
  for (const { latencyCounts } of calls) {
    latencyCounts.forEach((count, index) => {
      if (index < sums.length) sums[index]! += Number(count);
    });
  }
  return sums;
}

function nodeOf(member: WireMember, stats: GetStatsResponse["perMember"][number] | undefined): NodeSample {
  const { intent, load } = member;
  const tags = [...member.tags].map(([key, value]) => `${key}=${value}`);
  return {
    id: printable(member.memberId),
    label: printable(member.label),
    address: printable(member.address),
    state: stateFromWire(member.state) ?? "unknown",
    condition: conditionOf(member),
    stateReason: printable(member.stateReason),
    stateSinceUnixMs: Number(member.stateSinceUnixMs),
    intent: (intent && intentKindFromWire(intent.kind)) ?? "serving",
    intentReason: printable(intent?.reason ?? ""),
    intentBy: printable(intent?.setBy ?? ""),
    ready: member.ready,
    notReadyReason: printable(member.notReadyReason),
    slots: member.slots,
    inFlight: inFlightOf(member),
    phi: member.phi,
    lastHeartbeatUnixMs: Number(member.lastHeartbeatUnixMs),
    home: printable(member.homeDirectorId),
    version: printable(member.version),
    role: printable(member.role),
    tags: printable(tags.sort().join(",")),
    services: member.services.map(printable),
    cpuRatio: load?.cpuRatio ?? 0,
    memoryRatio: load?.memoryRatio ?? 0,
    loopLagMs: load?.loopLagMs ?? 0,
    counts: stats ? countsOf(stats) : NO_COUNTS,
    p50Ms: stats?.latencyP50Ms ?? 0,
    p99Ms: stats?.latencyP99Ms ?? 0,
  };
}
