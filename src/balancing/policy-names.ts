import { FabricError } from "../core/errors";
import { POLICIES } from "./policy-table";

/** Other names in use, squashed (see `squash`). */
const ALIASES: Readonly<Record<string, string>> = {
  rr: "round-robin",
  leastconn: "least-connections",
  leastconnection: "least-connections",
  leastrequest: "least-connections",
  leastload: "least-loaded",
  leastagent: "least-agents",
  p2c: "power-of-two-choices",
  poweroftwo: "power-of-two-choices",
  ewma: "peak-ewma",
  hash: "consistent-hash",
  ringhash: "consistent-hash",
};

/** A longer name is no name; it is cut off in the message. */
const NAME_LENGTH_MAX = 64;

/** What "RoundRobin", "round_robin", "ROUND-ROBIN" and "StrategyRoundRobin" have in common. */
export function squash(name: string): string {
  return name
    .toLowerCase()
    .replace(/[-_\s]/g, "")
    .replace(/^strategy(?=.)/, "");
}

/**
 * The name as the table spells it, for any spelling of the systems we replace.
 * @throws FabricError INVALID_ARGUMENT, listing the names
 */
export function resolvePolicyName(name: string, names: readonly string[] = Object.keys(POLICIES)): string {
  const squashed = squash(name);
  const exact = names.find((each) => squash(each) === squashed);
  const alias = Object.hasOwn(ALIASES, squashed) ? ALIASES[squashed] : undefined;
  const resolved = exact ?? names.find((each) => each === alias);
  if (resolved !== undefined) return resolved;
  const shown = name.length > NAME_LENGTH_MAX ? `${name.slice(0, NAME_LENGTH_MAX)}…` : name;
  throw new FabricError("INVALID_ARGUMENT", `balancing policy is "${shown}": use one of ${names.join(", ")}`);
}
