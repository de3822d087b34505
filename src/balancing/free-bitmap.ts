/**
 * A set of positions 0 … capacity − 1 that finds the next member at or after a position in O(log32 capacity): a bitmap, over
 * it a bitmap of its words that are not empty, and so on (four levels at 100,000).
 */
export class FreeBitmap {
  /** levels[0] has one bit for each position; levels[k + 1] one for each word of levels[k]. The last has one word. */
  readonly #levels: Int32Array[] = [];
  #size = 0;

  constructor(capacity: number) {
    let bits = Math.max(1, capacity);
    do {
      bits = Math.ceil(bits / 32);
      this.#levels.push(new Int32Array(bits));
    } while (bits > 1);
  }

  get size(): number {
    return this.#size;
  }

  has(position: number): boolean {
    return (this.#levels[0]![position >>> 5]! & (1 << (position & 31))) !== 0;
  }

  add(position: number): void {
    if (this.has(position)) return;
    this.#size += 1;
    for (const words of this.#levels) {
      const before = words[position >>> 5]!;
      words[position >>> 5] = before | (1 << (position & 31));
      if (before !== 0) return;
      position >>>= 5;
    }
  }

  delete(position: number): void {
    if (!this.has(position)) return;
    this.#size -= 1;
    for (const words of this.#levels) {
      const after = words[position >>> 5]! & ~(1 << (position & 31));
      words[position >>> 5] = after;
      if (after !== 0) return;
      position >>>= 5;
    }
  }

  /** The first member at or after `position`, else the first of all, else −1. */
  nextFrom(position: number): number {
    const next = this.#atOrAfter(position);
    return next === -1 && position > 0 ? this.#atOrAfter(0) : next;
  }

  #atOrAfter(position: number): number {
    const levels = this.#levels;
    for (let level = 0; level < levels.length; level += 1) {
      const words = levels[level]!;
      const index = position >>> 5;
      if (index >= words.length) return -1;
      const rest = words[index]! & (-1 << (position & 31));
      if (rest !== 0) {
        let found = index * 32 + lowestBit(rest);
        while (level > 0) {
          level -= 1;
          found = found * 32 + lowestBit(levels[level]![found]!);
        }
        return found;
      }
      position = index + 1;
    }
    return -1;
  }
}

function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}
