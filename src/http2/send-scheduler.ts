import type { FloodGuard } from "./flood-guard";
import { grownWindow } from "./flow-window";
import { FRAME_SIZE_MIN, WINDOW_INITIAL } from "./frame-types";
import type { FrameWriter } from "./frame-writer";
import type { OutputBatch } from "./output-batch";
import type { Http2Stream } from "./stream";

/** What a stream may send at its turn while others wait: two frames. */
const TURN_BYTES = 2 * FRAME_SIZE_MIN;

/**
 * Shares what a connection may send among its streams: the connection's window (RFC 9113 §6.9) and the room before the socket.
 *
 * - W1: no more is sent than the stream's and the connection's windows allow, and DATA stops while more than the high-water
 *   mark waits for the socket. Frames without data are not held back.
 * - W2: who waits for the connection is served in turn; nobody overtakes the queue, and nobody takes more than a turn.
 * - W3: a stream that got less than it asked for hears `onWritable` once there may be more.
 */
export class SendScheduler {
  readonly #output: OutputBatch;
  readonly #writer: FrameWriter;
  readonly #guard: FloodGuard;
  /** In the order of waiting. */
  readonly #waiting = new Set<Http2Stream>();
  #served: Http2Stream | undefined;
  #windowBytes = WINDOW_INITIAL;

  constructor(output: OutputBatch, writer: FrameWriter, guard: FloodGuard) {
    this.#output = output;
    this.#writer = writer;
    this.#guard = guard;
  }

  get windowBytes(): number {
    return this.#windowBytes;
  }

  /** Sends as much of `source[start, end)` as it may, with END_STREAM if that is all and `endStream`. Returns how much. */
  send(stream: Http2Stream, source: Buffer, start: number, end: number, endStream: boolean): number {
    if (start === end) {
      if (endStream) this.#writer.data(stream.id, source, start, end, true);
      return 0;
    }
    const waits = this.#waiting.size > 0;
    if (waits && this.#served !== stream) {
      this.#wait(stream);
      return 0;
    }
    const wanted = Math.min(end - start, this.#windowBytes);
    let allowed = Math.min(wanted, this.#output.room(wanted));
    if (waits && allowed > TURN_BYTES) allowed = TURN_BYTES;
    if (allowed > stream.sendWindowBytes) allowed = stream.sendWindowBytes;
    if (allowed > 0) this.#write(stream, source, start, start + allowed, endStream && allowed === end - start);
    else allowed = 0;
    if (allowed < end - start) {
      if (stream.sendWindowBytes <= 0) stream.waitsForWindow = true;
      else this.#wait(stream);
    }
    return allowed;
  }

  /** WINDOW_UPDATE of the connection. False: over 2^31 − 1. */
  grow(bytes: number): boolean {
    const grown = grownWindow(this.#windowBytes, bytes);
    if (grown === undefined) return false;
    this.#windowBytes = grown;
    this.serve();
    return true;
  }

  /** The stream's own window grew. */
  streamGrew(stream: Http2Stream): void {
    if (!stream.waitsForWindow || stream.sendWindowBytes <= 0) return;
    stream.waitsForWindow = false;
    stream.handler.onWritable(stream);
  }

  /** Lets those that wait send, in turn, until the connection has no more. */
  serve(): void {
    if (this.#served !== undefined) return; // called from within
    try {
      // Every turn sends something or leaves the queue, so this ends.
      while (this.#waiting.size > 0 && this.#windowBytes > 0 && this.#output.room(1) > 0) {
        const stream = this.#first()!;
        this.#waiting.delete(stream);
        this.#served = stream;
        stream.handler.onWritable(stream);
      }
    } finally {
      this.#served = undefined;
    }
  }

  /** The stream is closed. */
  forget(stream: Http2Stream): void {
    stream.waitsForWindow = false;
    if (this.#waiting.size > 0) this.#waiting.delete(stream);
  }

  #first(): Http2Stream | undefined {
    for (const stream of this.#waiting) return stream;
    return undefined;
  }

  #wait(stream: Http2Stream): void {
    this.#waiting.add(stream);
    // Whether it is the window or the socket, `serve` is called when it opens; if neither is shut, nobody would call it.
    if (this.#windowBytes > 0) this.#output.callWhenRoom();
  }

  #write(stream: Http2Stream, source: Buffer, start: number, end: number, endStream: boolean): void {
    this.#windowBytes -= end - start;
    stream.sendWindowBytes -= end - start;
    stream.sentBytes += end - start;
    this.#guard.dataSent(end - start);
    let at = start;
    while (end - at > FRAME_SIZE_MIN) {
      this.#writer.data(stream.id, source, at, at + FRAME_SIZE_MIN, false);
      at += FRAME_SIZE_MIN;
    }
    this.#writer.data(stream.id, source, at, end, endStream);
  }
}
