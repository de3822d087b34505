import type { PolicyRegistry } from "../balancing/policy-registry";
import { parseSelector } from "../balancing/selector";
import type { Leader } from "../store/election";
import {
  HealthStatus,
  InferenceServiceDefinition,
  type Candidate,
  type DirectorServiceDefinition,
} from "../wire/contract";
import type { Handlers } from "../rpc/service/service-handlers";
import type { Shortage } from "./call-router";
import { clusterStats, type ClusterStatsParts } from "./cluster-stats";
import { durable } from "./member-rpcs";
import { encodeRecord, KEYS } from "./records";
import { topology, type TopologyParts } from "./topology";
import type { PooledEndpoint, WorkerPool } from "./worker-pool";

export interface ClusterRpcsParts extends ClusterStatsParts, TopologyParts {
  readonly pool: WorkerPool;
  readonly registry: PolicyRegistry;
  readonly shortage: Shortage;
  caughtUp(revision: number): Promise<void>;
  /** @throws FabricError LEADER_UNAVAILABLE */
  transferLeadership(to: string): Promise<Leader>;
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
  const { balancer, registry } = parts;
  return {
    getTopology: () => topology(parts),
    getClusterHealth: () => health(parts),
    getStats: () => clusterStats(parts),

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
  for (const { memberId, state, services } of records) {
    const reason = pool.notReadyReason(memberId);
    if (reason === "") ready += 1;
    else if (state === "alive" && services.length === 0)
      continue; // a monitor, say: it is what it should be
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
  const looked = report.records().map((record) => {
    const endpoint = pool.endpoint(record.memberId);
    const excludedBecause = shortage.exclusion(record, asked) || (endpoint ? fullness(endpoint) : "");
    return { record, endpoint, excludedBecause };
  });
  const needsStandby = !looked.some(({ excludedBecause, endpoint }) => excludedBecause === "" && !endpoint?.standby);
  const candidates = looked.map(({ record, endpoint, excludedBecause }): Candidate => {
    const isHeldBack = excludedBecause === "" && endpoint?.standby === true && !needsStandby;
    const why = isHeldBack ? "standby: another worker can take the call" : excludedBecause;
    return {
      memberId: record.memberId,
      eligible: why === "",
      excludedBecause: why,
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

function fullness({ slots, inFlight }: PooledEndpoint): string {
  return slots > 0 && inFlight >= slots ? `all ${slots} slots are in use` : "";
}
