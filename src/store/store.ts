/** One key of the shared record. */
export interface StoreEntry {
  readonly key: string;
  readonly value: Uint8Array;
  /** Store revision at which the key came into being. A fencing token: it rises with every new holder of the key. */
  readonly createRevision: number;
  /** Store revision of the last write to the key. */
  readonly modRevision: number;
}

export type StoreChange =
  | { readonly kind: "put"; readonly entry: StoreEntry }
  /** Deleted, or gone with its lease. */
  | { readonly kind: "delete"; readonly key: string; readonly modRevision: number };

export type WatchEvent =
  /**
   * Everything under the prefix at `revision`. First event of every watch, and delivered again whenever the changes since the
   * last event cannot be had in full: what is not in it is gone.
   */
  | { readonly kind: "snapshot"; readonly revision: number; readonly entries: readonly StoreEntry[] }
  /** Changes of one or more revisions, in order, at least one. `revision` is that of the last. */
  | { readonly kind: "changes"; readonly revision: number; readonly changes: readonly StoreChange[] };

/** A condition on one key; all of a transaction's must hold. `createRevision` 0 means that the key does not exist. */
export type Condition =
  { readonly key: string; readonly createRevision: number } | { readonly key: string; readonly modRevision: number };

export type Operation =
  | { readonly kind: "put"; readonly key: string; readonly value: Uint8Array; readonly session?: Session }
  | { readonly kind: "delete"; readonly key: string };

export interface Transaction {
  /** All must hold; at most 100. */
  readonly conditions: readonly Condition[];
  /** Done all or not at all. At most one per key, at most 100. */
  readonly operations: readonly Operation[];
}

export interface TransactionResult {
  /** False: a condition did not hold, and nothing was done. */
  readonly succeeded: boolean;
  readonly revision: number;
}

/**
 * A lease kept alive in the background. Keys put under it disappear when it ends. It fences itself: `isAlive` turns false,
 * and `lost` settles, before the store can have expired the lease, even if the store does not answer.
 */
export interface Session {
  readonly leaseId: string;
  /** As granted: etcd rounds up to whole seconds, and to 2 s at least by default. */
  readonly ttlMs: number;
  isAlive(): boolean;
  /** Aborts when the session is lost or closed. `reason` says which. */
  readonly lost: AbortSignal;
  /** Revokes the lease, so that its keys go at once. Twice is once. Does not throw when the store is away. */
  close(): Promise<void>;
}

/**
 * The shared record of the cluster. Guaranteed by every implementation, each proved by the conformance test of that name:
 * - S1 ordered: a watch delivers changes by rising revision, never one twice.
 * - S2 complete: it skips none; where it cannot promise that (compaction, lost stream, restored store) it delivers a fresh
 *   snapshot instead of failing or staying silent.
 * - S3 leased: a key put under a session disappears within `ttlMs` plus one sweep of the session's last renewal, and at once
 *   when the session is closed.
 * - S4 fenced: a transaction whose conditions do not hold changes nothing; of concurrent ones that exclude each other exactly
 *   one succeeds.
 * - S5 durable: what was acknowledged is there after a crash of the process (embedded) or of a minority (etcd).
 * - S6 honest: an operation that may or may not have happened rejects with STORE_UNAVAILABLE; it never reports a guess, and
 *   is never retried behind the caller's back unless repeating it is harmless.
 * - S7 quiet: after `close` nothing of it runs or keeps the process alive; watches end, sessions are lost, pending operations
 *   settle (what is still acknowledged is done), later ones reject. `close` revokes no session: their keys stay for the TTL.
 *
 * Keys are non-empty printable ASCII, at most 512 bytes; values at most 1 MiB (INVALID_ARGUMENT otherwise).
 * Every operation rejects with STORE_UNAVAILABLE when the store does not answer within the engine's timeout. A put under a
 * session that is over rejects with STORE_UNAVAILABLE too, and does nothing.
 */
export interface Store {
  /** "embedded" or "etcd". */
  readonly engine: string;
  get(key: string): Promise<StoreEntry | undefined>;
  /** Everything under the prefix, by key, as of one revision. */
  list(prefix: string): Promise<{ readonly revision: number; readonly entries: readonly StoreEntry[] }>;
  commit(transaction: Transaction): Promise<TransactionResult>;
  /** Unconditional put. Resolves to its revision. */
  put(key: string, value: Uint8Array, session?: Session): Promise<number>;
  /** Resolves to whether the key existed. */
  delete(key: string): Promise<boolean>;
  /** `ttlMs` is 1,000 or more. */
  openSession(options: { readonly ttlMs: number }): Promise<Session>;
  /** Starts with a snapshot; ends when `signal` aborts or the store closes, and only then (S2). */
  watch(prefix: string, signal: AbortSignal): AsyncIterable<WatchEvent>;
  /** Whether the store answered when it was last asked. */
  isAvailable(): boolean;
  close(): Promise<void>;
}
