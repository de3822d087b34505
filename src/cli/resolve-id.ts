import { nearestName } from "../core/nearest-name";
import type { WireMember } from "../wire/contract";
import type { OperatorParts } from "./operator";
import { CommandError, EXIT } from "./terminal";

/** What it takes to ask. */
export type Asking = Pick<OperatorParts, "operator" | "timeoutMs">;

/** Candidates that an error names. */
const NAMED_MAX = 8;
/** Characters from which on a likely id is named. */
const NEAR_MIN = 4;

/** What is looked for, in the words of an error about it. */
export interface Sought {
  /** "node". */
  readonly one: string;
  /** "nodes". */
  readonly many: string;
  /** Command that lists them. */
  readonly list: string;
}

const NODES: Sought = { one: "node", many: "nodes", list: "heddle nodes ls" };

/** The one of `ids` that is `given`, or that alone begins so. @throws CommandError */
export function resolveId(given: string, ids: readonly string[], { one, many, list }: Sought): string {
  if (ids.includes(given)) return given;
  const matching = ids.filter((id) => id.startsWith(given));
  const [only] = matching;
  if (only !== undefined && matching.length === 1) return only;
  if (only !== undefined) {
    const message = `"${given}" is the beginning of ${matching.length} ${many}: ${named(matching)}`;
    throw new CommandError(EXIT.usage, message, `the same with more of the id, such as ${only}`);
  }
  // Of a shorter one every id is near.
  const nearest = given.length < NEAR_MIN ? undefined : nearestName(given, ids);
  const near = nearest === undefined ? "" : `; did you mean ${nearest}?`;
  const known = ids.length === 0 ? "there are none" : `there are ${named(ids)}`;
  throw new CommandError(EXIT.notFound, `no ${one}'s id is or begins with "${given}": ${known}${near}`, list);
}

/** The one node of this id, or whose id alone begins so. @throws CommandError */
export async function resolveNode(parts: Asking, node: string): Promise<string> {
  const ids = (await allNodes(parts)).map(({ memberId }) => memberId);
  return resolveId(node, ids, NODES);
}

export async function allNodes({ operator, timeoutMs }: Asking): Promise<readonly WireMember[]> {
  const { members } = await operator.listMembers({}, { timeoutMs });
  return members;
}

function named(ids: readonly string[]): string {
  const more = ids.length > NAMED_MAX ? `, and ${ids.length - NAMED_MAX} more` : "";
  return `${ids.slice(0, NAMED_MAX).join(", ")}${more}`;
}
