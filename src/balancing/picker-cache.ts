import type { Endpoint } from "./endpoint";
import type { Picker } from "./picker";

interface Entry<E extends Endpoint> {
  readonly picker: Picker<E>;
  /** Endpoints in it: what it costs in memory, and in notifications. */
  readonly size: number;
  readonly key: string;
  readonly owner: Map<string, Entry<E>>;
  usedAt: number;
}

export interface PickerCacheOptions {
  /** Default 256: callers name selectors freely, and few clusters mean more than that. */
  readonly pickersMax?: number;
  /**
   * Bound on the endpoints of all pickers together; one picker is kept whatever its size. Default 1,000,000: about 100 MB,
   * or ten different selections among 100,000 workers.
   */
  readonly endpointsMax?: number;
}

/** A picker that none of the last so many picks used is given up: it would go on costing every call its notifications. */
const IDLE_USES = 16_384;
/** How often idle pickers are looked for, in uses. */
const SWEEP_USES = 4_096;

/**
 * The pickers made for one snapshot, the least recently used ones given up beyond the bounds. A hit costs one map look-up and
 * one store; finding the oldest is a scan, paid when a picker is made anyway.
 */
export class PickerCache<E extends Endpoint> {
  readonly #options: Required<PickerCacheOptions>;
  readonly #entries = new Set<Entry<E>>();
  #size = 0;
  #useCount = 0;

  constructor(options: PickerCacheOptions = {}) {
    this.#options = { pickersMax: options.pickersMax ?? 256, endpointsMax: options.endpointsMax ?? 1_000_000 };
  }

  get pickers(): number {
    return this.#entries.size;
  }

  /** A part of the cache with its own keys, under the common bounds. */
  section(): PickerCacheSection<E> {
    const entries = new Map<string, Entry<E>>();
    return {
      get: (key) => {
        const entry = entries.get(key);
        if (entry === undefined) return undefined;
        entry.usedAt = this.#useCount += 1;
        if (this.#useCount % SWEEP_USES === 0) this.#dropIdle();
        return entry.picker;
      },
      add: (key, picker, size) => {
        const entry: Entry<E> = { picker, size, key, owner: entries, usedAt: (this.#useCount += 1) };
        entries.set(key, entry);
        this.#entries.add(entry);
        this.#size += size;
        this.#shrink();
      },
    };
  }

  /** Closes all pickers and forgets them. */
  clear(): void {
    for (const entry of [...this.#entries]) this.#drop(entry);
  }

  #dropIdle(): void {
    for (const entry of [...this.#entries]) if (entry.usedAt < this.#useCount - IDLE_USES) this.#drop(entry);
  }

  #shrink(): void {
    const { pickersMax, endpointsMax } = this.#options;
    while (this.#entries.size > 1 && (this.#entries.size > pickersMax || this.#size > endpointsMax)) {
      let oldest: Entry<E> | undefined;
      for (const entry of this.#entries) if (oldest === undefined || entry.usedAt < oldest.usedAt) oldest = entry;
      this.#drop(oldest!);
    }
  }

  #drop(entry: Entry<E>): void {
    entry.owner.delete(entry.key);
    this.#entries.delete(entry);
    this.#size -= entry.size;
    entry.picker.close?.();
  }
}

export interface PickerCacheSection<E extends Endpoint> {
  get(key: string): Picker<E> | undefined;
  add(key: string, picker: Picker<E>, size: number): void;
}
