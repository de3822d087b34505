import { parseSocketAddress } from "../../core/address";
import { FabricError } from "../../core/errors";
import {
  NO_LOAD,
  NO_RESOURCES,
  type IntentKind,
  type Load,
  type MemberState,
  type ReportedCondition,
  type Resources,
} from "../../core/member";
import type { DirectorInfo, WireMember } from "../../wire/contract";
import {
  conditionFromWire,
  intentKindFromWire,
  loadFromWire,
  resourcesFromWire,
  stateFromWire,
} from "../../wire/member-codec";
import { API_TAG, labelsOf, servicesOf, SERVICE_TAG, URL_TAG, type SeedApi } from "./node-tags";

/** A member or a director, as far as the APIs of other systems tell of either. Each API has its own words for it. */
export interface Node {
  readonly kind: "director" | "member";
  readonly id: string;
  readonly name: string;
  /** host:port for gRPC. */
  readonly address: string;
  /** Name or address, or the whole address of a unix socket. */
  readonly host: string;
  /** 0 of a unix socket. */
  readonly port: number;
  /** Where it is asked by HTTP, or its address in that form. */
  readonly url: string;
  /** As it was registered; "director" of directors. */
  readonly role: string;
  /** Of directors. */
  readonly isLeader: boolean;
  /** The director that answers. */
  readonly isSelf: boolean;
  readonly state: MemberState;
  readonly intent: IntentKind;
  readonly condition: ReportedCondition | undefined;
  /** It has no agent of ours, and lives by the heartbeats that somebody sends for it. */
  readonly isReported: boolean;
  /** By which of the APIs it was registered, if by any. */
  readonly registeredBy: SeedApi | undefined;
  readonly services: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** Calls at once; 0 for no bound. */
  readonly slots: number;
  /** Agents it takes at most; 0 for no bound. */
  readonly agentsMax: number;
  /** Agents that are placed on it. */
  readonly agents: number;
  readonly load: Load;
  readonly resources: Resources;
  readonly joinedAtUnixMs: number;
  readonly lastSeenUnixMs: number;
  /** Measured on the director's connection to it; undefined where there is none. */
  readonly responseTimeMs: number | undefined;
}

/** @param agents - that are placed on it */
export function nodeOfMember(member: WireMember, agents: number): Node {
  const { tags, address } = member;
  const state = stateFromWire(member.state) ?? "joining";
  const joinedAtUnixMs = Number(member.joinedAtUnixMs);
  const condition = conditionFromWire(member.condition);
  return {
    kind: "member",
    id: member.memberId,
    name: member.label || member.memberId,
    ...placeOf(address),
    url: tags.get(URL_TAG) ?? `http://${address}`,
    role: member.role,
    isLeader: false,
    isSelf: false,
    state,
    intent: intentKindFromWire(member.intent?.kind ?? 0) ?? "serving",
    condition: condition === "offline" ? undefined : condition,
    isReported: member.reported,
    registeredBy: tags.get(API_TAG) as SeedApi | undefined,
    services: [...member.services, ...servicesOf(tags)],
    labels: labelsOf(tags),
    slots: member.slots,
    agentsMax: member.agentsMax,
    agents,
    load: loadFromWire(member.load),
    resources: resourcesFromWire(member.resources),
    joinedAtUnixMs,
    lastSeenUnixMs: Number(member.lastHeartbeatUnixMs) || lastKnown(member, state, joinedAtUnixMs),
    responseTimeMs: member.roundTripMs === 0 ? undefined : member.roundTripMs,
  };
}

/** @param nowUnixMs - the store vouches for the directors that it has */
export function nodeOfDirector(director: DirectorInfo, nowUnixMs: number, responseTimeMs: number | undefined): Node {
  const { directorId, address, httpAddress, intent } = director;
  return {
    kind: "director",
    id: directorId,
    name: directorId,
    ...placeOf(httpAddress || address),
    address,
    url: `http://${httpAddress || address}`,
    role: "director",
    isLeader: director.leader,
    isSelf: director.self,
    state: "alive",
    intent: intentKindFromWire(intent?.kind ?? 0) ?? "serving",
    condition: undefined,
    isReported: false,
    registeredBy: undefined,
    services: [],
    labels: {},
    slots: 0,
    agentsMax: 0,
    agents: 0,
    load: NO_LOAD,
    resources: NO_RESOURCES,
    joinedAtUnixMs: Number(director.startedAtUnixMs),
    lastSeenUnixMs: nowUnixMs,
    responseTimeMs,
  };
}

/** Alive, and nothing wrong with it. */
export function isHealthy({ state, condition }: Node): boolean {
  return state === "alive" && condition !== "failed" && condition !== "initializing";
}

/** Whether an operator keeps it from taking calls. */
export function isWithheld({ intent }: Node): boolean {
  return intent === "maintenance" || intent === "draining" || intent === "cordoned";
}

export function isGone({ state }: Node): boolean {
  return state === "dead" || state === "left";
}

export { SERVICE_TAG };

/** Without a heartbeat that this director knows of: its registration was a sign of life, and so was coming back. */
function lastKnown({ stateSinceUnixMs }: WireMember, state: MemberState, joinedAtUnixMs: number): number {
  return state === "alive" ? Math.max(joinedAtUnixMs, Number(stateSinceUnixMs)) : joinedAtUnixMs;
}

function placeOf(address: string): Pick<Node, "address" | "host" | "port"> {
  try {
    const place = parseSocketAddress(address, "address");
    if ("host" in place) return { address, ...place };
  } catch (error) {
    if (!(error instanceof FabricError)) throw error; // of another version's records: shown as it is
  }
  return { address, host: address, port: 0 };
}
