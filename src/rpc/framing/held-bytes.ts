/** An eighth of what one stream may have waiting: less would be more frames, more would be more that is empty. */
const BLOCK_BYTES = 8_192;

/** Blocks kept for the next bytes that have to wait, of whichever call: 16 MiB, what 256 calls with slow peers hold. */
const FREE_BLOCKS_MAX = 2_048;

const free: Buffer[] = [];

function takeBlock(): Buffer {
  return free.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES);
}

function giveBackBlock(block: Buffer): void {
  if (free.length < FREE_BLOCKS_MAX) free.push(block);
}

/** For bytes that `shift` returned, once nobody reads them any more. */
export function giveBack(bytes: Buffer): void {
  giveBackBlock(bytes.length === BLOCK_BYTES ? bytes : Buffer.from(bytes.buffer));
}

/**
 * Bytes of a call that have to wait, in order. They are copied into blocks that are used again:
 * - a view would keep alive the whole read that it came with;
 * - of a stream in frames of one byte each, an object for each would take a hundred times what the window allows;
 * - what waits for long and is then dropped is the garbage that is collected last.
 * So what they take is what the window allows and one block.
 */
export class HeldBytes {
  readonly #blocks: Buffer[] = [];
  /** Where the bytes begin in the first block, and end in the last. */
  #start = 0;
  #end = 0;

  get isEmpty(): boolean {
    return this.#blocks.length === 0;
  }

  /** `first` has all of them. */
  get isLast(): boolean {
    return this.#blocks.length === 1;
  }

  append(chunk: Buffer, start: number, end: number): void {
    let at = start;
    while (at < end) {
      if (this.#blocks.length === 0 || this.#end === BLOCK_BYTES) {
        if (this.#blocks.length === 0) this.#start = 0;
        this.#blocks.push(takeBlock());
        this.#end = 0;
      }
      const take = Math.min(end - at, BLOCK_BYTES - this.#end);
      chunk.copy(this.#blocks.at(-1)!, this.#end, at, at + take);
      this.#end += take;
      at += take;
    }
  }

  /** The first of the bytes, as many as lie together; not to be read any more once they are dropped. There must be some. */
  first(): Buffer {
    return this.#blocks[0]!.subarray(this.#start, this.#blocks.length === 1 ? this.#end : BLOCK_BYTES);
  }

  /** Drops the first `bytes`, no more than `first` has. */
  drop(bytes: number): void {
    this.#start += bytes;
    if (this.#start < (this.#blocks.length === 1 ? this.#end : BLOCK_BYTES)) return;
    giveBackBlock(this.#blocks.shift()!);
    this.#start = 0;
  }

  /** Takes out the first of the bytes. They are the caller's, to be given back or kept. */
  shift(): Buffer {
    const bytes = this.first();
    this.#blocks.shift();
    this.#start = 0;
    return bytes;
  }

  clear(): void {
    for (const block of this.#blocks.splice(0)) giveBackBlock(block);
  }
}
