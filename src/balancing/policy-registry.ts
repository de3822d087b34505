import { FabricError } from "../core/errors";
import { KEY_OWNER } from "../core/heddle-metadata";
import { guardedPolicy } from "./guarded-policy";
import type { BalancingPolicy } from "./picker";
import { resolvePolicyName, squash } from "./policy-names";
import { keyOwner } from "./policies/key-owner";
import { POLICIES } from "./policy-table";

/** The policies of one director or client: the built-in ones and the user's. A value; there is no global registry. */
export interface PolicyRegistry {
  /** Built-in names first, then the user's. */
  readonly names: readonly string[];
  /**
   * The policy of that name in any accepted spelling, and its proper name.
   * @throws FabricError INVALID_ARGUMENT, listing the names
   */
  resolve(name: string): { readonly name: string; readonly policy: BalancingPolicy };
}

export interface PolicyRegistryOptions {
  /** The user's policies by name, in kebab-case. */
  readonly extra?: Readonly<Record<string, BalancingPolicy>>;
}

/** @throws FabricError INVALID_ARGUMENT for a name that is taken or malformed, or a policy that is no function */
export function createPolicyRegistry(options: PolicyRegistryOptions = {}): PolicyRegistry {
  const policies = new Map<string, BalancingPolicy>(Object.entries(POLICIES));
  for (const [name, policy] of Object.entries(options.extra ?? {})) {
    if (!/^[a-z][a-z0-9-]{0,63}$/.test(name)) {
      throw new FabricError("INVALID_ARGUMENT", `balancing policy is named "${name}": use 1 to 64 of a-z, 0-9 and "-"`);
    }
    if ([...policies.keys(), KEY_OWNER].some((each) => squash(each) === squash(name))) {
      throw new FabricError("INVALID_ARGUMENT", `balancing policy "${name}" exists already: give yours another name`);
    }
    if (typeof policy !== "function") {
      throw new FabricError("INVALID_ARGUMENT", `balancing policy "${name}" is not a function`);
    }
    policies.set(name, guardedPolicy(name, policy));
  }
  const names = [...policies.keys()];
  // Callers name policies in metadata of each call, so a known spelling must not search the list again.
  const resolved = new Map([...policies].map(([name, policy]) => [name, { name, policy }]));
  resolved.set(KEY_OWNER, { name: KEY_OWNER, policy: keyOwner });
  return {
    names,
    resolve: (name) => resolved.get(name) ?? resolved.get(resolvePolicyName(name, names))!,
  };
}
