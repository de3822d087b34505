/** A gRPC message as it was sent: maybe compressed. */
export interface ReceivedMessage {
  /** The flag before it: 0 or 1, and nothing else if the peer keeps to the protocol. */
  readonly flag: number;
  readonly bytes: Buffer;
}

/** gRPC's Length-Prefixed-Message: a flag and four bytes of length (PROTOCOL-HTTP2). */
export const PREFIX_BYTES = 5;

/** First capacity for a message that comes in pieces. */
const CAPACITY_MIN_BYTES = 1_024;

const NOTHING = Buffer.alloc(0);

/** A message as it is sent, its length before it; `flag` is 1 if it is compressed. */
export function frameOf(message: Uint8Array, flag: 0 | 1 = 0): Buffer {
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  writePrefix(frame, message.length, flag);
  frame.set(message, PREFIX_BYTES);
  return frame;
}

/** Writes what stands before a message of `length` bytes to the beginning of `target`. */
export function writePrefix(target: Buffer, length: number, flag: 0 | 1 = 0): void {
  target[0] = flag;
  target.writeUInt32BE(length, 1);
}

/**
 * Cuts a stream of gRPC bytes into its messages. A message that comes in pieces is collected in memory that grows as they do: it
 * costs at most twice what was received of it, whatever length it announced and however small the pieces.
 */
export class MessageReader {
  /** The present chunk, read up to `#at`. */
  #chunk: Buffer = NOTHING;
  #at = 0;
  /** The beginning of a message that is not complete, prefix included, and room for more of it. */
  #partial: Buffer = NOTHING;
  #partialBytes = 0;

  /** What it holds in memory. */
  get heldBytes(): number {
    return this.#partial.length + this.#chunk.length - this.#at;
  }

  /** Whether the stream may end here. */
  get isBetweenMessages(): boolean {
    return this.#partialBytes === 0 && this.#at === this.#chunk.length;
  }

  /** To be called only after `next` said that there is none. */
  push(chunk: Buffer): void {
    this.#chunk = chunk;
    this.#at = 0;
  }

  /** The next message that is complete: a view of the chunk, if it came in one. */
  next(): ReceivedMessage | undefined {
    const whole = this.#partialBytes === 0 ? this.#wholeInChunk() : undefined;
    if (whole !== undefined) return whole;
    for (;;) {
      const knowsLength = this.#partialBytes >= PREFIX_BYTES;
      const neededBytes = knowsLength ? PREFIX_BYTES + this.#partial.readUInt32BE(1) : PREFIX_BYTES;
      if (knowsLength && this.#partialBytes === neededBytes) return this.#takePartial();
      const bytes = Math.min(neededBytes - this.#partialBytes, this.#chunk.length - this.#at);
      if (bytes === 0) return undefined;
      this.#keep(bytes, knowsLength ? neededBytes : CAPACITY_MIN_BYTES);
    }
  }

  /** What is left of the chunk is copied: it may have to wait, and would keep alive the whole read it came with. */
  detach(): void {
    if (this.#at === this.#chunk.length) this.#chunk = NOTHING;
    else this.#chunk = Buffer.from(this.#chunk.subarray(this.#at));
    this.#at = 0;
  }

  #wholeInChunk(): ReceivedMessage | undefined {
    const chunk = this.#chunk;
    const start = this.#at + PREFIX_BYTES;
    if (start > chunk.length) return undefined;
    const end = start + chunk.readUInt32BE(start - 4);
    if (end > chunk.length) return undefined;
    this.#at = end;
    return { flag: chunk[start - PREFIX_BYTES]!, bytes: chunk.subarray(start, end) };
  }

  #takePartial(): ReceivedMessage {
    const partial = this.#partial;
    const message = { flag: partial[0]!, bytes: partial.subarray(PREFIX_BYTES, this.#partialBytes) };
    this.#partial = NOTHING;
    this.#partialBytes = 0;
    return message;
  }

  #keep(bytes: number, capacityMaxBytes: number): void {
    const wantedBytes = this.#partialBytes + bytes;
    if (wantedBytes > this.#partial.length) {
      const doubled = Math.max(CAPACITY_MIN_BYTES, 2 * this.#partial.length, wantedBytes);
      const grown = Buffer.allocUnsafe(Math.min(doubled, Math.max(capacityMaxBytes, wantedBytes)));
      this.#partial.copy(grown, 0, 0, this.#partialBytes);
      this.#partial = grown;
    }
    this.#chunk.copy(this.#partial, this.#partialBytes, this.#at, this.#at + bytes);
    this.#partialBytes = wantedBytes;
    this.#at += bytes;
  }
}
