import { CallMetadata } from "./call-metadata";

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
  readonly match?: string;
  readonly affinityKey?: string;
  readonly policy?: string;
  readonly memberId?: string;
}

export function routingOf(metadata: CallMetadata): Routing {
  const match = metadata.text(HEDDLE_KEYS.match);
  const affinityKey = metadata.text(HEDDLE_KEYS.affinity);
  const policy = metadata.text(HEDDLE_KEYS.policy);
  const memberId = metadata.text(HEDDLE_KEYS.worker);
  return {
    ...(match === undefined ? {} : { match }),
    ...(affinityKey === undefined ? {} : { affinityKey }),
    ...(policy === undefined ? {} : { policy }),
    ...(memberId === undefined ? {} : { memberId }),
  };
}

/** What the worker is sent of it. */
export function withoutRouting(metadata: CallMetadata): CallMetadata {
  const rest = new CallMetadata();
  for (const [key, value] of metadata.entries()) if (!ROUTING_KEYS.has(key)) rest.append(key, value);
  return rest;
}
