/** For each direction: what the windows of 16 calls hold, so that it is seldom full. Memory is taken only as it is first used. */
export const RING_BYTES = 1_024 * 1_024;

/** Of a message's place when it is not in the ring. */
export const NOWHERE = -1;

const POSITION_BYTES = 4;

/** Memory that a thread and the main thread share. */
export interface ThreadRings {
  readonly toThread: SharedArrayBuffer;
  readonly fromThread: SharedArrayBuffer;
}

export function createRings(): ThreadRings {
  const ring = () => new SharedArrayBuffer(POSITION_BYTES + RING_BYTES);
  return { toThread: ring(), fromThread: ring() };
}

/**
 * Bytes from one thread to another through memory that both have, as a ring: moving memory of its own with each post costs more, and
 * makes V8 collect far more often. The port says where a message is; the only thing told here is how far the reader has come.
 */
export class RingWriter {
  readonly #readTo: Int32Array;
  readonly #memory: Buffer;
  #at = 0;
  /** Bytes written that the reader had not read when last asked. */
  #unread = 0;
  #lastReadTo = 0;

  constructor(ring: SharedArrayBuffer) {
    this.#readTo = new Int32Array(ring, 0, 1);
    this.#memory = Buffer.from(ring, POSITION_BYTES, RING_BYTES);
  }

  /** Where it was written, in one piece, to be read in this order; `NOWHERE` when there is no room. */
  write(bytes: Uint8Array): number {
    const { length } = bytes;
    // What does not fit before the end begins at the beginning.
    const skipped = this.#at + length > RING_BYTES ? RING_BYTES - this.#at : 0;
    if (skipped + length >= RING_BYTES) return NOWHERE;
    if (this.#unread + skipped + length >= RING_BYTES) {
      this.#ask();
      if (this.#unread + skipped + length >= RING_BYTES) return NOWHERE;
    }
    const at = skipped > 0 ? 0 : this.#at;
    this.#memory.set(bytes, at);
    this.#at = (at + length) % RING_BYTES;
    this.#unread += skipped + length;
    return at;
  }

  #ask(): void {
    const readTo = Atomics.load(this.#readTo, 0);
    this.#unread -= (readTo - this.#lastReadTo + RING_BYTES) % RING_BYTES;
    this.#lastReadTo = readTo;
  }
}

/** Of the other thread. */
export class RingReader {
  readonly #readTo: Int32Array;
  readonly #memory: Buffer;

  constructor(ring: SharedArrayBuffer) {
    this.#readTo = new Int32Array(ring, 0, 1);
    this.#memory = Buffer.from(ring, POSITION_BYTES, RING_BYTES);
  }

  /** A copy of what was written there, whose place is free from now on, like all before it. */
  read(at: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    this.#memory.copy(bytes, 0, at, at + length);
    Atomics.store(this.#readTo, 0, (at + length) % RING_BYTES);
    return bytes;
  }
}
