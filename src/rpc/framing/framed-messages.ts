import type { CutMessage, MessageCutter } from "../../core/message-cutter";
import { frameOf, MessageReader, PREFIX_BYTES } from "./message-reader";

/** Finds messages in gRPC's bytes, which calls that are passed on consist of. */
export class FramedMessages implements MessageCutter {
  readonly #reader = new MessageReader();

  push(chunk: Uint8Array): void {
    this.#reader.push(chunk as Buffer);
  }

  next(): CutMessage | undefined {
    const received = this.#reader.next();
    if (received === undefined) return undefined;
    const { flag, bytes } = received;
    // The reader gives views of memory in which the prefix stands before the message.
    const sent = Buffer.from(bytes.buffer, bytes.byteOffset - PREFIX_BYTES, PREFIX_BYTES + bytes.length);
    return { sent, message: flag === 0 ? bytes : undefined };
  }

  sentFormOf(message: Uint8Array): Uint8Array {
    return frameOf(message);
  }

  get heldBytes(): number {
    return this.#reader.heldBytes;
  }

  get isBetweenMessages(): boolean {
    return this.#reader.isBetweenMessages;
  }
}
