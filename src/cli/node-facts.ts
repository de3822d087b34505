import type { WireMember } from "../wire/contract";
import { intentKindFromWire, stateFromWire } from "../wire/member-codec";
import type { Colour } from "./terminal";

/** How a node is, in the word that matters most to whoever has too few: *full* is there and busy, *gone* is not there. */
export const CONDITIONS = ["ready", "full", "standby", "out", "joining", "suspect", "gone", "unready"] as const;
export type Condition = (typeof CONDITIONS)[number];

/** Calls in flight at a node: at its home director what the worker counts, elsewhere what the answering director has in flight. */
export function inFlightOf(member: WireMember): number {
  return Math.max(member.load?.inFlight ?? 0, member.directorInFlight);
}

export function stateOf(member: WireMember): string {
  return stateFromWire(member.state) ?? "unknown";
}

export function intentOf({ intent }: WireMember): string {
  return (intent === undefined ? undefined : intentKindFromWire(intent.kind)) ?? "serving";
}

export function conditionOf(member: WireMember): Condition {
  const state = stateOf(member);
  if (state === "dead" || state === "left") return "gone";
  if (state === "suspect" || state === "joining") return state;
  const intent = intentOf(member);
  if (intent !== "serving" && intent !== "standby") return "out";
  if (!member.ready) return "unready";
  if (member.slots > 0 && inFlightOf(member) >= member.slots) return "full";
  return intent === "standby" ? "standby" : "ready";
}

export const CONDITION_COLOURS: Readonly<Record<Condition, Colour | undefined>> = {
  ready: undefined,
  standby: undefined,
  full: "yellow",
  out: "dim",
  joining: "yellow",
  unready: "yellow",
  suspect: "red",
  gone: "red",
};

/** A node as `--json` shows it. Keys stay as they are; new ones may come. */
export function plainNode(member: WireMember) {
  const { memberId: id, label, address, ready, notReadyReason, slots, version, role, services, tags } = member;
  const { reason = "", setBy = "", setAtUnixMs = 0n } = member.intent ?? {};
  const { cpuRatio = 0, memoryRatio = 0, diskRatio = 0, loadAverage = 0, loopLagMs = 0 } = member.load ?? {};
  const {
    cpuCores = 0,
    memoryMib = 0,
    diskMib = 0n,
    hostname = "",
    platform = "",
    cpuModel = "",
  } = member.resources ?? {};
  return {
    id,
    label,
    address,
    condition: conditionOf(member),
    state: stateOf(member),
    stateReason: member.stateReason,
    stateSinceUnixMs: Number(member.stateSinceUnixMs),
    intent: intentOf(member),
    reason,
    setBy,
    setAtUnixMs: Number(setAtUnixMs),
    deadlineUnixMs: Number(member.intent?.deadlineUnixMs ?? 0),
    force: member.intent?.force ?? false,
    ready,
    notReadyReason,
    inFlight: inFlightOf(member),
    slots,
    role,
    version,
    services,
    tags: Object.fromEntries(tags),
    home: member.homeDirectorId,
    takesAgents: member.takesAgents,
    agentsMax: member.agentsMax,
    agentCount: member.agents,
    reported: member.reported,
    roundTripMs: member.roundTripMs,
    incarnation: Number(member.incarnation),
    joinedAtUnixMs: Number(member.joinedAtUnixMs),
    lastHeartbeatUnixMs: Number(member.lastHeartbeatUnixMs),
    phi: member.phi,
    load: { cpuRatio, memoryRatio, diskRatio, loadAverage, loopLagMs },
    resources: { cpuCores, memoryMib, diskMib: Number(diskMib), hostname, platform, cpuModel },
  };
}
