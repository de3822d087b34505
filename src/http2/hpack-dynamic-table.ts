import { FIELD_OVERHEAD_BYTES } from "./header-list";

/**
 * The dynamic table of RFC 7541 §2.3.2: fields in the order of their insertion, the oldest evicted first, bounded by the
 * sum of their sizes (§4.1).
 *
 * A ring of two parallel arrays. Entries are known by their *absolute* number, which rises with every insertion and is
 * never used again; HPACK's relative index n (1 = newest) is entry `inserted − n`.
 */
export class HpackDynamicTable {
  #names: string[] = new Array<string>(16).fill("");
  #values: string[] = new Array<string>(16).fill("");
  #mask = 15;
  #sizeBytes = 0;
  #maxBytes: number;
  readonly #onEvict: ((absolute: number, name: string, value: string) => void) | undefined;

  /** Insertions so far: the absolute number of the next entry. */
  inserted = 0;
  /** Entries there are. */
  count = 0;
  /** Rises with every change: what was derived from the table is valid while this stays. */
  version = 0;

  constructor(maxBytes: number, onEvict?: (absolute: number, name: string, value: string) => void) {
    this.#maxBytes = maxBytes;
    this.#onEvict = onEvict;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get maxBytes(): number {
    return this.#maxBytes;
  }

  /** `relative` is 1 to `count`. */
  name(relative: number): string {
    return this.#names[(this.inserted - relative) & this.#mask]!;
  }

  value(relative: number): string {
    return this.#values[(this.inserted - relative) & this.#mask]!;
  }

  /** Evicts until it fits; one that is larger than the whole table empties it (§4.4). */
  insert(name: string, value: string): void {
    const bytes = name.length + value.length + FIELD_OVERHEAD_BYTES;
    this.version += 1;
    this.#evictTo(this.#maxBytes - bytes);
    if (bytes > this.#maxBytes) return;
    if (this.count > this.#mask) this.#grow();
    const at = this.inserted & this.#mask;
    this.#names[at] = name;
    this.#values[at] = value;
    this.inserted += 1;
    this.count += 1;
    this.#sizeBytes += bytes;
  }

  /** A change of size by the encoder (§4.3). */
  resize(maxBytes: number): void {
    this.#maxBytes = maxBytes;
    this.version += 1;
    this.#evictTo(maxBytes);
  }

  #evictTo(bytes: number): void {
    while (this.count > 0 && this.#sizeBytes > bytes) {
      const absolute = this.inserted - this.count;
      const at = absolute & this.#mask;
      const name = this.#names[at]!;
      const value = this.#values[at]!;
      // Lets go of the strings.
      this.#names[at] = "";
      this.#values[at] = "";
      this.count -= 1;
      this.#sizeBytes -= name.length + value.length + FIELD_OVERHEAD_BYTES;
      this.#onEvict?.(absolute, name, value);
    }
  }

  #grow(): void {
    const size = (this.#mask + 1) * 2;
    const names = new Array<string>(size).fill("");
    const values = new Array<string>(size).fill("");
    for (let absolute = this.inserted - this.count; absolute < this.inserted; absolute += 1) {
      names[absolute & (size - 1)] = this.#names[absolute & this.#mask]!;
      values[absolute & (size - 1)] = this.#values[absolute & this.#mask]!;
    }
    this.#names = names;
    this.#values = values;
    this.#mask = size - 1;
  }
}
