import { nearestName } from "../core/nearest-name";
import type { OperatorParts } from "./operator";
import { CommandError, EXIT, paint } from "./terminal";

export type BalanceParts = Pick<OperatorParts, "operator" | "terminal" | "timeoutMs">;

/** `heddle balance get`. */
export async function showPolicy({ operator, terminal, timeoutMs }: BalanceParts, json: boolean): Promise<number> {
  const { policy, available } = await operator.getBalancing({}, { timeoutMs });
  if (json) terminal.out(JSON.stringify({ policy, available }, undefined, 2));
  else
    for (const each of available) terminal.out(each === policy ? paint(terminal, "green", `* ${each}`) : `  ${each}`);
  return EXIT.ok;
}

/** `heddle balance set`. Any spelling that the director takes. */
export async function setPolicy(
  { operator, terminal, timeoutMs }: BalanceParts,
  { policy, json }: { readonly policy: string; readonly json: boolean },
): Promise<number> {
  const { available, policy: before } = await operator.getBalancing({}, { timeoutMs });
  const words = (text: string) => text.toLowerCase().replace(/[^a-z0-9]/g, "");
  if (!available.some((each) => words(each) === words(policy))) {
    const nearest = nearestName(policy.toLowerCase(), available);
    const near = nearest === undefined ? "" : `; did you mean ${nearest}?`;
    const message = `"${policy}" is no policy: there are ${available.join(", ")}${near}`;
    throw new CommandError(EXIT.usage, message, `heddle balance set ${nearest ?? available[0] ?? "<policy>"}`);
  }
  const { policy: now } = await operator.setBalancing({ policy }, { timeoutMs });
  if (json) terminal.out(JSON.stringify({ policy: now, before }, undefined, 2));
  else terminal.out(now === before ? `the policy was ${now} already` : `the policy is ${now} now; it was ${before}`);
  return EXIT.ok;
}
