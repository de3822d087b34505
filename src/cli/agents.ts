import { FabricError } from "../core/errors";
import { Status } from "../core/status";
import { AgentState, type Agent } from "../wire/contract";
import { confirm } from "./confirm";
import { age, ago, instant } from "./ages";
import { enumWords } from "./enum-words";
import type { OperatorParts } from "./operator";
import { printable } from "./printable";
import { resolveId, resolveNode, type Sought } from "./resolve-id";
import { printFacts, printTable, type Column } from "./table";
import { EXIT, type Colour } from "./terminal";

export type AgentsParts = Pick<OperatorParts, "operator" | "agents" | "terminal" | "clock" | "timeoutMs">;

export const AGENTS: Sought = { one: "assignment", many: "assignments", list: "heddle assignments ls" };

const stateWord = enumWords(AgentState);

const COLOURS: Readonly<Record<string, Colour>> = { pending: "yellow", failed: "red" };

export function stateOfAgent({ state }: Agent): string {
  return stateWord(state);
}

/** An agent as `--json` shows it. Keys stay as they are; new ones may come. */
export function plainAgent(agent: Agent) {
  const { name, services, match, reason, memberId: node, moves, failures } = agent;
  return {
    name,
    state: stateOfAgent(agent),
    reason,
    node,
    previousNode: agent.previousMemberId,
    onlyNode: agent.onlyMemberId,
    services,
    match,
    parameters: Object.fromEntries(agent.parameters),
    generation: Number(agent.generation),
    moves,
    failures,
    createdAtUnixMs: Number(agent.createdAtUnixMs),
    assignedAtUnixMs: Number(agent.assignedAtUnixMs),
  };
}

/** The agents of a node, or ("") all; undefined where the director is of a version that has none. */
export async function agentsOf(
  { agents, timeoutMs }: Pick<AgentsParts, "agents" | "timeoutMs">,
  memberId: string,
): Promise<readonly Agent[] | undefined> {
  try {
    return (await agents.listAgents({ memberId }, { timeoutMs })).agents;
  } catch (error) {
    if (error instanceof FabricError && error.status === Status.UNIMPLEMENTED) return undefined;
    throw error;
  }
}

/** `heddle assignments ls`. */
export async function listAgents(
  parts: AgentsParts,
  { node, json, quiet }: { readonly node: string; readonly json: boolean; readonly quiet: boolean },
): Promise<number> {
  const { agents, terminal, clock, timeoutMs } = parts;
  const memberId = node === "" ? "" : await resolveNode(parts, node);
  const answer = await agents.listAgents({ memberId }, { timeoutMs });
  if (quiet) for (const { name } of answer.agents) terminal.out(name);
  else if (json) terminal.out(JSON.stringify(answer.agents.map(plainAgent), undefined, 2));
  else if (answer.agents.length === 0) {
    terminal.out(memberId === "" ? "no assignments" : `no assignments at ${memberId}`);
    terminal.err("Try: heddle assignments add <name> --service <name>");
  } else {
    const nowMs = clock.wallMs();
    const columns: readonly Column<Agent>[] = [
      { title: "NAME", cell: ({ name }) => name },
      { title: "STATE", cell: stateOfAgent },
      { title: "NODE", cell: (agent) => agent.memberId || "-" },
      { title: "SINCE", cell: ({ assignedAtUnixMs }) => ago(nowMs, assignedAtUnixMs), expendable: 2 },
      { title: "MOVES", cell: ({ moves }) => String(moves), side: "right", expendable: 4 },
      { title: "NEEDS", cell: needsOf, expendable: 3 },
      { title: "WHY", cell: ({ reason }) => reason, expendable: 1 },
    ];
    printTable(terminal, columns, answer.agents, (agent) => COLOURS[stateOfAgent(agent)]);
  }
  return EXIT.ok;
}

function needsOf({ services, match }: Agent): string {
  return [...services, match].filter((need) => need !== "").join(",");
}

/** `heddle assignments show`. */
export async function showAgent(parts: AgentsParts, name: string, json: boolean): Promise<number> {
  const { terminal } = parts;
  const agent = await resolveAgent(parts, name);
  if (json) terminal.out(JSON.stringify(plainAgent(agent), undefined, 2));
  else printAgent(parts, agent);
  return EXIT.ok;
}

function printAgent({ terminal, clock }: AgentsParts, agent: Agent): void {
  const nowMs = clock.wallMs();
  const since = agent.assignedAtUnixMs === 0n ? "" : ` for ${age(nowMs, agent.assignedAtUnixMs)}`;
  const from = agent.previousMemberId && `, on its way from ${agent.previousMemberId}`;
  printFacts(terminal, [
    ["assignment", agent.name],
    ["state", `${stateOfAgent(agent)}${agent.reason && `: ${printable(agent.reason)}`}`],
    ["node", agent.memberId === "" ? "-" : `${agent.memberId}${since}${from}`],
    ["services", printable(agent.services.join(", ")) || "-"],
    ["match", printable(agent.match) || "-"],
    ["only on", agent.onlyMemberId || "any"],
    ["parameters", printable([...agent.parameters].map(([key, value]) => `${key}=${value}`).join(", ")) || "-"],
    ["generation", `${agent.generation}, moved ${agent.moves} times, failed ${agent.failures} times in a row`],
    ["created", `${instant(agent.createdAtUnixMs)} (${ago(nowMs, agent.createdAtUnixMs)})`],
  ]);
}

export interface AddOptions {
  readonly name: string;
  readonly services: readonly string[];
  readonly match: string;
  readonly parameters: ReadonlyMap<string, string>;
  /** Only there, or ("") wherever the policy takes. */
  readonly node: string;
  readonly json: boolean;
}

/** `heddle assignments add`. */
export async function addAgent(parts: AgentsParts, options: AddOptions): Promise<number> {
  const { agents, terminal, timeoutMs } = parts;
  const { name, services, match, parameters, json } = options;
  const memberId = options.node === "" ? "" : await resolveNode(parts, options.node);
  const asked = { name, services: [...services], match, parameters: new Map(parameters), memberId };
  const { agent, created } = await agents.assignAgent(asked, { timeoutMs });
  if (json) terminal.out(JSON.stringify({ created, assignment: agent && plainAgent(agent) }, undefined, 2));
  else if (agent) {
    const where = agent.memberId === "" ? "" : ` on ${agent.memberId}`;
    const why = agent.reason && `: ${printable(agent.reason)}`;
    terminal.out(`${agent.name} is ${stateOfAgent(agent)}${where}${why}${created ? "" : " (it was there already)"}`);
    terminal.err(`Watch: heddle assignments show ${agent.name}`);
  }
  return EXIT.ok;
}

/** `heddle assignments rm`. */
export async function removeAgent(
  parts: AgentsParts,
  options: { readonly name: string; readonly reason: string; readonly yes: boolean; readonly json: boolean },
): Promise<number> {
  const { agents, terminal, timeoutMs } = parts;
  const { reason, yes, json } = options;
  const agent = await resolveAgent(parts, options.name);
  const { name } = agent;
  const where = agent.memberId === "" ? "" : ` on ${agent.memberId}`;
  const command = `heddle assignments rm ${name}`;
  await confirm(terminal, `${name} (${stateOfAgent(agent)}${where}) would be released`, { yes, command });
  const { released } = await agents.releaseAgent({ name, reason }, { timeoutMs });
  if (json) terminal.out(JSON.stringify({ name, released }, undefined, 2));
  else terminal.out(released ? `${name} is released` : `${name} was gone already`);
  return EXIT.ok;
}

/** `heddle assignments rebalance`. */
export async function rebalanceAgents(
  { agents, terminal, timeoutMs }: AgentsParts,
  options: { readonly movesMax: number; readonly dryRun: boolean; readonly reason: string; readonly json: boolean },
): Promise<number> {
  const { movesMax, dryRun, reason, json } = options;
  const { moves } = await agents.rebalanceAgents({ movesMax, dryRun, reason }, { timeoutMs });
  if (json) {
    const plain = moves.map(({ name, fromMemberId: from, toMemberId: to, reason: why }) => {
      return { name, from, to, reason: why };
    });
    terminal.out(JSON.stringify({ dryRun, moves: plain }, undefined, 2));
    return EXIT.ok;
  }
  if (moves.length === 0) {
    terminal.out("no moves: the assignments are spread as evenly as they can be");
    return EXIT.ok;
  }
  const columns: readonly Column<(typeof moves)[number]>[] = [
    { title: "NAME", cell: ({ name }) => name },
    { title: "FROM", cell: ({ fromMemberId }) => fromMemberId },
    { title: "TO", cell: ({ toMemberId }) => toMemberId },
    { title: "WHY", cell: ({ reason: why }) => why, expendable: 1 },
  ];
  printTable(terminal, columns, moves);
  if (dryRun) terminal.err("Nothing was moved. Do it: heddle assignments rebalance");
  return EXIT.ok;
}

/** The one of this name, or whose name alone begins so. @throws CommandError */
export async function resolveAgent({ agents, timeoutMs }: AgentsParts, given: string): Promise<Agent> {
  const known = (await agents.listAgents({}, { timeoutMs })).agents;
  const names = known.map(({ name }) => name);
  const name = resolveId(given, names, AGENTS);
  return known.find((agent) => agent.name === name)!;
}
