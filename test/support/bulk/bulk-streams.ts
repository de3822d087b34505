import type { Http2Stream } from "../../../src/http2/stream";
import { type BulkMessages, WINDOW_BYTES } from "./bulk-data";

/** Sends a message as fast as the other side lets it. */
export class BulkSender {
  readonly #message: BulkMessages;
  readonly #whenSent: () => void;
  sentBytes = 0;

  constructor(message: BulkMessages, whenSent: () => void = () => {}) {
    this.#message = message;
    this.#whenSent = whenSent;
  }

  get isWaiting(): boolean {
    return this.sentBytes < this.#message.bytes;
  }

  send(stream: Http2Stream, endStream: boolean): void {
    while (this.isWaiting) {
      const part = this.#message.from(this.sentBytes);
      const last = endStream && this.sentBytes + part.length === this.#message.bytes;
      const taken = stream.sendData(part, 0, part.length, last);
      this.sentBytes += taken;
      if (taken < part.length) return;
    }
    this.#whenSent();
  }
}

/** Reads a message, and knows whether it is the right one. */
export class BulkReader {
  readonly #message: BulkMessages;
  readonly #round: ReadingRound | undefined;
  receivedBytes = 0;
  isRight = true;

  /** Without a round it takes nothing, so that the sender's window closes. */
  constructor(message: BulkMessages, round?: ReadingRound) {
    this.#message = message;
    this.#round = round;
  }

  take(stream: Http2Stream, chunk: Buffer, start: number, end: number): void {
    this.isRight &&= this.#message.matches(this.receivedBytes, chunk, start, end);
    this.receivedBytes += end - start;
    const isWhole = this.receivedBytes === this.#message.bytes;
    if (isWhole || stream.unconsumedBytes >= WINDOW_BYTES) this.#round?.heldUp(stream, isWhole);
  }
}

/**
 * The slowest readers that read at all: each takes what it was sent only when all have been sent as much as they allow, so
 * that everything that can wait on the way does.
 */
export class ReadingRound {
  #left: number;
  readonly #heldUp = new Set<Http2Stream>();

  constructor(readers: number) {
    this.#left = readers;
  }

  heldUp(stream: Http2Stream, isLast: boolean): void {
    if (isLast) {
      this.#heldUp.delete(stream);
      this.#left -= 1;
      stream.consume(stream.unconsumedBytes);
    } else {
      this.#heldUp.add(stream);
    }
    if (this.#heldUp.size < this.#left) return;
    for (const each of [...this.#heldUp]) {
      this.#heldUp.delete(each);
      each.consume(each.unconsumedBytes);
    }
  }
}
