import type { Duplex } from "node:stream";
import { Http2Connection } from "../../src/http2/connection";
import { duplexPair } from "../../src/http2/duplex-pair";
import type { ConnectionEnd, ConnectionHandler, ResetCause, StreamHandler } from "../../src/http2/handlers";
import type { HeaderList } from "../../src/http2/header-list";
import { type LimitCounters, newLimitCounters } from "../../src/http2/limits";
import type { Http2Options } from "../../src/http2/options";
import type { Http2Stream } from "../../src/http2/stream";
import { seededRandom } from "../../src/core/random";
import { ManualClock, settle } from "../../src/testing/manual-clock";

export interface RawFrame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Buffer;
}

/** The bytes of a frame, whatever its sense. */
export function frame(type: number, flags: number, id: number, payload: Buffer | readonly number[] = []): Buffer {
  const body = Buffer.from(payload as Buffer);
  const head = Buffer.alloc(9);
  head.writeUIntBE(body.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(id, 5);
  return Buffer.concat([head, body]);
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function setting(id: number, value: number): Buffer {
  return Buffer.concat([Buffer.from([0, id]), uint32(value)]);
}

export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
/** POST http / by static indices. */
export const REQUEST = Buffer.from([0x83, 0x86, 0x84]);
/** :status 200. */
export const RESPONSE = Buffer.from([0x88]);

/** Splits bytes into frames, by a second implementation, as simple as can be. */
export class FrameReader {
  #rest = Buffer.alloc(0);

  read(chunk: Buffer): RawFrame[] {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    const frames: RawFrame[] = [];
    while (this.#rest.length >= 9) {
      const length = this.#rest.readUIntBE(0, 3);
      if (this.#rest.length < 9 + length) break;
      const [type, flags, id] = [this.#rest[3]!, this.#rest[4]!, this.#rest.readUInt32BE(5)];
      frames.push({ type, flags, id, payload: this.#rest.subarray(9, 9 + length) });
      this.#rest = this.#rest.subarray(9 + length);
    }
    return frames;
  }
}

/** What a handler was told, in words. */
export class Recorder implements StreamHandler, ConnectionHandler {
  readonly log: string[] = [];
  readonly streams: Http2Stream[] = [];
  /** Gives back what came at once; otherwise nothing is given back. */
  consumes = true;
  ended: ConnectionEnd | undefined = undefined;
  onStreamDo: (stream: Http2Stream, endStream: boolean) => void = () => {};
  onWritableDo: (stream: Http2Stream) => void = () => {};

  onStream(stream: Http2Stream, headers: HeaderList, endStream: boolean): StreamHandler {
    this.streams.push(stream);
    this.log.push(`${stream.id} request ${headers.get(":path") ?? ""}${endStream ? " end" : ""}`);
    this.onStreamDo(stream, endStream);
    return this;
  }

  onHeaders(stream: Http2Stream, headers: HeaderList, endStream: boolean): void {
    this.log.push(`${stream.id} response ${headers.get(":status") ?? ""}${endStream ? " end" : ""}`);
  }

  onData(stream: Http2Stream, chunk: Buffer, start: number, end: number, endStream: boolean): void {
    // Pieces of one frame are told as one: how reads cut them is no part of what was said.
    const last = this.log.at(-1);
    const text = chunk.toString("latin1", start, end);
    const head = `${stream.id} data `;
    if (last?.startsWith(head) && !last.endsWith(" end")) this.log[this.log.length - 1] = last + text;
    else this.log.push(head + text);
    if (endStream) this.log[this.log.length - 1] += " end";
    if (this.consumes) stream.consume(end - start);
  }

  onTrailers(stream: Http2Stream, trailers: HeaderList): void {
    this.log.push(`${stream.id} trailers ${trailers.fields.join(" ")}`);
  }

  onReset(stream: Http2Stream, code: number, cause: ResetCause): void {
    this.log.push(`${stream.id} reset ${code} ${cause}`);
  }

  onWritable(stream: Http2Stream): void {
    this.onWritableDo(stream);
  }

  onGoaway(lastStreamId: number, code: number): void {
    this.log.push(`goaway ${lastStreamId} ${code}`);
  }

  onCapacity(): void {
    this.log.push("capacity");
  }

  onClose(end: ConnectionEnd): void {
    this.ended = end;
    this.log.push(`closed ${end.kind} ${end.code}`);
  }
}

/** An engine connection, and a peer that writes and reads frames by hand. */
export class RawPeer {
  readonly frames: RawFrame[] = [];
  readonly clock = new ManualClock();
  readonly counters: LimitCounters = newLimitCounters();
  readonly recorder: Recorder;
  readonly connection: Http2Connection;
  readonly #wire: Duplex;
  readonly #ours: Duplex;
  isEnded = false;

  constructor(role: "server" | "client", options: Partial<Http2Options> = {}, recorder = new Recorder()) {
    const [ours, theirs] = duplexPair();
    this.recorder = recorder;
    this.#wire = theirs;
    this.#ours = ours;
    const reader = new FrameReader();
    let prefaceLeft = role === "client" ? PREFACE.length : 0;
    theirs.on("data", (chunk: Buffer) => {
      const skip = Math.min(prefaceLeft, chunk.length);
      prefaceLeft -= skip;
      this.frames.push(...reader.read(chunk.subarray(skip)));
    });
    theirs.on("end", () => {
      this.isEnded = true;
    });
    theirs.on("error", () => {});
    const parts = { clock: this.clock, random: seededRandom(7), limitCounters: this.counters };
    this.connection = new Http2Connection(role, ours, recorder, { ...parts, ...options });
  }

  /** Both prefaces, and both acknowledgements. */
  async handshake(settings: Buffer = Buffer.alloc(0)): Promise<void> {
    const preface = this.connection.isServer ? [PREFACE] : [];
    await this.write(...preface, frame(4, 0, 0, settings), frame(4, 1, 0));
    this.frames.length = 0;
  }

  /** Writes, and lets both sides act. */
  async write(...parts: readonly Buffer[]): Promise<void> {
    this.#wire.write(Buffer.concat(parts));
    await this.settled();
  }

  /** A read of exactly these bytes, at once. */
  push(chunk: Buffer): void {
    this.#ours.emit("data", chunk);
  }

  async settled(): Promise<void> {
    for (let turn = 0; turn < 3; turn += 1) await settle();
  }

  /** Stops, and goes on, reading what the engine writes. */
  pause(): void {
    this.#wire.pause();
  }

  resume(): void {
    this.#wire.resume();
  }

  end(): void {
    this.#wire.end();
  }

  of(type: number, id?: number): RawFrame[] {
    return this.frames.filter((one) => one.type === type && (id === undefined || one.id === id));
  }

  /** "RST 1 STREAM_CLOSED"-like: the codes of resets and GOAWAYs that came. */
  errors(): string[] {
    return this.frames.flatMap(({ type, id, payload }) => {
      if (type === 3) return [`reset ${id} ${payload.readUInt32BE(0)}`];
      return type === 7 ? [`goaway ${payload.readUInt32BE(4)}`] : [];
    });
  }
}
