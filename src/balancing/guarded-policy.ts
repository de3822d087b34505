import { FabricError, messageOf } from "../core/errors";
import type { Random } from "../core/random";
import type { Endpoint } from "./endpoint";
import type { BalancingPolicy, Picker, PickRequest, PickResult } from "./picker";

/**
 * A user's policy, held to its contract: what it throws, or returns that is no result, fails the call with a message that
 * names the policy. It never reaches the loop of the director.
 */
export function guardedPolicy(name: string, policy: BalancingPolicy): BalancingPolicy {
  return <E extends Endpoint>(endpoints: readonly E[], random: Random): Picker<E> => {
    const picker = attempt(name, () => policy(endpoints, random));
    return {
      pick: (request: PickRequest): PickResult<E> => {
        try {
          return checked(
            name,
            attempt(name, () => picker.pick(request)),
          );
        } catch (error) {
          return { kind: "fail", error: error as FabricError };
        }
      },
      close: () => picker.close?.(),
    };
  };
}

function attempt<T>(name: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw failure(name, `threw: ${messageOf(error)}`, error);
  }
}

function checked<E extends Endpoint>(name: string, result: PickResult<E>): PickResult<E> {
  // The type is a promise that plain JavaScript does not keep.
  const given = result as Partial<{ kind: string; endpoint: Partial<E>; error: unknown }> | undefined;
  if (given?.kind === "wait") return result;
  if (given?.kind === "picked" && typeof given.endpoint?.begin === "function") return result;
  if (given?.kind === "fail" && given.error instanceof FabricError) return result;
  throw failure(name, 'returned neither { kind: "picked", endpoint } nor { kind: "wait" }');
}

function failure(name: string, what: string, cause?: unknown): FabricError {
  return new FabricError("NO_READY_WORKER", `balancing policy "${name}" ${what}`, { cause });
}
