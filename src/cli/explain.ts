import type { Candidate } from "../wire/contract";
import type { OperatorParts } from "./operator";
import { printable } from "./printable";
import { resolveNode } from "./resolve-id";
import { printTable, type Column } from "./table";
import { EXIT, paint } from "./terminal";

export interface ExplainOptions {
  /** "package.Service/Method" or "package.Service". */
  readonly method: string;
  readonly match: string;
  readonly affinityKey: string;
  readonly policy: string;
  /** Only this node; "" for any. */
  readonly node: string;
  readonly json: boolean;
}

/** `heddle explain`: a dry run of a call, as the director that answers would route it. */
export async function explainCall(
  parts: Pick<OperatorParts, "operator" | "terminal" | "timeoutMs">,
  options: ExplainOptions,
): Promise<number> {
  const { operator, terminal, timeoutMs } = parts;
  const { match, affinityKey, policy, json } = options;
  const method = await fullName(parts, options.method);
  const memberId = options.node === "" ? "" : await resolveNode(parts, options.node);
  const answer = await operator.explain({ method, match, affinityKey, policy, memberId }, { timeoutMs });
  const { pickedMemberId: picked, candidates, message } = answer;
  if (json) {
    const plain = candidates.map(({ memberId: node, eligible, excludedBecause, load, inFlight, slots }) => {
      return { node, eligible, excludedBecause, load, inFlight, slots };
    });
    terminal.out(JSON.stringify({ method, policy: answer.policy, picked, message, candidates: plain }, undefined, 2));
    return EXIT.ok;
  }
  if (picked === "") terminal.out(paint(terminal, "yellow", `nobody can take it: ${printable(message)}`));
  else terminal.out(paint(terminal, "green", `${picked} would get it, by ${answer.policy}`));
  if (candidates.length > 0) printTable(terminal, COLUMNS, inOrder(candidates, picked), colourOf);
  if (picked === "") terminal.err("Try: heddle nodes ls");
  return EXIT.ok;
}

/**
 * With a leading slash, as gRPC and curl write it, or without; of the service's name the end will do that no other has. What is found
 * nowhere stays as it is: the director says what is wrong with it.
 */
async function fullName({ operator, timeoutMs }: Pick<OperatorParts, "operator" | "timeoutMs">, given: string) {
  const method = given.replace(/^\//, "");
  const [service = ""] = method.split("/");
  if (service.includes(".")) return method;
  const { members } = await operator.listMembers({}, { timeoutMs });
  const ends = new Set(members.flatMap(({ services }) => services.filter((name) => name.endsWith(`.${service}`))));
  const [only] = ends;
  return only !== undefined && ends.size === 1 ? `${only}${method.slice(service.length)}` : method;
}

const COLUMNS: readonly Column<Candidate>[] = [
  { title: "CANDIDATE", cell: ({ memberId }) => memberId },
  { title: "ELIGIBLE", cell: ({ eligible }) => (eligible ? "yes" : "no") },
  { title: "LOAD", cell: ({ load }) => String(Math.round(load * 1_000) / 1_000), side: "right" },
  { title: "CALLS", cell: ({ inFlight, slots }) => `${inFlight}/${slots === 0 ? "-" : slots}` },
  { title: "WHY NOT", cell: ({ excludedBecause }) => excludedBecause },
];

/** The one that is picked, then who else could be, the least loaded first, then the others. */
function inOrder(candidates: readonly Candidate[], picked: string): Candidate[] {
  const rank = ({ memberId, eligible }: Candidate) => (memberId === picked ? 0 : eligible ? 1 : 2);
  return [...candidates].sort((a, b) => rank(a) - rank(b) || a.load - b.load);
}

function colourOf({ eligible }: Candidate) {
  return eligible ? undefined : ("dim" as const);
}
