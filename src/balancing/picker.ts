import type { FabricError } from "../core/errors";
import type { Random } from "../core/random";
import type { Endpoint } from "./endpoint";

/** What a policy may look at to choose. */
export interface PickRequest {
  /** "package.Service/Method". */
  readonly method: string;
  /** For policies with affinity; the same key goes to the same endpoint while it can. */
  readonly affinityKey?: string | undefined;
  /** Endpoints that this call has tried already: not picked while another is free. */
  readonly excluded?: ReadonlySet<string> | undefined;
}

export type PickResult<E extends Endpoint = Endpoint> =
  | { readonly kind: "picked"; readonly endpoint: E }
  /** None is ready (or every slot is taken): hold the call for the next picker or the next finish, within its deadline. */
  | { readonly kind: "wait" }
  | { readonly kind: "fail"; readonly error: FabricError };

/** Chooses an endpoint for a call, synchronously and without I/O. Its set of endpoints never changes. */
export interface Picker<E extends Endpoint = Endpoint> {
  pick(request: PickRequest): PickResult<E>;
  /** Told when a newer picker took its place: lets go of what it hung on its endpoints. */
  close?(): void;
}

/** A policy makes one picker per snapshot of ready endpoints. Users may write their own. */
export type BalancingPolicy = <E extends Endpoint>(endpoints: readonly E[], random: Random) => Picker<E>;
