const ABSENT = 0xffff_ffff;

/** A set of positions 0 … capacity − 1 with all operations O(1), and an order that is good for drawing only. */
export class FreeList {
  readonly #positions: Uint32Array;
  readonly #indexes: Uint32Array;
  #size = 0;

  constructor(capacity: number) {
    this.#positions = new Uint32Array(capacity);
    this.#indexes = new Uint32Array(capacity).fill(ABSENT);
  }

  get size(): number {
    return this.#size;
  }

  /** The position at `index` (0 … size − 1). The order changes with each `add` and `delete`. */
  at(index: number): number {
    // A full list holds every position, and one order is as good as another: this spares a cache miss.
    return this.#size === this.#positions.length ? index : this.#positions[index]!;
  }

  add(position: number): void {
    if (this.#indexes[position] !== ABSENT) return;
    this.#positions[this.#size] = position;
    this.#indexes[position] = this.#size;
    this.#size += 1;
  }

  delete(position: number): void {
    const index = this.#indexes[position]!;
    if (index === ABSENT) return;
    this.#size -= 1;
    const last = this.#positions[this.#size]!;
    this.#positions[index] = last;
    this.#indexes[last] = index;
    this.#indexes[position] = ABSENT;
  }
}
