import { ErrorCode, Http2Error } from "./error-codes";
import { FIELD_OVERHEAD_BYTES, HeaderList } from "./header-list";
import { HeaderBlockMemo } from "./header-block-memo";
import { HpackDynamicTable } from "./hpack-dynamic-table";
import { STATIC_ENTRIES, STATIC_NAMES, STATIC_VALUES } from "./hpack-static-table";
import { decodeHuffman } from "./huffman";
import { readLatin1 } from "./latin1";

/** SETTINGS_HEADER_TABLE_SIZE before anyone said otherwise (RFC 9113 §6.5.2). */
export const HEADER_TABLE_INITIAL_BYTES = 4_096;

export interface HeaderListBounds {
  /** Of the list as counted by `HeaderList.sizeBytes`. */
  readonly bytesMax: number;
  readonly fieldsMax: number;
}

/** What a block was that went over the bounds. It was decoded all the same, so that the table stays as the peer's. */
export const LIST_TOO_LARGE = "list too large";

/**
 * Decodes header blocks (RFC 7541 §3). One per connection: every block must pass through here, in order, also those of
 * streams nobody wants any more. A fault is a connection error, COMPRESSION_ERROR, because the tables no longer agree (§4.3 of RFC 9113).
 *
 * - D1: memory of one list is bounded: past the bounds fields are parsed, and inserted where they say so, but not kept.
 * - D2: a block is answered from the memo only if it changes no state and the table is as it was when the block was decoded;
 *   its meaning is then a function of its bytes alone.
 */
export class HpackDecoder {
  readonly #table = new HpackDynamicTable(HEADER_TABLE_INITIAL_BYTES);
  readonly #memo = new HeaderBlockMemo();
  readonly #bounds: HeaderListBounds;
  /** The most that the peer may set its table to: our SETTINGS_HEADER_TABLE_SIZE. */
  #tableLimitBytes = HEADER_TABLE_INITIAL_BYTES;
  // Where the block is read.
  #buffer: Buffer = Buffer.alloc(0);
  #at = 0;
  #end = 0;

  constructor(bounds: HeaderListBounds) {
    this.#bounds = bounds;
  }

  /** Our SETTINGS_HEADER_TABLE_SIZE as the peer knows it: call when a raise is sent, and when a cut is acknowledged. */
  setTableLimit(bytes: number): void {
    this.#tableLimitBytes = bytes;
    this.#memo.clear();
  }

  /** For tests and metrics. */
  get tableSizeBytes(): number {
    return this.#table.sizeBytes;
  }

  get memoHits(): number {
    return this.#memo.hits;
  }

  /** The list in `buffer[start, end)`: a complete block. Throws `Http2Error`. */
  decode(buffer: Buffer, start: number, end: number): HeaderList | typeof LIST_TOO_LARGE {
    const known = this.#memo.find(buffer, start, end, this.#table.version);
    if (known !== undefined) return known;

    this.#buffer = buffer;
    this.#at = start;
    this.#end = end;
    const versionBefore = this.#table.version;
    this.#readSizeUpdates();
    const list = this.#readFields();
    this.#buffer = EMPTY;
    if (list !== LIST_TOO_LARGE && this.#table.version === versionBefore) {
      this.#memo.keep(buffer, start, end, versionBefore, list);
    }
    return list;
  }

  /** §4.2: only at the beginning of a block, and there must be one after we cut the limit below what the peer uses. */
  #readSizeUpdates(): void {
    while (this.#at < this.#end && (this.#buffer[this.#at]! & 0xe0) === 0x20) {
      const bytes = this.#readInteger(5);
      if (bytes > this.#tableLimitBytes) throw compressionError("table size update over the limit");
      this.#table.resize(bytes);
    }
    if (this.#table.maxBytes > this.#tableLimitBytes) throw compressionError("missing table size update");
  }

  #readFields(): HeaderList | typeof LIST_TOO_LARGE {
    const fields: string[] = [];
    let neverIndexed: number[] | undefined;
    let sizeBytes = 0;
    const { bytesMax, fieldsMax } = this.#bounds;
    const entriesMax = fieldsMax * 2;
    let tooLarge = false;
    while (this.#at < this.#end) {
      const first = this.#buffer[this.#at]!;
      let name: string;
      let value: string;
      if ((first & 0x80) !== 0) {
        // §6.1 indexed
        const index = this.#readInteger(7);
        name = this.#name(index);
        value = index <= STATIC_ENTRIES ? STATIC_VALUES[index]! : this.#table.value(index - STATIC_ENTRIES);
      } else {
        // §6.2 literal: with indexing (01), without (0000), never indexed (0001)
        const indexing = (first & 0x40) !== 0;
        if (!indexing && (first & 0x20) !== 0) throw compressionError("table size update after a field");
        const nameIndex = this.#readInteger(indexing ? 6 : 4);
        name = nameIndex === 0 ? this.#readString() : this.#name(nameIndex);
        value = this.#readString();
        if (indexing) this.#table.insert(name, value);
        else if ((first & 0x10) !== 0 && !tooLarge) (neverIndexed ??= []).push(fields.length);
      }
      sizeBytes += name.length + value.length + FIELD_OVERHEAD_BYTES;
      if (sizeBytes > bytesMax || fields.length >= entriesMax) {
        tooLarge = true; // D1
        fields.length = 0;
      }
      if (!tooLarge) fields.push(name, value);
    }
    return tooLarge ? LIST_TOO_LARGE : new HeaderList(fields, sizeBytes, neverIndexed);
  }

  #name(index: number): string {
    if (index === 0 || index > STATIC_ENTRIES + this.#table.count) throw compressionError(`no entry ${index}`);
    return index <= STATIC_ENTRIES ? STATIC_NAMES[index]! : this.#table.name(index - STATIC_ENTRIES);
  }

  /** §5.1. At most 2^28: nothing that can be meant is larger. */
  #readInteger(prefixBits: number): number {
    const prefixMax = (1 << prefixBits) - 1;
    let value = this.#buffer[this.#at++]! & prefixMax;
    if (value < prefixMax) return value;
    for (let shift = 0; shift <= 21; shift += 7) {
      if (this.#at >= this.#end) throw compressionError("integer cut off");
      const octet = this.#buffer[this.#at++]!;
      value += (octet & 0x7f) << shift;
      if ((octet & 0x80) === 0) return value;
    }
    throw compressionError("integer too large");
  }

  /** §5.2 */
  #readString(): string {
    if (this.#at >= this.#end) throw compressionError("string cut off");
    const huffman = (this.#buffer[this.#at]! & 0x80) !== 0;
    const length = this.#readInteger(7);
    const start = this.#at;
    const end = start + length;
    if (end > this.#end) throw compressionError("string longer than its block");
    this.#at = end;
    if (!huffman) return readLatin1(this.#buffer, start, end);
    const text = decodeHuffman(this.#buffer, start, end);
    if (text === undefined) throw compressionError("not a Huffman string");
    return text;
  }
}

const EMPTY = Buffer.alloc(0);

function compressionError(message: string): Http2Error {
  return new Http2Error(ErrorCode.COMPRESSION_ERROR, message);
}
