import { MEMBER_STATES } from "../wire/member-codec";
import type { MemberStats, WireMember } from "../wire/contract";
import { nearestName } from "../core/nearest-name";
import { ago, latency } from "./ages";
import { CONDITIONS, conditionOf, CONDITION_COLOURS, inFlightOf, intentOf, plainNode, stateOf } from "./node-facts";
import type { OperatorParts } from "./operator";
import { printTable, type Column } from "./table";
import { CommandError, EXIT } from "./terminal";

export interface ListOptions {
  /** States and conditions, any of which will do; empty for all. */
  readonly states: readonly string[];
  readonly role: string;
  readonly match: string;
  readonly service: string;
  /** Ids only. */
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly json: boolean;
}

export type ListParts = Pick<OperatorParts, "operator" | "terminal" | "clock" | "timeoutMs">;

/** `heddle nodes ls`. */
export async function listNodes(parts: ListParts, options: ListOptions): Promise<number> {
  const { operator, terminal, timeoutMs } = parts;
  const { role, match, service, json, quiet } = options;
  const states = checkedStates(options.states);
  const asked = { role, match, service };
  const answer = await operator.listMembers(asked, { timeoutMs });
  const members = answer.members.filter(
    (member) => states.size === 0 || states.has(stateOf(member)) || states.has(conditionOf(member)),
  );
  if (quiet) for (const { memberId } of members) terminal.out(memberId);
  else if (json) terminal.out(JSON.stringify(members.map(plainNode), undefined, 2));
  else if (members.length > 0) await printNodes(parts, members, options.verbose);
  else noNodes(parts, options);
  return EXIT.ok;
}

function noNodes({ terminal }: ListParts, { states, role, match, service }: ListOptions): void {
  const isFiltered = states.length > 0 || [role, match, service].some((text) => text !== "");
  terminal.out(isFiltered ? "no such nodes" : "no nodes");
  terminal.err(isFiltered ? "Try: heddle nodes ls" : "Try: heddle worker");
}

/** @throws CommandError */
function checkedStates(given: readonly string[]): ReadonlySet<string> {
  const known = [...MEMBER_STATES, ...CONDITIONS];
  for (const state of given) {
    if (known.includes(state)) continue;
    const nearest = nearestName(state, known);
    const near = nearest === undefined ? "" : `; did you mean ${nearest}?`;
    const words = [...new Set(known)].join(", ");
    throw new CommandError(EXIT.usage, `--state is "${state}": use ${words}${near}`, "heddle nodes ls --help");
  }
  return new Set(given);
}

async function printNodes(parts: ListParts, members: readonly WireMember[], verbose: boolean): Promise<void> {
  const { terminal, operator, clock, timeoutMs } = parts;
  const stats = new Map<string, MemberStats>();
  if (verbose) {
    const { perMember } = await operator.getStats({}, { timeoutMs });
    for (const each of perMember) stats.set(each.memberId, each);
  }
  const nowMs = clock.wallMs();
  const more: readonly Column<WireMember>[] = [
    { title: "ROLE", cell: ({ role }) => role, expendable: 5 },
    { title: "VERSION", cell: ({ version }) => version, expendable: 6 },
    { title: "P50", cell: (member) => latency(stats.get(member.memberId)?.latencyP50Ms ?? 0), side: "right" },
    { title: "P99", cell: (member) => latency(stats.get(member.memberId)?.latencyP99Ms ?? 0), side: "right" },
    { title: "PHI", cell: ({ phi }) => phi.toFixed(1), side: "right", expendable: 7 },
    { title: "BEAT", cell: ({ lastHeartbeatUnixMs }) => ago(nowMs, lastHeartbeatUnixMs), expendable: 4 },
    { title: "TAGS", cell: tagsOf, expendable: 8 },
    { title: "SERVICES", cell: ({ services }) => services.join(","), expendable: 9 },
  ];
  const columns: readonly Column<WireMember>[] = [
    { title: "NODE", cell: ({ memberId }) => memberId },
    { title: "STATE", cell: stateOf },
    { title: "INTENT", cell: intentOf, expendable: 2 },
    { title: "READY", cell: readyWord },
    { title: "CALLS", cell: (member) => `${inFlightOf(member)}/${member.slots === 0 ? "-" : member.slots}` },
    { title: "ADDRESS", cell: ({ address }) => address, expendable: 3 },
    { title: "HOME", cell: ({ homeDirectorId }) => homeDirectorId, expendable: 4 },
    ...(verbose ? more : []),
    { title: "WHY NOT", cell: ({ notReadyReason }) => notReadyReason, expendable: 1 },
  ];
  printTable(terminal, columns, members, (member) => CONDITION_COLOURS[conditionOf(member)]);
}

/** A full node is there and takes calls again in a moment; one that is gone does not. */
function readyWord(member: WireMember): string {
  const condition = conditionOf(member);
  if (condition === "full" || condition === "gone") return condition;
  return member.ready ? "yes" : "no";
}

export function tagsOf({ tags }: Pick<WireMember, "tags">): string {
  return [...tags].map(([key, value]) => (value === "" ? key : `${key}=${value}`)).join(",");
}
