import { HEADER_TABLE_INITIAL_BYTES } from "./hpack-decoder";
import type { HeaderList } from "./header-list";
import { HpackDynamicTable } from "./hpack-dynamic-table";
import { STATIC_ENTRIES, STATIC_INDEX_BY_FIELD, STATIC_INDEX_BY_NAME } from "./hpack-static-table";
import { encodeHuffman, huffmanBytes } from "./huffman";
import { writeLatin1 } from "./latin1";

/** Lists whose encoding is remembered; past it all are forgotten, since those that are in use come back at once. */
const CACHED_LISTS_MAX = 256;

/** Names of which the last value is remembered; past it all are forgotten. */
const WATCHED_NAMES_MAX = 128;

/** Credentials: in a table that several callers' fields share, their length would tell who guessed right (RFC 7541 §7.1). */
const NEVER_INDEXED_NAMES: ReadonlySet<string> = new Set([
  "authorization",
  "proxy-authorization",
  "cookie",
  "set-cookie",
]);

/** What the size updates at the head of a block may take: two integers. */
const SIZE_UPDATES_BYTES_MAX = 12;

/**
 * Encodes header lists (RFC 7541). One per connection; what is encoded must be sent, in order.
 *
 * A field enters the dynamic table when it is met a second time with the same value, so that request ids and timeouts, which
 * differ each time, push nothing out, and the table comes to rest. Once a list is encoded without changing the table, its
 * block is remembered by the list's identity until the table changes: most blocks are then one copy.
 *
 * Huffman is used for what enters the table, which is sent once; literals that are sent each time go as they are, since
 * coding them costs more time than the bytes it saves.
 */
export class HpackEncoder {
  readonly #table: HpackDynamicTable;
  /** name → value → absolute number of the newest such entry. */
  readonly #byField = new Map<string, Map<string, number>>();
  readonly #byName = new Map<string, number>();
  /** The value each name had last: a field that has it again is worth an entry. */
  readonly #lastValues = new Map<string, string>();
  /** Made anew rather than cleared, and nothing is deleted from it: see OpenStreams. */
  #cache = new Map<HeaderList, Buffer>();
  #cacheVersion = -1;
  readonly #ownLimitBytes: number;
  #tableBytes = HEADER_TABLE_INITIAL_BYTES;
  /** The least and the last size set since the last block: both must be told (§4.2). */
  #leastPendingBytes: number | undefined;
  /** A field of the block was met for the first time: at the second it will enter the table, so the block will change. */
  #metNewField = false;

  /** `ownLimitBytes`: the most memory we spend on the table, however large the peer allows it to be. */
  constructor(ownLimitBytes: number = HEADER_TABLE_INITIAL_BYTES) {
    this.#ownLimitBytes = ownLimitBytes;
    this.#table = new HpackDynamicTable(HEADER_TABLE_INITIAL_BYTES, (absolute, name, value) =>
      this.#forget(absolute, name, value),
    );
    if (ownLimitBytes < HEADER_TABLE_INITIAL_BYTES) this.setPeerLimit(HEADER_TABLE_INITIAL_BYTES);
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. */
  setPeerLimit(bytes: number): void {
    const wanted = Math.min(bytes, this.#ownLimitBytes);
    if (wanted === this.#tableBytes && this.#leastPendingBytes === undefined) return;
    this.#leastPendingBytes = Math.min(wanted, this.#leastPendingBytes ?? wanted);
    this.#tableBytes = wanted;
  }

  /** Room that `encode` may need. */
  bytesMax(list: HeaderList): number {
    return list.sizeBytes + SIZE_UPDATES_BYTES_MAX;
  }

  /** Writes the block at `start` and returns the offset after it. There must be room for `bytesMax(list)`. */
  encode(list: HeaderList, out: Buffer, start: number): number {
    if (this.#leastPendingBytes === undefined && this.#cacheVersion === this.#table.version) {
      const block = this.#cache.get(list);
      if (block !== undefined) {
        // A loop beats the call into the runtime for blocks as short as these.
        if (block.length > 64) return start + block.copy(out, start);
        for (let at = 0; at < block.length; at += 1) out[start + at] = block[at]!;
        return start + block.length;
      }
    }
    let offset = this.#leastPendingBytes === undefined ? start : this.#writeSizeUpdates(out, start);
    const versionBefore = this.#table.version;
    const fieldsStart = offset;
    this.#metNewField = false;
    const { fields, neverIndexed } = list;
    for (let at = 0; at < fields.length; at += 2) {
      const name = fields[at]!;
      const hidden = neverIndexed.length > 0 && neverIndexed.includes(at);
      offset = this.#writeField(name, fields[at + 1]!, hidden || NEVER_INDEXED_NAMES.has(name), out, offset);
    }
    if (this.#table.version === versionBefore && !this.#metNewField) this.#remember(list, out, fieldsStart, offset);
    return offset;
  }

  #remember(list: HeaderList, out: Buffer, start: number, end: number): void {
    if (this.#cacheVersion !== this.#table.version || this.#cache.size >= CACHED_LISTS_MAX) {
      this.#cache = new Map();
      this.#cacheVersion = this.#table.version;
    }
    this.#cache.set(list, Buffer.from(out.subarray(start, end)));
  }

  #writeSizeUpdates(out: Buffer, start: number): number {
    let offset = start;
    const least = this.#leastPendingBytes!;
    this.#leastPendingBytes = undefined;
    if (least < this.#tableBytes) {
      offset = writeInteger(out, offset, 0x20, 5, least);
      this.#table.resize(least);
    }
    this.#table.resize(this.#tableBytes);
    return writeInteger(out, offset, 0x20, 5, this.#tableBytes);
  }

  #writeField(name: string, value: string, hidden: boolean, out: Buffer, start: number): number {
    if (!hidden) {
      const index = this.#fieldIndex(name, value);
      if (index !== 0) return writeInteger(out, start, 0x80, 7, index);
    }
    const entering = !hidden && this.#isWorthAnEntry(name, value);
    const nameIndex = this.#nameIndex(name);
    let offset = entering
      ? writeInteger(out, start, 0x40, 6, nameIndex)
      : writeInteger(out, start, hidden ? 0x10 : 0x00, 4, nameIndex);
    if (nameIndex === 0) offset = writeString(name, entering, out, offset);
    offset = writeString(value, entering, out, offset);
    if (entering) this.#insert(name, value);
    return offset;
  }

  #isWorthAnEntry(name: string, value: string): boolean {
    if (this.#lastValues.get(name) === value) return name.length + value.length + 32 <= this.#tableBytes / 4;
    if (this.#lastValues.size >= WATCHED_NAMES_MAX) this.#lastValues.clear();
    this.#lastValues.set(name, value);
    this.#metNewField = true;
    return false;
  }

  /** The index of this very field, or 0. */
  #fieldIndex(name: string, value: string): number {
    const fixed = STATIC_INDEX_BY_FIELD.get(name)?.get(value);
    if (fixed !== undefined) return fixed;
    const absolute = this.#byField.get(name)?.get(value);
    return absolute === undefined ? 0 : STATIC_ENTRIES + this.#table.inserted - absolute;
  }

  #nameIndex(name: string): number {
    const fixed = STATIC_INDEX_BY_NAME.get(name);
    if (fixed !== undefined) return fixed;
    const absolute = this.#byName.get(name);
    return absolute === undefined ? 0 : STATIC_ENTRIES + this.#table.inserted - absolute;
  }

  #insert(name: string, value: string): void {
    const absolute = this.#table.inserted;
    this.#table.insert(name, value);
    if (this.#table.inserted === absolute) return;
    const values = this.#byField.get(name) ?? new Map<string, number>();
    values.set(value, absolute);
    this.#byField.set(name, values);
    this.#byName.set(name, absolute);
  }

  #forget(absolute: number, name: string, value: string): void {
    const values = this.#byField.get(name);
    if (values?.get(value) === absolute) values.delete(value);
    if (values?.size === 0) this.#byField.delete(name);
    if (this.#byName.get(name) === absolute) this.#byName.delete(name);
  }
}

/** RFC 7541 §5.1: `pattern` is what the bits above the prefix hold. */
export function writeInteger(out: Buffer, start: number, pattern: number, prefixBits: number, value: number): number {
  const prefixMax = (1 << prefixBits) - 1;
  if (value < prefixMax) {
    out[start] = pattern | value;
    return start + 1;
  }
  out[start] = pattern | prefixMax;
  let offset = start + 1;
  let rest = value - prefixMax;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) out[offset++] = (rest & 0x7f) | 0x80;
  out[offset] = rest;
  return offset + 1;
}

/** RFC 7541 §5.2: as Huffman only where asked and shorter. */
function writeString(text: string, mayCode: boolean, out: Buffer, start: number): number {
  const coded = mayCode ? huffmanBytes(text) : text.length;
  if (coded < text.length) return encodeHuffman(text, out, writeInteger(out, start, 0x80, 7, coded));
  const offset = writeInteger(out, start, 0x00, 7, text.length);
  return offset + writeLatin1(out, text, offset);
}
