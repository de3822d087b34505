/** Bytes of one chunk. Most batches fit in one; a larger one is written as several with one writev. */
export const OUTPUT_CHUNK_BYTES = 32_768;

/** Chunks kept for the next batch of any connection: 1 MiB. Idle connections hold none. */
const FREE_CHUNKS_MAX = 32;

const free: Buffer[] = [];

/** A chunk to write to. Its content is left over from before. */
export function takeChunk(): Buffer {
  return free.pop() ?? Buffer.allocUnsafeSlow(OUTPUT_CHUNK_BYTES);
}

/** Only for one that nobody reads any more: neither the socket nor the peer of an in-process pair. */
export function giveBackChunk(chunk: Buffer): void {
  if (free.length < FREE_CHUNKS_MAX && chunk.length === OUTPUT_CHUNK_BYTES) free.push(chunk);
}
