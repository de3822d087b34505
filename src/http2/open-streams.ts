/** Slots of a connection that has few streams, as idle ones do. A power of two, as all sizes are. */
const SLOTS_MIN = 8;

/** A table this large, or smaller, does not shrink: 2 KiB, so that dozens of calls which come and go together cost no new ones. */
const SLOTS_KEPT = 256;

/** With fewer streams than one of so many slots, a larger table halves. Far from the half at which it doubles. */
const SLOTS_PER_STREAM_MAX = 8;

/**
 * Streams by id: a hash table with linear probing (Knuth, TAOCP vol. 3, §6.4, algorithms L and R), at most half full. Ids of one side
 * count on by two, so half the id is as good as a hash: neighbours share no slot. A peer that leaves ids out may make its own look-ups
 * as long as the number of its streams, no longer.
 *
 * Not a `Map`, since streams come and go: V8 copies a map's table whenever deleted entries have filled it, and leaves in the old one
 * the entries and a reference to the new one. Once such a table has grown old, each later one, with all streams that were ever in
 * it, counts as alive until the next full collection: a third of what calls allocate was then copied twice by the collector.
 */
export class OpenStreams<S extends { readonly id: number }> {
  #slots: (S | undefined)[] = empty(SLOTS_MIN);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(id: number): S | undefined {
    return this.#slots[this.#slotOf(id)];
  }

  /** Its id is not in the table. */
  add(stream: S): void {
    if (2 * (this.#size + 1) > this.#slots.length) this.#resize(2 * this.#slots.length);
    this.#slots[this.#slotOf(stream.id)] = stream;
    this.#size += 1;
  }

  /** Whether there was one. */
  delete(id: number): boolean {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let free = this.#slotOf(id);
    if (slots[free] === undefined) return false;
    this.#size -= 1;
    // Those after it move up, unless that were before the slot where a look-up for them begins.
    for (let at = (free + 1) & mask; ; at = (at + 1) & mask) {
      const stream = slots[at];
      if (stream === undefined) break;
      const distance = (at - (stream.id >>> 1)) & mask;
      if (distance < ((at - free) & mask)) continue;
      slots[free] = stream;
      free = at;
    }
    slots[free] = undefined;
    if (slots.length > SLOTS_KEPT && this.#size * SLOTS_PER_STREAM_MAX < slots.length) this.#resize(slots.length / 2);
    return true;
  }

  /** By id. */
  all(): S[] {
    return this.#slots.filter((stream) => stream !== undefined).sort((a, b) => a.id - b.id);
  }

  /** Where it is, or the free slot where it would be. */
  #slotOf(id: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let at = (id >>> 1) & mask;
    for (let stream = slots[at]; stream !== undefined && stream.id !== id; stream = slots[at]) at = (at + 1) & mask;
    return at;
  }

  #resize(count: number): void {
    const before = this.#slots;
    this.#slots = empty(count);
    for (const stream of before) if (stream !== undefined) this.#slots[this.#slotOf(stream.id)] = stream;
  }
}

function empty<S>(count: number): (S | undefined)[] {
  return new Array<S | undefined>(count).fill(undefined);
}
