import type { Agent, MemberStats, WireMember } from "../wire/contract";
import { age, ago, count, instant, latency } from "./ages";
import { agentsOf, plainAgent, stateOfAgent } from "./agents";
import { eventLine, latestEvents, plainEvent } from "./events";
import { CONDITION_COLOURS, conditionOf, inFlightOf, intentOf, plainNode, stateOf } from "./node-facts";
import { tagsOf } from "./list-nodes";
import type { OperatorParts } from "./operator";
import { printable } from "./printable";
import { resolveNode } from "./resolve-id";
import { printFacts } from "./table";
import { EXIT, paint } from "./terminal";

export type ShowParts = Pick<OperatorParts, "operator" | "agents" | "terminal" | "clock" | "timeoutMs">;

/** Of the cluster's latest events, how many are looked through for those of one node, and how many of these are shown. */
const EVENTS_LOOKED_AT = 200;
const EVENTS_SHOWN = 8;

/** `heddle nodes show`. */
export async function showNode(parts: ShowParts, node: string, json: boolean): Promise<number> {
  const { operator, terminal, timeoutMs } = parts;
  const memberId = await resolveNode(parts, node);
  const [{ member }, { perMember }, agents, latest] = await Promise.all([
    operator.getMember({ memberId }, { timeoutMs }),
    operator.getStats({}, { timeoutMs }),
    agentsOf(parts, memberId),
    latestEvents(parts, EVENTS_LOOKED_AT),
  ]);
  if (!member) return EXIT.notFound;
  const stats = perMember.find((each) => each.memberId === memberId);
  const events = latest.filter((event) => event.memberId === memberId).slice(-EVENTS_SHOWN);
  if (json) {
    const calls = plainCalls(stats);
    const plain = { ...plainNode(member), calls, agents: agents?.map(plainAgent), events: events.map(plainEvent) };
    terminal.out(JSON.stringify(plain, undefined, 2));
    return EXIT.ok;
  }
  printFacts(terminal, facts(parts, member, stats, agents));
  for (const event of events) terminal.out(eventLine(terminal, event));
  return EXIT.ok;
}

function facts(
  { terminal, clock }: ShowParts,
  member: WireMember,
  stats: MemberStats | undefined,
  agents: readonly Agent[] | undefined,
): (readonly [string, string])[] {
  const nowMs = clock.wallMs();
  const condition = conditionOf(member);
  const colour = CONDITION_COLOURS[condition];
  const why = member.notReadyReason && `: ${printable(member.notReadyReason)}`;
  const since = `${stateOf(member)} for ${age(nowMs, member.stateSinceUnixMs)}`;
  const stateReason = member.stateReason && ` (${printable(member.stateReason)})`;
  const slots = member.slots === 0 ? "no bound" : `${member.slots} slots`;
  const { resources, load } = member;
  return [
    ["node", paint(terminal, colour ?? "green", `${member.memberId}  ${condition}${why}`)],
    ["label", printable(member.label)],
    ["address", member.address],
    ["state", `${since}${stateReason}`],
    ["intent", intentText(member, nowMs)],
    ["calls", `${inFlightOf(member)} in flight, ${slots}`],
    ["ended", stats ? endedText(stats) : "-"],
    ["latency", `p50 ${latency(stats?.latencyP50Ms ?? 0)}, p99 ${latency(stats?.latencyP99Ms ?? 0)}`],
    ["load", load ? loadText(load) : "-"],
    ["heartbeat", heartbeatText(member, nowMs)],
    ["home", member.homeDirectorId || "-"],
    ["role", member.role],
    ["version", `${printable(member.version)}, incarnation ${member.incarnation}`],
    ["joined", `${instant(member.joinedAtUnixMs)} (${ago(nowMs, member.joinedAtUnixMs)})`],
    ["machine", resources ? machineText(resources) : "-"],
    ["tags", printable(tagsOf(member)) || "-"],
    ["services", member.services.join(", ") || "-"],
    ["agents", agents === undefined ? "-" : agentsText(agents)],
  ];
}

function intentText(member: WireMember, nowMs: number): string {
  const { reason = "", setBy = "", setAtUnixMs = 0n, deadlineUnixMs = 0n, force = false } = member.intent ?? {};
  const by = setBy && ` by ${printable(setBy)}`;
  const at = setAtUnixMs === 0n ? "" : ` ${ago(nowMs, setAtUnixMs)}`;
  const until = deadlineUnixMs === 0n ? "" : `, until ${instant(deadlineUnixMs)}${force ? " by force" : ""}`;
  return `${intentOf(member)}${by}${at}${reason && `: ${printable(reason)}`}${until}`;
}

function endedText({ callsStarted, callsSucceeded, callsFailed, callsCancelled }: MemberStats): string {
  const parts = [
    `${count(callsStarted)} started`,
    `${count(callsSucceeded)} succeeded`,
    `${count(callsFailed)} failed`,
    `${count(callsCancelled)} cancelled`,
  ];
  return parts.join(", ");
}

function loadText({ cpuRatio, memoryRatio, diskRatio, loopLagMs }: NonNullable<WireMember["load"]>): string {
  const percent = (ratio: number) => `${Math.round(ratio * 100)} %`;
  const shares = `cpu ${percent(cpuRatio)}, memory ${percent(memoryRatio)}, disk ${percent(diskRatio)}`;
  return `${shares}, loop lag ${latency(loopLagMs)}`;
}

function machineText({ cpuCores, memoryMib, hostname, platform }: NonNullable<WireMember["resources"]>): string {
  const parts = [hostname, platform, `${cpuCores} cores`, `${memoryMib} MiB`];
  return printable(parts.filter((part) => part !== "").join(", "));
}

function heartbeatText({ lastHeartbeatUnixMs, phi, roundTripMs, reported }: WireMember, nowMs: number): string {
  const parts = [ago(nowMs, lastHeartbeatUnixMs), `phi ${phi.toFixed(2)}`, `round trip ${latency(roundTripMs)}`];
  return `${parts.join(", ")}${reported ? ", reported by RPC: it runs no agent of ours" : ""}`;
}

function agentsText(agents: readonly Agent[]): string {
  return agents.map((agent) => `${agent.name} (${stateOfAgent(agent)})`).join(", ") || "none";
}

function plainCalls(stats: MemberStats | undefined) {
  return {
    started: Number(stats?.callsStarted ?? 0),
    succeeded: Number(stats?.callsSucceeded ?? 0),
    failed: Number(stats?.callsFailed ?? 0),
    cancelled: Number(stats?.callsCancelled ?? 0),
    latencyP50Ms: stats?.latencyP50Ms ?? 0,
    latencyP99Ms: stats?.latencyP99Ms ?? 0,
  };
}
