import {
  IntentKind as WireIntentKind,
  MemberCondition as WireCondition,
  MemberState as WireMemberState,
  type Intent as WireIntent,
  type Load as WireLoad,
  type Resources as WireResources,
} from "../../generated/heddle/v1/member";
import {
  MemberEventKind as WireEventKind,
  type MemberEvent as WireMemberEvent,
} from "../../generated/heddle/v1/attach";
import type { MemberEvent, MemberEventKind } from "../core/attach-messages";
import {
  NO_LOAD,
  NO_RESOURCES,
  type Intent,
  type IntentKind,
  type Load,
  type MemberState,
  type ReportedCondition,
  type Resources,
  type Tags,
} from "../core/member";

const STATE_TO_WIRE = {
  joining: WireMemberState.JOINING,
  alive: WireMemberState.ALIVE,
  suspect: WireMemberState.SUSPECT,
  dead: WireMemberState.DEAD,
  draining: WireMemberState.DRAINING,
  left: WireMemberState.LEFT,
} as const satisfies Record<MemberState, WireMemberState>;

const INTENT_TO_WIRE = {
  serving: WireIntentKind.SERVING,
  cordoned: WireIntentKind.CORDONED,
  draining: WireIntentKind.DRAINING,
  maintenance: WireIntentKind.MAINTENANCE,
  standby: WireIntentKind.STANDBY,
} as const satisfies Record<IntentKind, WireIntentKind>;

const CONDITION_TO_WIRE = {
  initializing: WireCondition.INITIALIZING,
  failed: WireCondition.FAILED,
  maintenance: WireCondition.MAINTENANCE,
  offline: WireCondition.OFFLINE,
} as const satisfies Record<ReportedCondition | "offline", WireCondition>;

const EVENT_TO_WIRE = {
  "node-joined": WireEventKind.NODE_JOINED,
  "node-left": WireEventKind.NODE_LEFT,
  "node-suspected": WireEventKind.NODE_SUSPECTED,
  "node-failed": WireEventKind.NODE_FAILED,
  "node-recovered": WireEventKind.NODE_RECOVERED,
  "node-updated": WireEventKind.NODE_UPDATED,
  "intent-changed": WireEventKind.INTENT_CHANGED,
  "leader-changed": WireEventKind.LEADER_CHANGED,
  "balancing-changed": WireEventKind.BALANCING_CHANGED,
  reset: WireEventKind.RESET,
  "agent-assigned": WireEventKind.AGENT_ASSIGNED,
  "agent-moved": WireEventKind.AGENT_MOVED,
  "agent-pending": WireEventKind.AGENT_PENDING,
  "agent-failed": WireEventKind.AGENT_FAILED,
  "agent-released": WireEventKind.AGENT_RELEASED,
} as const satisfies Record<MemberEventKind, WireEventKind>;

/** The words for them, where people say which they mean. */
export const MEMBER_STATES = Object.keys(STATE_TO_WIRE);
export const EVENT_KINDS = Object.keys(EVENT_TO_WIRE);

function inverse<K extends string, V extends number>(table: Readonly<Record<K, V>>): ReadonlyMap<number, K> {
  return new Map(Object.entries<V>(table).map(([key, value]) => [value, key as K]));
}

const STATE_FROM_WIRE = inverse(STATE_TO_WIRE);
const INTENT_FROM_WIRE = inverse(INTENT_TO_WIRE);
const CONDITION_FROM_WIRE = inverse(CONDITION_TO_WIRE);
const EVENT_FROM_WIRE = inverse(EVENT_TO_WIRE);

export const stateToWire = (state: MemberState): WireMemberState => STATE_TO_WIRE[state];
/** `undefined` for UNSPECIFIED and for a number of a newer version. */
export const stateFromWire = (state: number): MemberState | undefined => STATE_FROM_WIRE.get(state);
/** `undefined` for UNSPECIFIED and for a number of a newer version. */
export const intentKindFromWire = (kind: number): IntentKind | undefined => INTENT_FROM_WIRE.get(kind);
export const intentKindToWire = (kind: IntentKind): WireIntentKind => INTENT_TO_WIRE[kind];

export const conditionToWire = (condition: ReportedCondition | "offline" | undefined): WireCondition =>
  condition === undefined ? WireCondition.UNSPECIFIED : CONDITION_TO_WIRE[condition];
/** `undefined` for UNSPECIFIED and for a number of a newer version. */
export const conditionFromWire = (condition: number): ReportedCondition | "offline" | undefined =>
  CONDITION_FROM_WIRE.get(condition);

export function intentToWire(intent: Intent): WireIntent {
  return {
    kind: INTENT_TO_WIRE[intent.kind],
    setBy: intent.setBy,
    reason: intent.reason,
    setAtUnixMs: BigInt(intent.setAtUnixMs),
    deadlineUnixMs: BigInt(intent.deadlineUnixMs),
    force: intent.force,
  };
}

export const loadToWire = (load: Load): WireLoad => ({ ...load });

/** A ratio or count that is no number counts as 0: a peer's arithmetic must not poison ours. */
export function loadFromWire(load: WireLoad | undefined): Load {
  if (!load) return NO_LOAD;
  const finite = (value: number) => (Number.isFinite(value) && value > 0 ? value : 0);
  const ratio = (value: number) => Math.min(1, finite(value));
  return {
    cpuRatio: ratio(load.cpuRatio),
    memoryRatio: ratio(load.memoryRatio),
    diskRatio: ratio(load.diskRatio),
    loadAverage: finite(load.loadAverage),
    inFlight: finite(load.inFlight),
    loopLagMs: finite(load.loopLagMs),
  };
}

export function resourcesToWire(resources: Resources): WireResources {
  return {
    ...resources,
    memoryMib: Math.round(resources.memoryMib),
    diskMib: BigInt(Math.round(resources.diskMib)),
  };
}

export function resourcesFromWire(resources: WireResources | undefined): Resources {
  return resources ? { ...resources, diskMib: Number(resources.diskMib) } : NO_RESOURCES;
}

export const tagsToWire = (tags: Tags): Map<string, string> => new Map(Object.entries(tags));

/** Without a prototype, so that a tag named "__proto__" is a tag. */
export function tagsFromWire(tags: ReadonlyMap<string, string>): Tags {
  const result = Object.create(null) as Record<string, string>;
  for (const [key, value] of tags) result[key] = value;
  return result;
}

export function eventToWire(event: MemberEvent): WireMemberEvent {
  return {
    revision: BigInt(event.revision),
    kind: EVENT_TO_WIRE[event.kind],
    memberId: event.memberId,
    detail: event.detail,
    atUnixMs: BigInt(event.atUnixMs),
    member: undefined,
    agent: event.agent ?? "",
  };
}

/** `undefined` for a kind of a newer version. */
export function eventFromWire(event: WireMemberEvent): MemberEvent | undefined {
  const kind = EVENT_FROM_WIRE.get(event.kind);
  if (!kind) return undefined;
  return {
    revision: Number(event.revision),
    kind,
    memberId: event.memberId,
    detail: event.detail,
    atUnixMs: Number(event.atUnixMs),
    ...(event.agent && { agent: event.agent }),
  };
}
