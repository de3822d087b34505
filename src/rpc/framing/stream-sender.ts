import type { HeaderList } from "../../http2/header-list";
import type { Http2Stream } from "../../http2/stream";
import { HeldBytes } from "./held-bytes";

const NOTHING = Buffer.alloc(0);

/** What ends our side of a stream: an END_STREAM, or trailers. */
type End = "half-close" | HeaderList;

/**
 * Sends chunks on one stream in order and keeps a copy of what the windows or the socket do not take, until `flush`.
 *
 * Bounded by whoever sends: after `send` returned false no more should come until `flush` returned true.
 */
export class StreamSender {
  readonly #stream: Http2Stream;
  #waiting: HeldBytes | undefined;
  #end: End | undefined;

  constructor(stream: Http2Stream) {
    this.#stream = stream;
  }

  get isBlocked(): boolean {
    return this.#waiting !== undefined;
  }

  /** False: it waits. With `last`, our side ends with its last byte. */
  send(chunk: Buffer, last = false): boolean {
    if (last) this.#end = "half-close";
    if (this.#waiting !== undefined) {
      this.#waiting.append(chunk, 0, chunk.length);
      return false;
    }
    const taken = this.#stream.sendData(chunk, 0, chunk.length, last);
    if (taken === chunk.length) return true;
    this.#waiting = new HeldBytes();
    this.#waiting.append(chunk, taken, chunk.length);
    return false;
  }

  /** Ends our side after what waits. */
  end(end: End): void {
    this.#end = end;
    if (this.#waiting === undefined) this.#sendEnd(end);
  }

  /** Sends what waits. True once nothing does any more. */
  flush(): boolean {
    const waiting = this.#waiting;
    if (waiting === undefined) return true;
    while (!waiting.isEmpty) {
      const bytes = waiting.first();
      const isLast = waiting.isLast && this.#end === "half-close";
      const taken = this.#stream.sendData(bytes, 0, bytes.length, isLast);
      waiting.drop(taken);
      if (taken < bytes.length) return false;
    }
    this.#waiting = undefined;
    if (this.#end !== undefined && this.#end !== "half-close") this.#sendEnd(this.#end);
    return true;
  }

  /** Drops what waits, and ends our side if it has not ended: the peer wants no more of it. */
  abandon(): void {
    const wasEnded = this.#end !== undefined && this.#waiting === undefined;
    this.discard();
    if (!wasEnded && !this.#stream.isClosed) this.#sendEnd("half-close");
    this.#end = "half-close";
  }

  /** The stream is over: what waits is of no use. */
  discard(): void {
    this.#waiting?.clear();
    this.#waiting = undefined;
  }

  #sendEnd(end: End): void {
    if (end === "half-close") this.#stream.sendData(NOTHING, 0, 0, true);
    else this.#stream.sendTrailers(end);
  }
}
