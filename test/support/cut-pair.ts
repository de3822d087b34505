import { Duplex } from "node:stream";

/** One read: so many bytes, in a turn of the loop of its own or right after the one before it. */
export interface Cut {
  readonly bytes: number;
  readonly ownTurn: boolean;
}

/** One end of an in-process pair whose other end reads what is written here in pieces of its own, whatever the writes were. */
class CutEnd extends Duplex {
  other: CutEnd | undefined = undefined;
  /** The first is the next. */
  readonly #cuts: Cut[];

  constructor(cuts: readonly Cut[]) {
    super({ readableHighWaterMark: 1 << 20, writableHighWaterMark: 1 << 16 });
    this.#cuts = [...cuts];
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, callback: () => void): void {
    void this.#deliver(chunk).then(() => setImmediate(callback));
  }

  override _final(callback: () => void): void {
    if (!this.other!.destroyed) this.other!.push(null);
    callback();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    setImmediate(() => this.other!.destroy());
    callback(error);
  }

  /** Of sockets, whom servers end so. */
  destroySoon(): void {
    this.destroy();
  }

  async #deliver(chunk: Buffer): Promise<void> {
    let at = 0;
    while (at < chunk.length) {
      const { bytes, ownTurn } = this.#cuts[0]!;
      if (ownTurn) await new Promise((resolve) => setImmediate(resolve));
      if (this.other!.destroyed) return;
      // A copy: what is read belongs to the reader.
      this.other!.push(Buffer.from(chunk.subarray(at, at + bytes)));
      at += bytes;
      this.#cuts.push(this.#cuts.shift()!);
    }
  }
}

const WHOLE: readonly Cut[] = [{ bytes: Infinity, ownTurn: false }];

/** Two duplex streams, each the other's peer. What is written to the first is read from the second as `there` says, in turn, and the other way as `back`. */
export function cutPair(there: readonly Cut[], back = WHOLE): [Duplex, Duplex] {
  const [first, second] = [new CutEnd(there), new CutEnd(back)];
  first.other = second;
  second.other = first;
  return [first, second];
}
