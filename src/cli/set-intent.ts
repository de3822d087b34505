import type { IntentKind } from "../core/member";
import { intentKindToWire } from "../wire/member-codec";
import { plainNode } from "./node-facts";
import type { OperatorParts } from "./operator";
import { resolveNode } from "./resolve-id";
import { EXIT } from "./terminal";

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
  maintenance: "is out for maintenance. Watch it finish: heddle nodes drain",
  standby: "is used only when no other is ready. Undo: heddle nodes resume",
};

/** `heddle nodes cordon`, `uncordon`, `resume`, `maintenance`, `standby`. */
export async function setIntent(
  parts: Pick<OperatorParts, "operator" | "terminal" | "timeoutMs">,
  order: IntentOrder,
): Promise<number> {
  const { operator, terminal, timeoutMs } = parts;
  const { kind, reason, setBy, json } = order;
  const memberId = await resolveNode(parts, order.node);
  const asked = { memberId, kind: intentKindToWire(kind), reason, setBy };
  const { member } = await operator.setIntent(asked, { timeoutMs });
  if (json) terminal.out(JSON.stringify(member && plainNode(member), undefined, 2));
  else terminal.out(`${memberId} ${DONE[kind]}${DONE[kind].includes(": heddle") ? ` ${memberId}` : ""}`);
  if (!json && kind === "maintenance") terminal.err(`End it: heddle nodes resume ${memberId}`);
  return EXIT.ok;
}
