import { confirm } from "./confirm";
import { inFlightOf, stateOf } from "./node-facts";
import type { OperatorParts } from "./operator";
import { resolveNode } from "./resolve-id";
import { EXIT } from "./terminal";

export interface RemoveOptions {
  /** Or a beginning of the id that no other has. */
  readonly node: string;
  readonly reason: string;
  /** Does not ask. */
  readonly yes: boolean;
  readonly json: boolean;
}

/** `heddle nodes rm`. */
export async function removeNode(
  parts: Pick<OperatorParts, "operator" | "terminal" | "timeoutMs">,
  { node, reason, yes, json }: RemoveOptions,
): Promise<number> {
  const { operator, terminal, timeoutMs } = parts;
  const memberId = await resolveNode(parts, node);
  if (!yes) {
    const { member } = await operator.getMember({ memberId }, { timeoutMs });
    const is = member === undefined ? "" : ` (${stateOf(member)}, ${inFlightOf(member)} calls in flight)`;
    await confirm(terminal, `${memberId}${is} would be forgotten`, { yes, command: `heddle nodes rm ${memberId}` });
  }
  await operator.removeMember({ memberId, reason }, { timeoutMs });
  if (json) terminal.out(JSON.stringify({ id: memberId, removed: true }, undefined, 2));
  else terminal.out(`${memberId} is forgotten. If it runs it attaches again: stop it first to be rid of it.`);
  return EXIT.ok;
}
