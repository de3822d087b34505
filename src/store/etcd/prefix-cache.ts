import type { PrefixState } from "../change-feed";
import type { StoreChange, StoreEntry } from "../store";
import type { RangeAnswer } from "./etcd-endpoint";

/** What a watch has seen so far under its prefix. Pure. */
export class PrefixCache {
  readonly #entries = new Map<string, StoreEntry>();
  #clusterId: string | undefined;
  #revision = 0;

  /** Revision of the last list, or of the last change since. The stream goes on after it (E1: never a response header's). */
  get revision(): number {
    return this.#revision;
  }

  state(): PrefixState {
    const entries = [...this.#entries.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
    return { revision: this.#revision, entries };
  }

  /** Whether a list shows the very record that the cache holds: same store, nothing lost, nothing added. */
  agreesWith({ clusterId, revision, entries }: RangeAnswer): boolean {
    return (
      clusterId === this.#clusterId &&
      // A store that was wiped or restored counts anew (E14).
      revision >= this.#revision &&
      entries.length === this.#entries.size &&
      entries.every((entry) => {
        const known = this.#entries.get(entry.key);
        return known?.modRevision === entry.modRevision && known.createRevision === entry.createRevision;
      })
    );
  }

  replace({ clusterId, revision, entries }: RangeAnswer): void {
    this.#clusterId = clusterId;
    this.#revision = revision;
    this.#entries.clear();
    for (const entry of entries) this.#entries.set(entry.key, entry);
  }

  /** Takes over what is newer than the cache, and returns it. */
  apply(changes: readonly StoreChange[]): readonly StoreChange[] {
    const seenRevision = this.#revision;
    const fresh = changes.filter((change) => revisionOf(change) > seenRevision);
    for (const change of fresh) {
      if (change.kind === "put") this.#entries.set(change.entry.key, change.entry);
      else this.#entries.delete(change.key);
      this.#revision = revisionOf(change);
    }
    return fresh;
  }
}

function revisionOf(change: StoreChange): number {
  return change.kind === "put" ? change.entry.modRevision : change.modRevision;
}
