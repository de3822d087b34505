import type { IntentKind } from "../core/member";
import type { WireMember } from "../wire/contract";
import { intentKindFromWire, intentKindToWire, stateFromWire } from "../wire/member-codec";
import type { OperatorParts } from "./operator";
import { CommandError, EXIT, paint, table } from "./terminal";

/** What it takes to ask. */
type Asking = Pick<OperatorParts, "operator" | "timeoutMs">;
export type NodesParts = Pick<OperatorParts, "operator" | "terminal" | "timeoutMs">;

/** Candidates that an error names. */
const NAMED_MAX = 8;

/** `heddle nodes ls`. */
export async function listNodes(parts: NodesParts, json: boolean): Promise<number> {
  const { terminal } = parts;
  const members = await membersOf(parts);
  if (json) {
    terminal.out(JSON.stringify(members.map(plainMember), undefined, 2));
    return EXIT.ok;
  }
  if (members.length === 0) {
    terminal.out("no nodes");
    terminal.err("Try: heddle worker");
    return EXIT.ok;
  }
  const rows = members.map((member) => {
    const { id, state, intent, ready, inFlight, slots, address, home, notReadyReason } = plainMember(member);
    const calls = `${inFlight}/${slots === 0 ? "-" : slots}`;
    return [id, state, intent, ready ? "yes" : "no", calls, address, home, notReadyReason];
  });
  const [head, ...lines] = table([
    ["NODE", "STATE", "INTENT", "READY", "CALLS", "ADDRESS", "HOME", "WHY NOT"],
    ...rows,
  ]);
  terminal.out(paint(terminal, "dim", head!));
  members.forEach(({ ready }, index) => terminal.out(ready ? lines[index]! : paint(terminal, "yellow", lines[index]!)));
  return EXIT.ok;
}

export interface IntentOrder {
  /** Or a beginning of the id that no other has. */
  readonly node: string;
  readonly kind: IntentKind;
  readonly reason: string;
  readonly setBy: string;
  readonly json: boolean;
}

const DONE: Readonly<Record<IntentKind, string>> = {
  serving: "takes calls again",
  cordoned: "gets no new calls; those it has go on. Undo: heddle nodes uncordon",
  draining: "is draining. Watch: heddle nodes drain",
  maintenance: "is out for maintenance. Undo: heddle nodes resume",
  standby: "is used only when no other is ready. Undo: heddle nodes resume",
};

/** `heddle nodes cordon`, `uncordon`, `resume`. */
export async function setIntent(parts: NodesParts, order: IntentOrder): Promise<number> {
  const { operator, terminal, timeoutMs } = parts;
  const { kind, reason, setBy, json } = order;
  const memberId = await resolveNode(parts, order.node);
  const { member } = await operator.setIntent({ memberId, kind: intentKindToWire(kind), reason, setBy }, { timeoutMs });
  if (json) terminal.out(JSON.stringify(member && plainMember(member)));
  else terminal.out(`${memberId} ${DONE[kind]}${DONE[kind].includes(": heddle") ? ` ${memberId}` : ""}`);
  return EXIT.ok;
}

/** The one node of this id, or whose id alone begins so. @throws CommandError */
export async function resolveNode(parts: Asking, node: string): Promise<string> {
  const ids = (await membersOf(parts)).map(({ memberId }) => memberId);
  if (ids.includes(node)) return node;
  const matching = ids.filter((id) => id.startsWith(node));
  const [only] = matching;
  if (only !== undefined && matching.length === 1) return only;
  if (only !== undefined) {
    const message = `"${node}" is the beginning of ${matching.length} nodes: ${named(matching)}`;
    throw new CommandError(EXIT.usage, message, `the same with more of the id, such as ${only}`);
  }
  const known = ids.length === 0 ? "there are none" : `there are ${named(ids)}`;
  throw new CommandError(EXIT.notFound, `no node's id is or begins with "${node}": ${known}`, "heddle nodes ls");
}

async function membersOf({ operator, timeoutMs }: Asking): Promise<readonly WireMember[]> {
  const { members } = await operator.listMembers({}, { timeoutMs });
  return members;
}

function named(ids: readonly string[]): string {
  const more = ids.length > NAMED_MAX ? `, and ${ids.length - NAMED_MAX} more` : "";
  return `${ids.slice(0, NAMED_MAX).join(", ")}${more}`;
}

/** A node as `--json` shows it. Keys stay as they are; new ones may come. */
function plainMember(member: WireMember) {
  const { memberId: id, label, address, ready, notReadyReason, slots, version, role, services, tags } = member;
  const { kind, reason = "", setBy = "", setAtUnixMs = 0n } = member.intent ?? {};
  return {
    id,
    label,
    address,
    state: stateFromWire(member.state) ?? "unknown",
    intent: (kind === undefined ? undefined : intentKindFromWire(kind)) ?? "serving",
    reason,
    setBy,
    setAtUnixMs: Number(setAtUnixMs),
    ready,
    notReadyReason,
    // At its home director what the worker counts; elsewhere what the answering director has in flight.
    inFlight: Math.max(member.load?.inFlight ?? 0, member.directorInFlight),
    slots,
    role,
    version,
    services,
    tags: Object.fromEntries(tags),
    home: member.homeDirectorId,
  };
}
