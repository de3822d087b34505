import type { Condition, StoreChange, StoreEntry } from "../store";
import type { PrefixState } from "../change-feed";
import type { StoredEntry, StoredState } from "./journal";

export type Write =
  | { readonly kind: "put"; readonly key: string; readonly value: Uint8Array; readonly leaseId: string | undefined }
  | { readonly kind: "delete"; readonly key: string };

/**
 * Ordered keys with etcd's revision rules, in memory. Pure: no time, no I/O.
 * - K1: every `apply` that changes something makes exactly one new revision; one that changes nothing makes none.
 * - K2: `createRevision` is that of the put that brought the key into being, and stays until the key is deleted.
 * - K3: a put replaces the lease of the key, also by none.
 */
export class KeySpace {
  readonly #entries = new Map<string, StoredEntry>();
  /** The keys in order, so that a prefix is one slice. */
  readonly #sortedKeys: string[];
  readonly #keysByLease = new Map<string, Set<string>>();
  #revision: number;

  constructor(state: Pick<StoredState, "revision" | "entries">) {
    this.#revision = state.revision;
    for (const stored of state.entries) {
      this.#entries.set(stored.entry.key, stored);
      this.#attach(stored.entry.key, stored.leaseId);
    }
    this.#sortedKeys = [...this.#entries.keys()].sort();
  }

  get revision(): number {
    return this.#revision;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): StoreEntry | undefined {
    return this.#entries.get(key)?.entry;
  }

  leaseOf(key: string): string | undefined {
    return this.#entries.get(key)?.leaseId;
  }

  keysUnder(leaseId: string): readonly string[] {
    return [...(this.#keysByLease.get(leaseId) ?? [])];
  }

  list(prefix: string): PrefixState {
    const entries: StoreEntry[] = [];
    for (let index = this.#indexOf(prefix); index < this.#sortedKeys.length; index += 1) {
      const key = this.#sortedKeys[index]!;
      if (!key.startsWith(prefix)) break;
      entries.push(this.#entries.get(key)!.entry);
    }
    return { revision: this.#revision, entries };
  }

  /** Whether all conditions hold now. */
  meets(conditions: readonly Condition[]): boolean {
    return conditions.every((condition) => {
      const entry = this.get(condition.key);
      return "createRevision" in condition
        ? (entry?.createRevision ?? 0) === condition.createRevision
        : (entry?.modRevision ?? 0) === condition.modRevision;
    });
  }

  /** Does the writes, at most one per key, as one revision, and says what changed. */
  apply(writes: readonly Write[]): readonly StoreChange[] {
    const effective = writes.filter((write) => write.kind === "put" || this.#entries.has(write.key));
    if (effective.length === 0) return [];
    this.#revision += 1;
    return effective.map((write) => (write.kind === "put" ? this.#put(write) : this.#delete(write.key)));
  }

  #put({ key, value, leaseId }: Write & { readonly kind: "put" }): StoreChange {
    const before = this.#entries.get(key);
    if (before) this.#detach(key, before.leaseId);
    else this.#sortedKeys.splice(this.#indexOf(key), 0, key);
    const entry: StoreEntry = {
      key,
      // A copy: the caller may reuse its buffer.
      value: Uint8Array.from(value),
      createRevision: before?.entry.createRevision ?? this.#revision,
      modRevision: this.#revision,
    };
    this.#entries.set(key, { entry, leaseId });
    this.#attach(key, leaseId);
    return { kind: "put", entry };
  }

  #delete(key: string): StoreChange {
    this.#detach(key, this.#entries.get(key)?.leaseId);
    this.#entries.delete(key);
    this.#sortedKeys.splice(this.#indexOf(key), 1);
    return { kind: "delete", key, modRevision: this.#revision };
  }

  #attach(key: string, leaseId: string | undefined): void {
    if (leaseId === undefined) return;
    const keys = this.#keysByLease.get(leaseId);
    if (keys) keys.add(key);
    else this.#keysByLease.set(leaseId, new Set([key]));
  }

  #detach(key: string, leaseId: string | undefined): void {
    if (leaseId === undefined) return;
    const keys = this.#keysByLease.get(leaseId);
    keys?.delete(key);
    if (keys?.size === 0) this.#keysByLease.delete(leaseId);
  }

  /** Where `key` is, or would be, in the order. */
  #indexOf(key: string): number {
    let low = 0;
    let high = this.#sortedKeys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#sortedKeys[middle]! < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
