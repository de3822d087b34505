import type { HeaderList } from "./header-list";

/** Longer blocks are literals for the most part, which do not come back. */
const BLOCK_BYTES_MAX = 128;

/** A power of two. A connection sees a few methods, each with a few shapes of metadata. */
const SLOTS = 64;

interface Memory {
  readonly block: Buffer;
  readonly list: HeaderList;
}

/**
 * Remembers what header blocks meant, by their bytes. Calls of one method mostly have the same block, and comparing twenty
 * bytes is cheaper than making twenty strings. Sound because only blocks are kept that changed nothing, and all are
 * forgotten as soon as the table changes (D2 of hpack-decoder).
 *
 * Bounded: 64 blocks of 128 bytes at most; of those that hash alike the two newest stay. The lists are bounded by the decoder.
 */
export class HeaderBlockMemo {
  #slots: (Memory | undefined)[] = [];
  #version = -1;
  hits = 0;

  /** The list of exactly these bytes, decoded when the table was at `version`. */
  find(buffer: Buffer, start: number, end: number, version: number): HeaderList | undefined {
    const length = end - start;
    if (version !== this.#version || length > BLOCK_BYTES_MAX) return undefined;
    const slot = slotOf(buffer, start, end);
    let memory = this.#slots[slot];
    if (memory === undefined || !holds(memory.block, buffer, start, end)) memory = this.#slots[slot ^ 1];
    if (memory === undefined || !holds(memory.block, buffer, start, end)) return undefined;
    this.hits += 1;
    return memory.list;
  }

  /** `list` is what these bytes mean while the table is at `version`. */
  keep(buffer: Buffer, start: number, end: number, version: number, list: HeaderList): void {
    if (end - start > BLOCK_BYTES_MAX) return;
    if (version !== this.#version) {
      this.clear();
      this.#version = version;
    }
    const slot = slotOf(buffer, start, end);
    this.#slots[slot ^ 1] = this.#slots[slot];
    this.#slots[slot] = { block: Buffer.from(buffer.subarray(start, end)), list };
  }

  clear(): void {
    this.#slots = new Array<Memory | undefined>(SLOTS).fill(undefined);
    this.#version = -1;
  }
}

function holds(block: Buffer, buffer: Buffer, start: number, end: number): boolean {
  if (block.length !== end - start) return false;
  for (let at = 0; at < block.length; at += 1) if (block[at] !== buffer[start + at]) return false;
  return true;
}

/** FNV-1a, Fowler, Noll, Vo. A hostile peer that makes its own blocks collide loses its own speed, nothing else. */
function slotOf(buffer: Buffer, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let at = start; at < end; at += 1) hash = Math.imul(hash ^ buffer[at]!, 0x01000193);
  return (hash ^ (hash >>> 15)) & (SLOTS - 1);
}
