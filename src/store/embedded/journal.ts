import type { StoreEntry } from "../store";

export interface StoredEntry {
  readonly entry: StoreEntry;
  /** The lease with which the entry disappears. */
  readonly leaseId: string | undefined;
}

export interface StoredLease {
  readonly leaseId: string;
  readonly ttlMs: number;
}

export interface StoredState {
  readonly revision: number;
  readonly entries: readonly StoredEntry[];
  readonly leases: readonly StoredLease[];
}

export type JournalRecord =
  | { readonly kind: "put"; readonly stored: StoredEntry }
  | { readonly kind: "delete"; readonly key: string }
  | { readonly kind: "grant"; readonly lease: StoredLease }
  | { readonly kind: "revoke"; readonly leaseId: string };

/** Written all or not at all. */
export interface JournalBatch {
  readonly records: readonly JournalRecord[];
  /** The store's revision after the batch. */
  readonly revision: number;
  /** How many keys there are after the batch; lets `load` notice that records are missing. */
  readonly entryCount: number;
}

/** Where the embedded store keeps what must survive it. One call at a time. */
export interface Journal {
  /** Opens, or opens again after a failed `append`, and reads everything back. */
  load(): Promise<StoredState>;
  /** Resolves once the batch survives a crash. When it rejects, the batch may or may not be there after the next `load`. */
  append(batch: JournalBatch): Promise<void>;
  close(): Promise<void>;
}
