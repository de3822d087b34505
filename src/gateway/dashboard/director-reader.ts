import type { Clock } from "../../core/clock";
import { CallError, FabricError } from "../../core/errors";
import { Status } from "../../core/status";
import type { FeedAgent, FeedCluster, FeedDirector, FeedEvent } from "../../dashboard/feed-messages";
import { EVENTS_KEPT_MAX } from "../../dashboard/feed-messages";
import type { TypedClient } from "../../rpc/service/typed-client";
import {
  AgentState,
  HealthStatus,
  TopologyType,
  type Agent,
  type DirectorInfo,
  type AgentServiceDefinition,
  type DirectorServiceDefinition,
} from "../../wire/contract";
import { eventFromWire, intentKindFromWire } from "../../wire/member-codec";
import type { Reading } from "./cluster-readings";

/** Calls of one director, wherever it is. */
export interface DirectorClients {
  readonly director: TypedClient<DirectorServiceDefinition>;
  readonly agents: TypedClient<AgentServiceDefinition>;
  close(): void;
}

const ANSWER_TIMEOUT_MS = 5_000;
/** What changes seldom is asked for once in so many times. */
const SELDOM = 5;
const PROBLEMS_MAX = 20;
/** Pause before events are asked for again of a director that broke off. */
const EVENTS_PAUSE_MS = 1_000;

/** Asks one director how its cluster is. */
export class DirectorReader {
  readonly #clients: DirectorClients;
  readonly #clock: Clock;
  readonly #clusterName: string;
  #reads = 0;
  /** What GetTopology, GetLeader and GetBalancing answered last. */
  #seldom:
    | Pick<FeedCluster, "clusterId" | "clusterName" | "topology" | "directors" | "leaderId" | "epoch" | "policies">
    | undefined;

  constructor(clients: DirectorClients, parts: { readonly clock: Clock; readonly clusterName: string }) {
    this.#clients = clients;
    this.#clock = parts.clock;
    this.#clusterName = parts.clusterName;
  }

  close(): void {
    this.#clients.close();
  }

  /** @throws FabricError when the director does not answer */
  async read(isFirst: boolean, signal: AbortSignal): Promise<Reading> {
    const { director } = this.#clients;
    const options = { timeoutMs: ANSWER_TIMEOUT_MS, waitForReady: false, signal };
    if (isFirst) this.#reads = 0;
    const isSeldom = this.#reads % SELDOM === 0;
    this.#reads += 1;
    const [{ members }, stats, health, agents] = await Promise.all([
      director.listMembers({}, options),
      director.getStats({}, options),
      director.getClusterHealth({}, options),
      this.#agents(options),
      isSeldom || !this.#seldom ? this.#readSeldom(options) : undefined,
    ]);
    const cluster: FeedCluster = {
      ...this.#seldom!,
      policy: stats.policy,
      health: HEALTH[health.status] ?? "unknown",
      storeAvailable: health.storeAvailable,
      problems: health.problems.slice(0, PROBLEMS_MAX),
      problemsOmitted: Math.max(0, health.problems.length - PROBLEMS_MAX),
    };
    return { members, stats, cluster, agents };
  }

  /** Tells what happened and happens, until `signal` aborts. */
  async watchEvents(tell: (event: FeedEvent) => void, reset: () => void, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const events = this.#clients.director.watchEvents(
          { latestMax: EVENTS_KEPT_MAX },
          { signal, waitForReady: true },
        );
        reset();
        for await (const { event } of events) {
          const known = event && eventFromWire(event);
          if (known && known.kind !== "reset") tell(known);
        }
      } catch {
        // The director does not answer, which the readings tell of.
      }
      await this.#clock.sleep(EVENTS_PAUSE_MS, signal).catch(() => {});
    }
  }

  async #readSeldom(options: { readonly timeoutMs: number; readonly signal: AbortSignal }): Promise<void> {
    const { director } = this.#clients;
    const [topology, leader, balancing] = await Promise.all([
      director.getTopology({}, options),
      director.getLeader({}, options),
      director.getBalancing({}, options),
    ]);
    this.#seldom = {
      clusterId: topology.clusterId,
      clusterName: topology.clusterName || this.#clusterName,
      topology: TOPOLOGY[topology.type] ?? "",
      directors: topology.directors.map(feedDirector).sort((a, b) => a.directorId.localeCompare(b.directorId)),
      leaderId: leader.directorId,
      epoch: Number(leader.epoch),
      policies: balancing.available,
    };
  }

  /** A director of an older version has none. */
  async #agents(options: { readonly timeoutMs: number; readonly signal: AbortSignal }): Promise<readonly FeedAgent[]> {
    try {
      const { agents } = await this.#clients.agents.listAgents({ memberId: "" }, options);
      return agents.map(feedAgent);
    } catch (error) {
      if (isUnimplemented(error)) return [];
      throw error;
    }
  }
}

export function isUnimplemented(error: unknown): boolean {
  return (error instanceof FabricError || error instanceof CallError) && error.status === Status.UNIMPLEMENTED;
}

const HEALTH: Readonly<Record<number, FeedCluster["health"]>> = {
  [HealthStatus.HEALTHY]: "healthy",
  [HealthStatus.DEGRADED]: "degraded",
  [HealthStatus.UNHEALTHY]: "unhealthy",
};

const TOPOLOGY: Readonly<Record<number, string>> = {
  [TopologyType.SIMPLE]: "simple",
  [TopologyType.HIERARCHICAL]: "hierarchical",
  [TopologyType.MESH]: "mesh",
  [TopologyType.HYBRID]: "hybrid",
};

const AGENT_STATES: Readonly<Record<number, string>> = {
  [AgentState.PENDING]: "pending",
  [AgentState.STARTING]: "starting",
  [AgentState.RUNNING]: "running",
  [AgentState.FAILED]: "failed",
};

function feedDirector(of: DirectorInfo): FeedDirector {
  const { directorId, address, leader, self, version, httpAddress, startedAtUnixMs, intent } = of;
  return {
    directorId,
    address,
    leader,
    self,
    version,
    httpAddress,
    startedAtUnixMs: Number(startedAtUnixMs),
    intent: (intent && intentKindFromWire(intent.kind)) ?? "serving",
  };
}

function feedAgent(agent: Agent): FeedAgent {
  const { name, state, reason, memberId, services, match, moves, assignedAtUnixMs } = agent;
  return {
    name,
    state: AGENT_STATES[state] ?? "unknown",
    reason,
    memberId,
    services,
    match,
    moves,
    assignedAtUnixMs: Number(assignedAtUnixMs),
  };
}
