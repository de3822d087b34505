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
  /**
   * Request for a resumable method: how many messages of the answer the caller has. Answer header: how many come before its first;
   * absent for none.
   */
  resumeAfter: "heddle-resume-after",
  /** Request: the latest checkpoint that came with those messages. */
  resumeCheckpoint: "heddle-resume-checkpoint-bin",
  /** Request: the number of the message that it came with. */
  checkpointAfter: "heddle-checkpoint-after",
  /** Request: the caller takes checkpoints off messages (core/checkpoint.ts). Answer header: there may be some. */
  checkpoints: "heddle-checkpoints",
  /** Answer trailer, of a stream that broke: how many of its messages were sent, those before a resumption included. */
  sequence: "heddle-sequence",
  /** Answer trailer: the code of `ERRORS` that an error stands for. */
  error: "heddle-error",
  /** Request: calls with the same key are one, and the worker runs it once. */
  idempotencyKey: "heddle-idempotency-key",
  /** Request: only this life of the worker (`Acceptance.life`) may take it. */
  life: "heddle-life",
  /** Answer trailer, "1": it is that of an earlier call with the same idempotency key. */
  repeated: "heddle-repeated",
  /** Request: the call may be tried on another worker too while the first says nothing: after "50ms", or "p95" (core/hedge-ask.ts). */
  hedge: "heddle-hedge",
  /** Request: attempts of such a call in all. */
  hedgeAttempts: "heddle-hedge-attempts",
  /** Request, "1": the worker should say when it has taken the call. */
  accept: "heddle-accept",
  /** Interim answer, and trailer of an error: the life of the worker that took the call. */
  accepted: "heddle-accepted",
} as const;

/** Request keys that are meant for the director and are not forwarded to the worker. */
const ROUTING_KEYS: ReadonlySet<string> = new Set([
  HEDDLE_KEYS.match,
  HEDDLE_KEYS.affinity,
  HEDDLE_KEYS.policy,
  HEDDLE_KEYS.worker,
  HEDDLE_KEYS.hedge,
  HEDDLE_KEYS.hedgeAttempts,
]);

/** The policy of calls with an idempotency key: the same key to the same worker, however busy that is (balancing/policies/key-owner.ts). */
export const KEY_OWNER = "key-owner";

/** What a call's metadata asks of the balancer. */
export interface Routing {
  readonly match: string | undefined;
  readonly affinityKey: string | undefined;
  readonly policy: string | undefined;
  readonly memberId: string | undefined;
  readonly idempotencyKey: string | undefined;
}

export function routingOf(metadata: CallMetadata): Routing {
  const affinityKey = metadata.text(HEDDLE_KEYS.affinity);
  const policy = metadata.text(HEDDLE_KEYS.policy);
  const idempotencyKey = metadata.text(HEDDLE_KEYS.idempotencyKey);
  const isKeyed = idempotencyKey !== undefined;
  return {
    match: metadata.text(HEDDLE_KEYS.match),
    affinityKey: affinityKey ?? idempotencyKey,
    policy: policy ?? (isKeyed ? KEY_OWNER : undefined),
    memberId: metadata.text(HEDDLE_KEYS.worker),
    idempotencyKey,
  };
}

/** What the worker is sent of it. */
export function withoutRouting(metadata: CallMetadata): CallMetadata {
  return metadata.without(ROUTING_KEYS);
}

/** What a director makes of the metadata of a request. */
export class DirectedMetadata {
  readonly directorId: string;
  /** Whether this director has passed the call on before. */
  readonly cameBack: boolean;
  readonly routing: Routing;
  /** The caller wants to know when a worker has taken the call. */
  readonly wantsAcceptance: boolean;
  readonly wantsHedge: boolean;
  /** What the worker is sent. Shared by all calls with the same metadata, so nobody may change it. */
  readonly forwarded: CallMetadata;

  constructor(metadata: CallMetadata, directorId: string) {
    const via = metadata.text(HEDDLE_KEYS.via);
    this.directorId = directorId;
    this.cameBack = via?.split(",").includes(directorId) ?? false;
    this.routing = routingOf(metadata);
    this.wantsAcceptance = metadata.text(HEDDLE_KEYS.accept) === "1";
    this.wantsHedge = metadata.text(HEDDLE_KEYS.hedge) !== undefined;
    this.forwarded = withoutRouting(metadata);
    this.forwarded.set(HEDDLE_KEYS.via, via === undefined ? directorId : `${via},${directorId}`);
  }
}

/** Made once for each metadata, which is the same object for calls with the same head. */
export function directedMetadata(metadata: CallMetadata, directorId: string): DirectedMetadata {
  const known = metadata.derived;
  if (known instanceof DirectedMetadata && known.directorId === directorId) return known;
  const made = new DirectedMetadata(metadata, directorId);
  metadata.derived = made;
  return made;
}

class ServedTrailers {
  readonly memberId: string;
  readonly attempts: number;
  /** Shared, so nobody may change it. */
  readonly trailers: CallMetadata;

  constructor(trailers: CallMetadata, memberId: string, attempts: number) {
    this.memberId = memberId;
    this.attempts = attempts;
    this.trailers = trailers.clone();
    this.trailers.set(HEDDLE_KEYS.worker, memberId);
    this.trailers.set(HEDDLE_KEYS.attempts, String(attempts));
  }
}

/** Trailers that say who answered. A director that the call went through has said it already, and knows it better. */
export function withServer(trailers: CallMetadata, memberId: string, attempts: number): CallMetadata {
  const known = trailers.derived;
  if (known instanceof ServedTrailers && known.memberId === memberId && known.attempts === attempts) {
    return known.trailers;
  }
  if (trailers.text(HEDDLE_KEYS.worker) !== undefined) return trailers;
  const made = new ServedTrailers(trailers, memberId, attempts);
  trailers.derived = made;
  return made.trailers;
}
