import type { CallMetadata } from "./call-metadata";

/** Metadata keys that mean something to the fabric. */
export const HEDDLE_KEYS = {
  /** Request: only workers whose tags match this selector. */
  match: "heddle-match",
  /** Request: key for policies with affinity. */
  affinity: "heddle-affinity",
  /** Request: balancing policy for this call only. */
  policy: "heddle-policy",
  /** Request: only this member. Answer trailer: the member that answered. */
  worker: "heddle-worker",
  /** Request, set by a director that passes the call on: its id. A call that comes back to it goes round in a circle. */
  via: "heddle-via",
  /** Answer trailer: how many workers were tried. */
  attempts: "heddle-attempts",
  /** Answer trailer: the code of `ERRORS` that an error stands for. */
  error: "heddle-error",
} as const;

/** Request keys that are meant for the director and are not forwarded to the worker. */
const ROUTING_KEYS: ReadonlySet<string> = new Set([
  HEDDLE_KEYS.match,
  HEDDLE_KEYS.affinity,
  HEDDLE_KEYS.policy,
  HEDDLE_KEYS.worker,
]);

/** What a call's metadata asks of the balancer. */
export interface Routing {
  readonly match: string | undefined;
  readonly affinityKey: string | undefined;
  readonly policy: string | undefined;
  readonly memberId: string | undefined;
}

export function routingOf(metadata: CallMetadata): Routing {
  return {
    match: metadata.text(HEDDLE_KEYS.match),
    affinityKey: metadata.text(HEDDLE_KEYS.affinity),
    policy: metadata.text(HEDDLE_KEYS.policy),
    memberId: metadata.text(HEDDLE_KEYS.worker),
  };
}

/** What the worker is sent of it. */
export function withoutRouting(metadata: CallMetadata): CallMetadata {
  return metadata.without(ROUTING_KEYS);
}
