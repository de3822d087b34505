/**
 * What the calls of a process keep together of their requests, for another attempt. Each call has a bound of its own, but callers make
 * as many calls as they like: 1,000 uploads on one connection would keep 250 MiB.
 */
export class RetryMemory {
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** More is kept than should be: who can do without does. */
  get isFull(): boolean {
    return this.#bytes > this.#bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Counts what is kept; also what has to be, because the call waits for its first attempt. */
  take(bytes: number): void {
    this.#bytes += bytes;
  }

  giveBack(bytes: number): void {
    this.#bytes -= bytes;
  }
}

/** What a chunk costs beside its bytes: the objects that hold it. Bytes sent one by one cost little else. */
export const CHUNK_OVERHEAD_BYTES = 256;

/** A read of the network of at least so many bytes, and this many times what is kept of it, is not kept alive for that. */
const LARGE_READ_BYTES = 16_384;
const PINNED_RATIO = 4;

/** The chunk, or a copy of it where it is a small part of a large read, which it would keep alive for as long as the call lasts. */
export function keepable(chunk: Uint8Array): Uint8Array {
  const readBytes = chunk.buffer.byteLength;
  const isPinning = readBytes > LARGE_READ_BYTES && chunk.length * PINNED_RATIO < readBytes;
  return isPinning ? Buffer.from(chunk) : chunk;
}
