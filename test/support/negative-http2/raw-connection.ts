import type { Socket } from "node:net";

import { frame, FrameReader, PREFACE, type RawFrame, setting, uint32 } from "../http2-raw-peer";

const TYPE = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;
const END_STREAM = 0x1;
const ACK = 0x1;
const END_HEADERS = 0x4;
const PADDED = 0x8;

const SETTING = { maxConcurrentStreams: 3, initialWindowSize: 4 } as const;
const WINDOW_BYTES = 65_535;

/** ":status 200" by its index, and "content-type" by that of its name (RFC 7541, appendix A). */
const ANSWER_HEAD = Buffer.concat([Buffer.from([0x88, 0x0f, 0x10, 16]), Buffer.from("application/grpc")]);
const statusTrailers = (status: string) =>
  Buffer.concat([
    Buffer.from([0x00, 11]),
    Buffer.from("grpc-status"),
    Buffer.from([status.length]),
    Buffer.from(status),
  ]);
const OK_TRAILERS = statusTrailers("0");
const UNIMPLEMENTED = Buffer.concat([ANSWER_HEAD, statusTrailers("12")]);

/** A client's stream, from its HEADERS until both sides have ended it. */
interface RawStream {
  /** What came of its DATA. */
  readonly parts: Buffer[];
  sendWindowBytes: number;
  isRequestOver: boolean;
}

export interface RawConnectionEvents {
  /** A client began a stream. */
  onStream(connection: RawConnection, streamId: number): void;
  /** A client has sent all of its request. */
  onRequest(connection: RawConnection, streamId: number, body: Buffer): void;
}

/**
 * The server's end of a connection, written frame by frame and without our engine: it sends what it is told, however odd, and keeps to
 * nothing but the client's flow control. It never reads header blocks.
 */
export class RawConnection {
  /** PINGs sent that the client has not acknowledged, by their payload. */
  readonly outstandingPings = new Set<string>();
  /** What the client did wrong. */
  readonly violations: string[] = [];
  hasSentGoaway = false;
  /** Set by who knows which streams are calls. */
  hasHadCalls = false;
  readonly #socket: Socket;
  readonly #events: RawConnectionEvents;
  readonly #reader = new FrameReader();
  readonly #streams = new Map<number, RawStream>();
  #prefaceLeft = PREFACE.length;
  #sendWindowBytes = WINDOW_BYTES;
  #streamWindowBytes = WINDOW_BYTES;
  #settingsUnacknowledged = 0;
  #pings = 0;
  #wakers: (() => void)[] = [];

  constructor(socket: Socket, events: RawConnectionEvents) {
    this.#socket = socket;
    this.#events = events;
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.on("close", () => this.#wake());
    // A client that breaks the connection is seen by its calls.
    socket.on("error", () => {});
    this.settings([SETTING.initialWindowSize, 1 << 20]);
  }

  /** Streams that neither side's end has closed. */
  get openStreams(): number {
    return this.#streams.size;
  }

  /** The client knows all SETTINGS that were sent. */
  get isSettled(): boolean {
    return this.#settingsUnacknowledged === 0;
  }

  settings(...pairs: readonly (readonly [id: number, value: number])[]): void {
    this.#settingsUnacknowledged += 1;
    this.#write(TYPE.settings, 0, 0, Buffer.concat(pairs.map(([id, value]) => setting(id, value))));
  }

  limitStreams(streamsMax: number): void {
    this.settings([SETTING.maxConcurrentStreams, streamsMax]);
  }

  ping(): void {
    this.#pings += 1;
    const payload = Buffer.alloc(8);
    payload.writeUInt32BE(this.#pings, 4);
    this.outstandingPings.add(payload.toString("hex"));
    this.#write(TYPE.ping, 0, 0, payload);
  }

  goaway(lastStreamId: number): void {
    this.hasSentGoaway = true;
    this.#write(TYPE.goaway, 0, 0, Buffer.concat([uint32(lastStreamId), uint32(0)]));
  }

  headers(streamId: number): void {
    this.#write(TYPE.headers, END_HEADERS, streamId, ANSWER_HEAD);
  }

  /** Sends in frames of at most so many bytes, each with `paddingBytes` besides, as the client's windows permit. */
  async data(streamId: number, body: Buffer, { frameBytes = 16_384, paddingBytes = 0 } = {}): Promise<void> {
    for (let at = 0; at < body.length; at += frameBytes) {
      const part = body.subarray(at, at + frameBytes);
      const padded = paddingBytes > 0;
      const payload = padded ? Buffer.concat([Buffer.from([paddingBytes]), part, Buffer.alloc(paddingBytes)]) : part;
      if (!(await this.#takeWindow(streamId, payload.length))) return;
      this.#write(TYPE.data, padded ? PADDED : 0, streamId, payload);
    }
  }

  trailers(streamId: number): void {
    this.#write(TYPE.headers, END_HEADERS | END_STREAM, streamId, OK_TRAILERS);
    this.#forget(streamId);
  }

  /** Says that there is no such method. */
  refuse(streamId: number): void {
    this.#write(TYPE.headers, END_HEADERS | END_STREAM, streamId, UNIMPLEMENTED);
    this.#forget(streamId);
  }

  reset(streamId: number, code: number): void {
    this.#write(TYPE.reset, 0, streamId, uint32(code));
    this.#forget(streamId);
  }

  close(): void {
    this.#socket.destroy();
  }

  #write(type: number, flags: number, streamId: number, payload: Buffer): void {
    if (!this.#socket.destroyed) this.#socket.write(frame(type, flags, streamId, payload));
  }

  /** Waits for room in both windows; false: the stream or the connection is gone. */
  async #takeWindow(streamId: number, bytes: number): Promise<boolean> {
    for (;;) {
      const stream = this.#streams.get(streamId);
      if (!stream || this.#socket.destroyed) return false;
      if (stream.sendWindowBytes >= bytes && this.#sendWindowBytes >= bytes) {
        stream.sendWindowBytes -= bytes;
        this.#sendWindowBytes -= bytes;
        return true;
      }
      await new Promise<void>((resolve) => this.#wakers.push(resolve));
    }
  }

  #wake(): void {
    for (const wake of this.#wakers.splice(0)) wake();
  }

  #forget(streamId: number): void {
    this.#streams.delete(streamId);
    this.#wake();
  }

  #read(chunk: Buffer): void {
    const skipped = Math.min(this.#prefaceLeft, chunk.length);
    this.#prefaceLeft -= skipped;
    for (const one of this.#reader.read(chunk.subarray(skipped))) this.#take(one);
  }

  #take(received: RawFrame): void {
    const { type, flags, id, payload } = received;
    switch (type) {
      case TYPE.headers:
        this.#takeHeaders(received);
        return;
      case TYPE.data:
        this.#takeData(received);
        return;
      case TYPE.reset:
        this.#forget(id);
        return;
      case TYPE.settings:
        if (flags & ACK) this.#settingsUnacknowledged -= 1;
        else this.#takeSettings(payload);
        return;
      case TYPE.ping:
        if ((flags & ACK) === 0) this.#write(TYPE.ping, ACK, 0, payload);
        else if (!this.outstandingPings.delete(payload.toString("hex"))) this.violations.push("acknowledged no PING");
        return;
      case TYPE.windowUpdate: {
        const stream = this.#streams.get(id);
        if (id === 0) this.#sendWindowBytes += payload.readUInt32BE(0);
        else if (stream) stream.sendWindowBytes += payload.readUInt32BE(0);
        this.#wake();
        return;
      }
    }
  }

  #takeHeaders({ flags, id }: RawFrame): void {
    this.#streams.set(id, { parts: [], sendWindowBytes: this.#streamWindowBytes, isRequestOver: false });
    this.#events.onStream(this, id);
    if (flags & END_STREAM) this.#endRequest(id);
  }

  #takeData({ flags, id, payload }: RawFrame): void {
    if (payload.length > 0) {
      this.#write(TYPE.windowUpdate, 0, 0, uint32(payload.length));
      if ((flags & END_STREAM) === 0) this.#write(TYPE.windowUpdate, 0, id, uint32(payload.length));
    }
    const body = flags & PADDED ? payload.subarray(1, payload.length - payload[0]!) : payload;
    this.#streams.get(id)?.parts.push(Buffer.from(body));
    if (flags & END_STREAM) this.#endRequest(id);
  }

  #endRequest(id: number): void {
    const stream = this.#streams.get(id);
    if (!stream) return;
    stream.isRequestOver = true;
    this.#events.onRequest(this, id, Buffer.concat(stream.parts));
  }

  #takeSettings(payload: Buffer): void {
    for (let at = 0; at < payload.length; at += 6) {
      if (payload.readUInt16BE(at) !== SETTING.initialWindowSize) continue;
      const bytes = payload.readUInt32BE(at + 2);
      for (const stream of this.#streams.values()) stream.sendWindowBytes += bytes - this.#streamWindowBytes;
      this.#streamWindowBytes = bytes;
    }
    this.#write(TYPE.settings, ACK, 0, Buffer.alloc(0));
    this.#wake();
  }
}
