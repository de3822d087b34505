import { CallMetadata, type MetadataValue } from "../../core/call-metadata";
import { NOWHERE, type RingReader, RingWriter } from "./byte-ring";
import type { Batch, Word } from "./port-messages";

/** Longer messages are moved: they are copied once instead of twice, and leave the ring to others. */
const RING_MESSAGE_MAX_BYTES = 64 * 1_024;

/**
 * Collects operations for one post. Bytes are copied: what comes off the network shares its memory with other calls, and a handler may
 * keep what it answered, so neither can be moved to another thread.
 */
export class BatchWriter {
  readonly #ring: RingWriter;
  #words: Word[] = [];
  #moved: ArrayBuffer[] = [];
  #byteLength = 0;

  constructor(ring: SharedArrayBuffer) {
    this.#ring = new RingWriter(ring);
  }

  get isEmpty(): boolean {
    return this.#words.length === 0;
  }

  get byteLength(): number {
    return this.#byteLength;
  }

  add(...words: readonly Word[]): void {
    this.#words.push(...words);
  }

  addBytes(bytes: Uint8Array): void {
    const { length } = bytes;
    const at = length > RING_MESSAGE_MAX_BYTES ? NOWHERE : this.#ring.write(bytes);
    this.#words.push(length, at);
    this.#byteLength += length;
    if (at !== NOWHERE) return;
    // Never of Node's pool, whose memory cannot be moved.
    const copy = Buffer.allocUnsafeSlow(length);
    copy.set(bytes);
    this.#moved.push(copy.buffer);
  }

  addMetadata(metadata: CallMetadata): void {
    this.#words.push(metadata.size);
    for (const [key, value] of metadata.entries()) {
      this.#words.push(key);
      if (typeof value === "string") this.#words.push(value);
      else this.addBytes(value);
    }
    this.#words.push(metadata.sensitiveKeys.length, ...metadata.sensitiveKeys);
  }

  /** All that was added, and begins anew. */
  take(): Batch {
    const batch: Batch = { kind: "calls", words: this.#words, moved: this.#moved };
    this.#words = [];
    this.#moved = [];
    this.#byteLength = 0;
    return batch;
  }
}

/** Reads a batch as it was written: an operation's operands in their order, all of them, and no others. */
export class BatchReader {
  readonly #words: readonly Word[];
  readonly #moved: readonly ArrayBuffer[];
  readonly #ring: RingReader;
  #at = 0;
  #movedAt = 0;

  constructor({ words, moved }: Batch, ring: RingReader) {
    this.#words = words;
    this.#moved = moved;
    this.#ring = ring;
  }

  get hasMore(): boolean {
    return this.#at < this.#words.length;
  }

  number(): number {
    return this.#words[this.#at++] as number;
  }

  text(): string {
    return this.#words[this.#at++] as string;
  }

  /** The reader's own. */
  bytes(): Buffer {
    return this.#bytes(this.number());
  }

  metadata(): CallMetadata {
    const metadata = new CallMetadata();
    for (let left = this.number(); left > 0; left -= 1) metadata.append(this.text(), this.#value());
    for (let left = this.number(); left > 0; left -= 1) metadata.markSensitive(this.text());
    return metadata;
  }

  #value(): MetadataValue {
    const word = this.#words[this.#at++]!;
    return typeof word === "string" ? word : this.#bytes(word);
  }

  #bytes(length: number): Buffer {
    const at = this.number();
    return at === NOWHERE ? Buffer.from(this.#moved[this.#movedAt++]!) : this.#ring.read(at, length);
  }
}
