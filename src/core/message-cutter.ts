/** A message that came in full, among the bytes that a call carries. */
export interface CutMessage {
  /** As it came, and as it is passed on. */
  readonly sent: Uint8Array;
  /** As its sender encoded it; undefined where that takes decompressing. */
  readonly message: Uint8Array | undefined;
}

/** Finds the messages of one direction of a call in the chunks that carry it. */
export interface MessageCutter {
  /** To be called only after `next` said that there is none. */
  push(chunk: Uint8Array): void;
  /** The next message that is complete: views of the chunk, if it came in one, valid until the next `push`. */
  next(): CutMessage | undefined;
  /** A message as it is passed on. */
  sentFormOf(message: Uint8Array): Uint8Array;
  /** What it holds in memory of a message that is not complete. */
  readonly heldBytes: number;
  /** Whether the answer may end here. */
  readonly isBetweenMessages: boolean;
}

/** For calls whose chunks are whole messages already. */
export class WholeMessages implements MessageCutter {
  readonly heldBytes = 0;
  readonly isBetweenMessages = true;
  #message: Uint8Array | undefined;

  push(chunk: Uint8Array): void {
    this.#message = chunk;
  }

  next(): CutMessage | undefined {
    const message = this.#message;
    this.#message = undefined;
    return message && { sent: message, message };
  }

  sentFormOf(message: Uint8Array): Uint8Array {
    return message;
  }
}
