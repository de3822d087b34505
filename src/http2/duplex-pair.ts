import { Duplex } from "node:stream";

/** One end of an in-process pair: what is written here is read there, by reference, when the other side reads. */
class PairEnd extends Duplex {
  other: PairEnd | undefined = undefined;
  #onRead: (() => void) | undefined;

  override _read(): void {
    const onRead = this.#onRead;
    this.#onRead = undefined;
    onRead?.();
  }

  override _write(chunk: Buffer, _encoding: string, callback: () => void): void {
    this.other!.accept(chunk, callback);
  }

  override _final(callback: () => void): void {
    this.other!.accept(null, callback);
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    const { other } = this;
    // As with sockets: the other side sees the end, not our error.
    setImmediate(() => other?.destroy());
    callback(error);
  }

  accept(chunk: Buffer | null, onTaken: () => void): void {
    if (this.destroyed || this.readableEnded) {
      onTaken();
    } else if (this.push(chunk) || chunk === null) {
      // A turn later, as a socket would: a synchronous answer would nest the two sides in each other.
      setImmediate(onTaken);
    } else {
      this.#onRead = onTaken;
    }
  }
}

/** Two duplex streams, each the other's peer, with the backpressure of sockets: for a connection within one process, and for tests. */
export function duplexPair(): [Duplex, Duplex] {
  const options = { readableHighWaterMark: 65_536, writableHighWaterMark: 65_536 };
  const left = new PairEnd(options);
  const right = new PairEnd(options);
  left.other = right;
  right.other = left;
  return [left, right];
}
