import { CallMetadata, type MetadataValue } from "../../core/call-metadata";
import type { Batch, Word } from "./port-messages";

/** First capacity for the bytes of a batch. It follows what batches need, up to the longest. */
const CAPACITY_BYTES = { min: 1_024, max: 64 * 1_024 } as const;

const NOTHING = Buffer.alloc(0);

/**
 * Collects operations for one post. Bytes are copied, once: what comes off the network shares its memory with other calls, and a
 * handler may keep what it answered, so neither can be moved to another thread. What they are copied to is moved.
 */
export class BatchWriter {
  #words: Word[] = [];
  #bytes: Buffer = NOTHING;
  #length = 0;
  #capacity: number = CAPACITY_BYTES.min;

  get isEmpty(): boolean {
    return this.#words.length === 0;
  }

  get byteLength(): number {
    return this.#length;
  }

  add(...words: readonly Word[]): void {
    this.#words.push(...words);
  }

  addBytes(bytes: Uint8Array): void {
    this.#words.push(bytes.length);
    const end = this.#length + bytes.length;
    if (end > this.#bytes.length) this.#grow(end);
    this.#bytes.set(bytes, this.#length);
    this.#length = end;
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

  /** All that was added, and begins anew. Its bytes are to be moved (`transfer`). */
  take(): Batch {
    const batch: Batch = { kind: "calls", words: this.#words, bytes: this.#bytes.buffer as ArrayBuffer };
    this.#capacity = Math.min(
      CAPACITY_BYTES.max,
      Math.max(CAPACITY_BYTES.min, 2 ** Math.ceil(Math.log2(this.#length))),
    );
    this.#words = [];
    this.#bytes = NOTHING;
    this.#length = 0;
    return batch;
  }

  #grow(neededBytes: number): void {
    // Never of Node's pool, whose memory cannot be moved.
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#capacity, 2 * this.#bytes.length, neededBytes));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}

/** Reads a batch as it was written: an operation's operands in their order, and no others. */
export class BatchReader {
  readonly #words: readonly Word[];
  readonly #bytes: ArrayBuffer;
  #at = 0;
  #offset = 0;

  constructor({ words, bytes }: Batch) {
    this.#words = words;
    this.#bytes = bytes;
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

  /** A view of the batch's memory, which is the reader's own. */
  bytes(): Buffer {
    return this.#view(this.number());
  }

  metadata(): CallMetadata {
    const metadata = new CallMetadata();
    for (let left = this.number(); left > 0; left -= 1) metadata.append(this.text(), this.#value());
    for (let left = this.number(); left > 0; left -= 1) metadata.markSensitive(this.text());
    return metadata;
  }

  #value(): MetadataValue {
    const word = this.#words[this.#at++]!;
    return typeof word === "string" ? word : this.#view(word);
  }

  #view(length: number): Buffer {
    const view = Buffer.from(this.#bytes, this.#offset, length);
    this.#offset += length;
    return view;
  }
}
