import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";
import { giveBackChunk, OUTPUT_CHUNK_BYTES, takeChunk } from "./output-chunks";

/** Batches with something to write, flushed together at the end of the event loop's turn. */
const dirty: OutputBatch[] = [];
let scheduled = false;

/** A connection's writes within one turn before it waits for the turn's end: so no sender, however fast its peer reads, keeps all others waiting. */
const EARLY_WRITES_MAX = 16;

function flushAll(): void {
  scheduled = false;
  // A flush may let a handler write to another connection: that is for the next turn.
  for (const batch of dirty.splice(0)) batch.flush();
}

/**
 * Collects what a connection writes within one turn of the event loop, and hands it to the socket at once: all answers to
 * one round of reads are one system call.
 *
 * - O1: bytes leave in the order in which they were written.
 * - O2: a chunk is used again only if the socket took all of it before `write` returned, and is one of the kernel's. Any
 *   other may still be reading it.
 *
 * Not private where the frame writer puts its bytes: a call for each would cost more than the write (measured: 0.4 µs per call).
 */
export class OutputBatch {
  readonly #socket: Duplex;
  readonly #highWaterBytes: number;
  readonly #reusesChunks: boolean;
  readonly #onRoom: () => void;
  #full: { chunk: Buffer; length: number }[] = [];
  #fullBytes = 0;
  #isDirty = false;
  #inSocketBytes = 0;
  #ended = false;
  #wantsRoom = false;
  /** Since the last turn's end. */
  #earlyWrites = 0;
  readonly #onWritten = () => this.#afterWrite();

  /** Where the next byte goes: `chunk[offset]`. There are no bytes to spare unless `reserve` said so. */
  chunk: Buffer | undefined = undefined;
  offset = 0;
  /** Writes that the socket has finished: whether it makes progress. */
  writes = 0;

  /** `onRoom` is called when less waits than the high-water mark, after `room` was found to be 0. */
  constructor(socket: Duplex, highWaterBytes: number, onRoom: () => void) {
    this.#socket = socket;
    this.#highWaterBytes = highWaterBytes;
    this.#reusesChunks = socket instanceof Socket && !(socket instanceof TLSSocket);
    this.#onRoom = onRoom;
  }

  /** Bytes that wait here and in the socket. */
  get pendingBytes(): number {
    return this.#fullBytes + this.offset + this.#inSocketBytes;
  }

  /** Whether the socket has not taken what it was given. */
  get isBlocked(): boolean {
    return this.#inSocketBytes > 0;
  }

  /**
   * Bytes of DATA that may be added. A batch that has no place for the `wanted` bytes is written before the turn's end: what the
   * socket takes need not wait, and whoever sends need not keep the rest. If 0, `onRoom` will tell when there is more.
   */
  room(wanted: number): number {
    let room = this.#highWaterBytes - this.pendingBytes;
    if (room < wanted && this.pendingBytes > 0 && !this.isBlocked && this.#earlyWrites < EARLY_WRITES_MAX) {
      this.#earlyWrites += 1;
      this.#write();
      room = this.#highWaterBytes - this.pendingBytes;
    }
    if (room > 0) return room;
    this.#wantsRoom = true;
    return 0;
  }

  /** Asks for `onRoom`: after the next write that leaves less than the high-water mark. */
  callWhenRoom(): void {
    this.#wantsRoom = true;
    if (!this.#isDirty && !this.isBlocked) this.#markDirty();
  }

  /** The chunk, with at least `bytes` free after `offset`, which the caller moves. */
  reserve(bytes: number): Buffer {
    if (!this.#isDirty) this.#markDirty();
    const { chunk } = this;
    if (chunk !== undefined && this.offset + bytes <= chunk.length) return chunk;
    this.#retireChunk();
    return (this.chunk = bytes <= OUTPUT_CHUNK_BYTES ? takeChunk() : Buffer.allocUnsafeSlow(bytes));
  }

  /** Adds `source[start, end)`: the one copy that relayed data costs. */
  append(source: Buffer, start: number, end: number): void {
    let at = start;
    while (at < end) {
      const chunk = this.reserve(1);
      const take = Math.min(end - at, chunk.length - this.offset);
      source.copy(chunk, this.offset, at, at + take);
      this.offset += take;
      at += take;
    }
  }

  /** Hands everything to the socket now. */
  flush(): void {
    this.#isDirty = false;
    this.#earlyWrites = 0;
    if (this.#ended) return;
    if (this.offset === 0 && this.#full.length === 0) this.#afterWrite();
    else this.#write();
  }

  #write(): void {
    const { chunk, offset } = this;
    this.chunk = undefined;
    this.offset = 0;
    if (this.#full.length > 0) {
      if (offset > 0) this.#full.push({ chunk: chunk!, length: offset });
      this.#flushMany();
      return;
    }
    this.#socket.write(chunk!.subarray(0, offset), this.#onWritten);
    this.#inSocketBytes = this.#socket.writableLength;
    if (this.#reusesChunks && this.#inSocketBytes === 0) giveBackChunk(chunk!);
  }

  /** Flushes and half-closes. Nothing can be written after it. */
  end(): void {
    this.flush();
    this.#ended = true;
    this.#socket.end();
  }

  /** Drops what waits here: the socket is gone. */
  discard(): void {
    this.#ended = true;
    this.#full = [];
    this.#fullBytes = 0;
    this.#inSocketBytes = 0;
    this.chunk = undefined;
    this.offset = 0;
  }

  #flushMany(): void {
    const full = this.#full;
    this.#full = [];
    this.#fullBytes = 0;
    this.#socket.cork();
    for (const { chunk, length } of full) this.#socket.write(chunk.subarray(0, length), this.#onWritten);
    this.#socket.uncork();
    this.#inSocketBytes = this.#socket.writableLength;
    if (this.#reusesChunks && this.#inSocketBytes === 0) for (const { chunk } of full) giveBackChunk(chunk);
  }

  #afterWrite(): void {
    this.writes += 1;
    if (this.#ended) return;
    this.#inSocketBytes = this.#socket.writableLength;
    if (!this.#wantsRoom || this.pendingBytes >= this.#highWaterBytes) return;
    this.#wantsRoom = false;
    this.#onRoom();
  }

  #retireChunk(): void {
    if (this.chunk === undefined) return;
    if (this.offset > 0) this.#full.push({ chunk: this.chunk, length: this.offset });
    else giveBackChunk(this.chunk);
    this.#fullBytes += this.offset;
    this.offset = 0;
    this.chunk = undefined;
  }

  #markDirty(): void {
    this.#isDirty = true;
    dirty.push(this);
    if (scheduled) return;
    scheduled = true;
    setImmediate(flushAll);
  }
}
