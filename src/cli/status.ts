import {
  HealthStatus,
  TopologyType,
  type Agent,
  type GetClusterHealthResponse,
  type GetLeaderResponse,
  type GetStatsResponse,
  type GetTopologyResponse,
} from "../wire/contract";
import { ago, count, latency } from "./ages";
import { agentsOf, showAgent, stateOfAgent } from "./agents";
import { allDirectors, DIRECTORS, plainDirector } from "./directors";
import { formatDuration } from "./duration";
import { enumWords } from "./enum-words";
import { CONDITIONS, conditionOf } from "./node-facts";
import type { OperatorParts } from "./operator";
import { printable } from "./printable";
import { allNodes, resolveId } from "./resolve-id";
import { showNode } from "./show-node";
import { printFacts } from "./table";
import { EXIT, paint, type Colour } from "./terminal";

export type StatusParts = Pick<OperatorParts, "operator" | "agents" | "terminal" | "clock" | "timeoutMs">;

const healthWord = enumWords(HealthStatus);
const typeWord = enumWords(TopologyType);

/** What is wrong that one screen has room for. */
const PROBLEMS_SHOWN = 10;

/** `heddle status`: the cluster on one screen; with an id, or the beginning of one, the detail of whatever has it. */
export async function showStatus(parts: StatusParts, id: string, json: boolean): Promise<number> {
  if (id !== "") return await showAnything(parts, id, json);
  const facts = await clusterFacts(parts);
  if (json) parts.terminal.out(JSON.stringify(plainStatus(facts), undefined, 2));
  else printStatus(parts, facts);
  return EXIT.ok;
}

/** What the answering director says of the cluster. */
export interface ClusterFacts {
  readonly topology: GetTopologyResponse;
  readonly health: GetClusterHealthResponse;
  readonly stats: GetStatsResponse;
  readonly leader: GetLeaderResponse;
  /** Undefined where the director is of a version that has none. */
  readonly agents: readonly Agent[] | undefined;
}

export async function clusterFacts(
  parts: Pick<StatusParts, "operator" | "agents" | "timeoutMs">,
): Promise<ClusterFacts> {
  const { operator, timeoutMs } = parts;
  const [topology, health, stats, leader, agents] = await Promise.all([
    operator.getTopology({}, { timeoutMs }),
    operator.getClusterHealth({}, { timeoutMs }),
    operator.getStats({}, { timeoutMs }),
    operator.getLeader({}, { timeoutMs }),
    agentsOf(parts, ""),
  ]);
  return { topology, health, stats, leader, agents };
}

const HEALTH_COLOURS: Readonly<Record<string, Colour>> = { healthy: "green", degraded: "yellow", unhealthy: "red" };

function printStatus({ terminal, clock }: StatusParts, facts: ClusterFacts): void {
  const { topology, health, stats, leader, agents } = facts;
  const nowMs = clock.wallMs();
  const word = healthWord(health.status);
  const leading = leader.directorId === "" ? paint(terminal, "yellow", "nobody leads") : `${leader.directorId} leads`;
  const shape = [typeWord(topology.type), topology.shape]
    .filter((text) => text !== "unknown" && text !== "")
    .join(", ");
  const zones = topology.zones.length > 1 ? `, ${topology.zones.length} zones` : "";
  printFacts(terminal, [
    ["cluster", `${printable(topology.clusterName || topology.clusterId)} (${shape}${zones})`],
    ["health", paint(terminal, HEALTH_COLOURS[word] ?? "dim", word) + readiness(health)],
    ["directors", `${topology.directors.length}: ${leading} (epoch ${leader.epoch})`],
    ["nodes", nodesText(facts)],
    ["policy", stats.policy],
    ["calls", `${count(stats.inFlight)} in flight, ${count(stats.queued)} queued`],
    ["ended", endedText(stats)],
    ["agents", agents === undefined ? "-" : agentsText(agents)],
  ]);
  for (const director of topology.directors) {
    const { directorId, address, httpAddress, version, startedAtUnixMs } = director;
    const mark = director.leader ? "*" : " ";
    const web = httpAddress === "" ? "" : `  http://${httpAddress}/`;
    terminal.out(`  ${mark} ${directorId}  ${address}${web}  ${version}  started ${ago(nowMs, startedAtUnixMs)}`);
  }
  for (const problem of health.problems.slice(0, PROBLEMS_SHOWN)) {
    terminal.out(paint(terminal, "yellow", `  ! ${printable(problem)}`));
  }
  const more = health.problems.length - PROBLEMS_SHOWN;
  if (more > 0) terminal.out(paint(terminal, "yellow", `  ! and ${more} more: heddle nodes ls`));
}

function readiness({ readyMembers, members, storeAvailable }: GetClusterHealthResponse): string {
  return `, ${readyMembers} of ${members} nodes ready, the store ${storeAvailable ? "answers" : "does not answer"}`;
}

function nodesText({ topology: { members } }: ClusterFacts): string {
  const counts = byCondition(members.map(conditionOf));
  const words = Object.entries(counts).map(([condition, number]) => `${number} ${condition}`);
  return words.length === 0 ? "none" : `${members.length}: ${words.join(", ")}`;
}

function byCondition(conditions: readonly string[]): Record<string, number> {
  const pairs = CONDITIONS.map((each) => [each, conditions.filter((condition) => condition === each).length] as const);
  return Object.fromEntries(pairs.filter(([, number]) => number > 0));
}

function endedText(stats: GetStatsResponse): string {
  const parts = [
    `${count(stats.callsSucceeded)} succeeded`,
    `${count(stats.callsFailed)} failed`,
    `${count(stats.callsCancelled)} cancelled`,
    `${count(stats.retries)} retries`,
  ];
  const lag = stats.loopLagMs > 0 ? `, loop lag ${latency(stats.loopLagMs)}` : "";
  return `${parts.join(", ")} at ${stats.directorId} in ${formatDuration(Number(stats.uptimeMs))}${lag}`;
}

function agentsText(agents: readonly Agent[]): string {
  const states = agents.map(stateOfAgent);
  const words = [...new Set(states)]
    .sort()
    .map((state) => `${states.filter((each) => each === state).length} ${state}`);
  return words.length === 0 ? "none" : `${agents.length}: ${words.join(", ")}`;
}

/** The status as `--json` shows it. Keys stay as they are; new ones may come. */
export function plainStatus({ topology, health, stats, leader, agents }: ClusterFacts) {
  const { clusterId: id, clusterName: name, shape, members } = topology;
  return {
    cluster: { id, name, shape, type: typeWord(topology.type) },
    health: {
      status: healthWord(health.status),
      members: health.members,
      readyMembers: health.readyMembers,
      storeAvailable: health.storeAvailable,
      problems: health.problems,
    },
    leader: { id: leader.directorId, address: leader.address, epoch: Number(leader.epoch) },
    directors: topology.directors.map(plainDirector),
    nodes: { total: members.length, byCondition: byCondition(members.map(conditionOf)) },
    zones: topology.zones.map(({ name: zone, members: all, readyMembers }) => ({
      name: zone,
      members: all,
      readyMembers,
    })),
    policy: stats.policy,
    calls: {
      director: stats.directorId,
      uptimeMs: Number(stats.uptimeMs),
      inFlight: stats.inFlight,
      queued: stats.queued,
      started: Number(stats.callsStarted),
      succeeded: Number(stats.callsSucceeded),
      failed: Number(stats.callsFailed),
      cancelled: Number(stats.callsCancelled),
      retries: Number(stats.retries),
      loopLagMs: stats.loopLagMs,
    },
    agents: agents === undefined ? null : { total: agents.length, names: agents.map((agent) => agent.name) },
  };
}

const ANYTHING = {
  one: "node's, director's or assignment",
  many: "nodes, directors and assignments",
  list: "heddle status",
};

/** Where an id is of several kinds, nodes come first. @throws CommandError */
async function showAnything(parts: StatusParts, given: string, json: boolean): Promise<number> {
  const { terminal, clock } = parts;
  const [nodes, directors, agents] = await Promise.all([allNodes(parts), allDirectors(parts), agentsOf(parts, "")]);
  const nodeIds = nodes.map(({ memberId }) => memberId);
  const directorIds = directors.map(({ directorId }) => directorId);
  const names = (agents ?? []).map(({ name }) => name);
  const id = resolveId(given, [...new Set([...nodeIds, ...directorIds, ...names])], ANYTHING);
  if (nodeIds.includes(id)) return await showNode(parts, id, json);
  const director = directors.find(({ directorId }) => directorId === id);
  if (!director) return await showAgent(parts, id, json);
  const homed = nodes.filter(({ homeDirectorId }) => homeDirectorId === id).map(({ memberId }) => memberId);
  if (json) {
    terminal.out(JSON.stringify({ ...plainDirector(director), nodes: homed }, undefined, 2));
    return EXIT.ok;
  }
  const web = director.httpAddress === "" ? "-" : `http://${director.httpAddress}/`;
  printFacts(terminal, [
    [DIRECTORS.one, `${id}${director.leader ? "  leader" : ""}${director.self ? "  (answers)" : ""}`],
    ["address", director.address],
    ["http", web],
    ["version", printable(director.version)],
    ["started", ago(clock.wallMs(), director.startedAtUnixMs)],
    ["nodes", homed.length === 0 ? "none attached" : `${homed.length} attached: ${homed.join(", ")}`],
  ]);
  return EXIT.ok;
}
