import type { Balancer } from "../balancing/balancer";
import type { Dispatcher } from "../balancing/dispatcher";
import type { PolicyRegistry } from "../balancing/policy-registry";
import { parseSelector } from "../balancing/selector";
import type { Clock } from "../core/clock";
import type { Leader } from "../store/election";
import type { Store } from "../store/store";
import {
  HealthStatus,
  InferenceServiceDefinition,
  type Candidate,
  type DirectorServiceDefinition,
  type MemberStats,
} from "../wire/contract";
import type { Handlers } from "../rpc/service/service-handlers";
import type { Assignments } from "./assignments";
import type { AttachService } from "./attach-service";
import type { Shortage } from "./call-router";
import type { ClusterView } from "./cluster-view";
import { directorInfo } from "./director-maintenance";
import { durable } from "./member-rpcs";
import type { MemberReport } from "./member-report";
import { encodeRecord, KEYS } from "./records";
import { sumOfCalls, sumOfMemberCalls, type Relays } from "./relays";
import type { Sessions } from "./sessions";
import type { PooledEndpoint, WorkerPool } from "./worker-pool";

export interface ClusterRpcsParts {
  readonly directorId: string;
  readonly clusterId: string;
  readonly clock: Clock;
  readonly startedAtMs: number;
  readonly store: Store;
  readonly view: ClusterView;
  readonly report: MemberReport;
  readonly pool: WorkerPool;
  readonly balancer: Balancer<PooledEndpoint>;
  readonly dispatcher: Dispatcher<PooledEndpoint>;
  readonly relays: Relays;
  readonly registry: PolicyRegistry;
  readonly assignments: Assignments;
  readonly attach: AttachService;
  readonly sessions: Sessions;
  readonly shortage: Shortage;
  caughtUp(revision: number): Promise<void>;
  leader(): Leader | undefined;
  /** @throws FabricError LEADER_UNAVAILABLE */
  transferLeadership(to: string): Promise<Leader>;
  loopLagMs(): number;
}

type ClusterRpcs = Pick<
  Handlers<DirectorServiceDefinition>,
  | "getTopology"
  | "getClusterHealth"
  | "getStats"
  | "getLeader"
  | "transferLeadership"
  | "getBalancing"
  | "setBalancing"
  | "explain"
>;

export function clusterRpcs(parts: ClusterRpcsParts): ClusterRpcs {
  const { balancer, registry, report, view } = parts;
  return {
    getTopology: () => {
      const directors = [...view.directors.values()].map((director) =>
        directorInfo(director, { ...parts, intent: view.directorIntent(director.directorId) }),
      );
      const members = report.records().map((record) => report.toWire(record));
      const shape = directors.length > 1 ? "active-active" : "single";
      return { clusterId: parts.clusterId, shape, directors, members };
    },

    getClusterHealth: () => health(parts),
    getStats: () => stats(parts),

    getLeader: () => {
      const leader = parts.leader();
      return leader ? { ...leader, epoch: BigInt(leader.epoch) } : {};
    },

    transferLeadership: async ({ directorId }) => {
      const leader = await parts.transferLeadership(directorId);
      return { directorId: leader.directorId, epoch: BigInt(leader.epoch) };
    },

    getBalancing: () => ({ policy: balancer.policyName, available: [...registry.names] }),

    setBalancing: async ({ policy }) => {
      const { name } = registry.resolve(policy);
      const revision = await durable("the policy was not changed", () =>
        parts.store.put(KEYS.balancing, encodeRecord(name)),
      );
      await parts.caughtUp(revision);
      return { policy: name };
    },

    explain: (request) => explain(parts, request),
  };
}

function health(parts: ClusterRpcsParts) {
  const { report, pool, store } = parts;
  const problems: string[] = [];
  const records = report.records().filter((record) => record.state !== "left");
  let ready = 0;
  for (const { memberId } of records) {
    const reason = pool.notReadyReason(memberId);
    if (reason === "") ready += 1;
    else if (!reason.startsWith("operator")) problems.push(`${memberId}: ${reason}`);
  }
  const storeAvailable = store.isAvailable();
  if (!storeAvailable)
    problems.unshift("the store does not answer: calls go on, changes that must be durable are refused");
  const degraded = problems.length > 0 ? HealthStatus.DEGRADED : HealthStatus.HEALTHY;
  return {
    status: ready === 0 ? HealthStatus.UNHEALTHY : degraded,
    members: records.length,
    readyMembers: ready,
    storeAvailable,
    problems: ready === 0 && records.length === 0 ? [...problems, "no worker is attached"] : problems,
  };
}

function stats(parts: ClusterRpcsParts) {
  const { dispatcher, relays, pool, report, clock } = parts;
  const counts = sumOfCalls(dispatcher.counts, relays.calls());
  const records = report.records();
  const perMember: MemberStats[] = [];
  for (const { memberId } of records) {
    const endpoint = pool.endpoint(memberId);
    if (!endpoint) continue;
    const { started, ok, failed, cancelled, meanLatencyMs } = sumOfMemberCalls(endpoint, relays.memberCalls(memberId));
    perMember.push({
      latencyP50Ms: 0,
      latencyP99Ms: 0,
      memberId,
      callsStarted: BigInt(started),
      callsSucceeded: BigInt(ok),
      callsFailed: BigInt(failed),
      callsCancelled: BigInt(cancelled),
      inFlight: endpoint.inFlight,
      latencyEwmaMs: meanLatencyMs,
    });
  }
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
    perMember,
    loopLagMs: parts.loopLagMs(),
  };
}

interface ExplainRequest {
  readonly method: string;
  readonly match: string;
  readonly affinityKey: string;
  readonly policy: string;
  readonly memberId: string;
}

/** A dry run: nothing is begun, but a policy's own cursor may move on by one. */
function explain(parts: ClusterRpcsParts, request: ExplainRequest) {
  const { balancer, pool, report, shortage, registry } = parts;
  const method = request.method || InferenceServiceDefinition.fullName;
  const policy = request.policy ? registry.resolve(request.policy).name : balancer.policyName;
  parseSelector(request.match);
  const asked = { ...request, method };
  const candidates = report.records().map((record): Candidate => {
    const endpoint = pool.endpoint(record.memberId);
    const reason = shortage.exclusion(record, asked);
    const full = endpoint !== undefined && endpoint.slots > 0 && endpoint.inFlight >= endpoint.slots;
    return {
      memberId: record.memberId,
      eligible: reason === "" && !full,
      excludedBecause: reason || (full ? `all ${endpoint.slots} slots are in use` : ""),
      load: endpoint?.inFlight ?? 0,
      inFlight: endpoint?.inFlight ?? 0,
      slots: record.slots,
    };
  });
  const picked = balancer.pick(asked);
  if (picked.kind === "fail") throw picked.error;
  if (picked.kind === "picked") return { pickedMemberId: picked.endpoint.memberId, policy, candidates };
  const reason = shortage.refuse(asked) ?? shortage.explain(asked);
  return { policy, candidates, message: reason.message };
}
