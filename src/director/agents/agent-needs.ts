import { parseSelector } from "../../balancing/selector";
import type { AgentNeeds, AgentParameters, AgentRecord } from "../../core/agent";
import { FabricError } from "../../core/errors";
import { takesAgents, type Intent, type MemberRecord } from "../../core/member";

const NAME = /^[A-Za-z0-9._:-]{1,128}$/;
const SERVICES_MAX = 64;
const SERVICE_LENGTH_MAX = 255;
/** Keys and values together, in bytes of UTF-8: parameters say what to do, and are no place for data. */
const PARAMETERS_BYTES_MAX = 4_096;

/** What somebody wants to be run. */
export interface AgentWish extends AgentNeeds {
  readonly name: string;
  readonly parameters: AgentParameters;
}

/** @throws FabricError INVALID_ARGUMENT that names each field, its value and the remedy */
export function checkWish(wish: AgentWish): void {
  const mistakes = [...mistakesIn(wish)];
  if (mistakes.length > 0) throw new FabricError("INVALID_ARGUMENT", mistakes.join("; "));
  parseSelector(wish.match);
}

function* mistakesIn({ name, services, parameters }: AgentWish): Generator<string> {
  if (!NAME.test(name)) yield `name is "${name.slice(0, 60)}": use 1 to 128 characters of letters, digits and . _ : -`;
  if (services.length > SERVICES_MAX) yield `services has ${services.length}: at most ${SERVICES_MAX}`;
  for (const service of services.slice(0, SERVICES_MAX)) {
    if (service === "" || service.length > SERVICE_LENGTH_MAX)
      yield `services has a name of ${service.length} characters: use 1 to ${SERVICE_LENGTH_MAX}`;
  }
  let bytes = 0;
  for (const [key, value] of Object.entries(parameters)) bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  if (bytes > PARAMETERS_BYTES_MAX)
    yield `parameters are ${bytes} bytes: at most ${PARAMETERS_BYTES_MAX}; put more where the agent can fetch it`;
}

/** Whether both ask for the same; the order of services and parameters does not count. */
export function isSameWish(one: AgentWish, other: AgentWish): boolean {
  const asText = ({ services, match, onlyMemberId, parameters }: AgentWish) =>
    JSON.stringify([[...services].sort(), match, onlyMemberId, Object.entries(parameters).sort(byKey)]);
  return asText(one) === asText(other);
}

function byKey([a]: [string, string], [b]: [string, string]): number {
  return a < b ? -1 : 1;
}

/** The tag by which a member says that it has a service whose name is no name of gRPC. */
const SERVICE_TAG = "service.";

function hasService({ services, tags }: MemberRecord, service: string): boolean {
  if (services.includes(service)) return true;
  const tag = `${SERVICE_TAG}${service}`;
  return Object.hasOwn(tags, tag) && tags[tag] !== "false";
}

/** Why the member cannot have the agent whatever its state is, in words; "" when it can. */
export function unfitReason(record: MemberRecord, needs: AgentNeeds): string {
  if (needs.onlyMemberId !== "" && needs.onlyMemberId !== record.memberId) return "another member is asked for";
  if (!takesAgents(record)) return "it takes no agents";
  const missing = needs.services.find((service) => !hasService(record, service));
  if (missing !== undefined) return `it does not serve ${missing}`;
  if (needs.match !== "" && !parseSelector(needs.match).matches(record.tags)) return `it does not match ${needs.match}`;
  return "";
}

/** Why nothing new is placed on the member now, in words; "" when it may be. A standby is taken when nobody else is left. */
export function closedReason(record: MemberRecord, intent: Intent): string {
  if (record.state !== "alive") return `${record.state}${record.stateReason && `: ${record.stateReason}`}`;
  if (record.condition !== undefined) return `it reports its condition: ${record.condition}`;
  if (intent.kind === "serving" || intent.kind === "standby") return "";
  return `operator: ${intent.kind}${intent.reason && ` (${intent.reason})`}`;
}

/** A first placement, or the next; the old place goes on until the new one runs, if it is given. */
export function placedAt(
  record: AgentRecord,
  { memberId, isReported }: { readonly memberId: string; readonly isReported: boolean },
  { reason, nowUnixMs, keep }: { readonly reason: string; readonly nowUnixMs: number; readonly keep: boolean },
): AgentRecord {
  const isMove = record.memberId !== "" && record.memberId !== memberId;
  const isHere = record.state === "starting" || record.state === "running";
  const stillRunsAt =
    record.previous ?? (isHere ? { memberId: record.memberId, generation: record.generation } : undefined);
  const isKept = keep && isMove && !isReported && stillRunsAt?.memberId !== memberId;
  return {
    ...record,
    // Nobody would report from there.
    state: isReported ? "running" : "starting",
    reason,
    memberId,
    generation: record.generation + 1,
    previous: isKept ? stillRunsAt : undefined,
    assignedAtUnixMs: nowUnixMs,
    moves: record.moves + (isMove ? 1 : 0),
  };
}

/** Nobody has it. */
export function unplaced(record: AgentRecord, reason: string): AgentRecord {
  return { ...record, state: "pending", reason, memberId: "", previous: undefined };
}
