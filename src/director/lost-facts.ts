import type { StoreEntry } from "../store/store";
import { isDurable } from "./records";

/** A fact that the store acknowledged once and does not have any more. */
export interface LostFact {
  readonly key: string;
  readonly value: Uint8Array;
  /** What is in its place: an older version, from a backup, by its modRevision; 0 for nothing. */
  readonly overRevision: number;
}

interface Known {
  readonly modRevision: number;
  /** As it is written. */
  readonly bytes: Uint8Array;
}

/**
 * What operators and workers were told is kept, and a store that was emptied or restored from a backup does not have. It stays in force
 * here until it is written back, or somebody writes something newer in its place.
 */
export class LostFacts {
  readonly #facts = new Map<string, LostFact>();

  get size(): number {
    return this.#facts.size;
  }

  values(): readonly LostFact[] {
    return [...this.#facts.values()];
  }

  has(key: string): boolean {
    return this.#facts.has(key);
  }

  /** The key is in the store again. */
  found(key: string): void {
    this.#facts.delete(key);
  }

  /** Compares what is known with all that another store has, at its `revision`. */
  compare(known: ReadonlyMap<string, Known>, entries: readonly StoreEntry[], revision: number): void {
    const present = new Map(entries.map((entry) => [entry.key, entry]));
    for (const [key, { modRevision, bytes }] of known) {
      if (!isDurable(key)) continue;
      const entry = present.get(key);
      // Written at a revision that this store has not come to: what it has instead is older.
      const isOlder = entry && modRevision > revision && Buffer.compare(entry.value, bytes) !== 0;
      if (!entry) this.#facts.set(key, { key, value: bytes, overRevision: 0 });
      else if (isOlder) this.#facts.set(key, { key, value: bytes, overRevision: entry.modRevision });
    }
  }
}
