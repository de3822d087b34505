import type { Random } from "../core/random";
import type { Endpoint } from "./endpoint";
import type { BalancingPolicy, Picker, PickRequest, PickResult } from "./picker";

/** Chooses among endpoints that are equal in rank. What a built-in policy consists of. */
export interface Tier<E extends Endpoint> {
  /** A free endpoint that is not in `excluded`; undefined when there is none. */
  choose(request: PickRequest, excluded: ReadonlySet<string> | undefined): E | undefined;
  /** Takes the tier's observations off its endpoints. */
  close(): void;
}

export type TierFactory = <E extends Endpoint>(endpoints: readonly E[], random: Random) => Tier<E>;

const WAIT = { kind: "wait" } as const;

/**
 * Makes a policy of a tier. What all built-in policies promise is kept here, in this order of preference: an ordinary
 * endpoint, a standby, an ordinary one that the call has tried already, a standby that it has tried. Full ones never.
 */
export function tieredPolicy(createTier: TierFactory): BalancingPolicy {
  return <E extends Endpoint>(endpoints: readonly E[], random: Random): Picker<E> => {
    const ordinary = endpoints.filter((endpoint) => !endpoint.standby);
    const standby = endpoints.filter((endpoint) => endpoint.standby);
    const first = createTier(ordinary, random);
    const last = standby.length > 0 ? createTier(standby, random) : undefined;
    return {
      pick(request: PickRequest): PickResult<E> {
        const excluded = request.excluded?.size ? request.excluded : undefined;
        let endpoint = first.choose(request, excluded) ?? last?.choose(request, excluded);
        if (endpoint === undefined && excluded) {
          endpoint = first.choose(request, undefined) ?? last?.choose(request, undefined);
        }
        return endpoint === undefined ? WAIT : { kind: "picked", endpoint };
      },
      close() {
        first.close();
        last?.close();
      },
    };
  };
}
