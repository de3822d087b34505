import type { Endpoint } from "../endpoint";
import { HashRing, hashKey } from "../hash-ring";
import type { BalancingPolicy, PickRequest, PickResult } from "../picker";

const WAIT = { kind: "wait" } as const;

/**
 * The same key to the same endpoint, whoever picks: load, weights and slow start have no say, unlike in consistent-hash, since the
 * owner of an idempotency key is where its result is. While it is full the call waits. Endpoints that the call has tried already are passed
 * over in the order of the ring. Not for users to choose: it spreads keys, not load.
 */
export const keyOwner: BalancingPolicy = <E extends Endpoint>(endpoints: readonly E[]) => {
  const ordinary = endpoints.filter((endpoint) => !endpoint.standby);
  const owners = ordinary.length > 0 ? ordinary : endpoints;
  const ring = new HashRing(owners.map(({ memberId }) => memberId));

  return {
    pick({ affinityKey = "", excluded }: PickRequest): PickResult<E> {
      if (owners.length === 0) return WAIT;
      const place = ring.placeOf(hashKey(affinityKey));
      let owner = owners[ring.memberAt(place)]!;
      for (let step = 0; step < ring.size && excluded !== undefined; step += 1) {
        const candidate = owners[ring.memberAt((place + step) % ring.size)]!;
        if (excluded.has(candidate.memberId)) continue;
        owner = candidate;
        break;
      }
      return owner.isFull ? WAIT : { kind: "picked", endpoint: owner };
    },
  };
};
