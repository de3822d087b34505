import { FRAME_HEADER_BYTES, FrameFlag, FrameType } from "./frame-types";
import type { HeaderList } from "./header-list";
import type { HpackEncoder } from "./hpack-encoder";
import type { OutputBatch } from "./output-batch";

/** Writes frames into a connection's output (RFC 9113 §4.1, §6). It knows their layout and nothing of what is allowed. */
export class FrameWriter {
  readonly #output: OutputBatch;
  readonly #encoder: HpackEncoder;
  /** The peer's SETTINGS_MAX_FRAME_SIZE as far as we use it: it cuts header blocks. */
  readonly #frameBytesMax: number;

  constructor(output: OutputBatch, encoder: HpackEncoder, frameBytesMax: number) {
    this.#output = output;
    this.#encoder = encoder;
    this.#frameBytesMax = frameBytesMax;
  }

  raw(bytes: Buffer): void {
    this.#output.append(bytes, 0, bytes.length);
  }

  /** `source[start, end)` is at most one frame of the peer's maximum. */
  data(streamId: number, source: Buffer, start: number, end: number, endStream: boolean): void {
    this.#head(end - start, FrameType.DATA, endStream ? FrameFlag.END_STREAM : 0, streamId, 0);
    this.#output.append(source, start, end);
  }

  /** HEADERS, and CONTINUATION as needed. */
  headers(streamId: number, list: HeaderList, endStream: boolean): void {
    const output = this.#output;
    const chunk = output.reserve(FRAME_HEADER_BYTES + this.#encoder.bytesMax(list));
    const start = output.offset;
    const body = start + FRAME_HEADER_BYTES;
    const end = this.#encoder.encode(list, chunk, body);
    const endFlag = endStream ? FrameFlag.END_STREAM : 0;
    if (end - body <= this.#frameBytesMax) {
      writeHead(chunk, start, end - body, FrameType.HEADERS, endFlag | FrameFlag.END_HEADERS, streamId);
      output.offset = end;
      return;
    }
    // Rare: the block is taken out again, and put back in pieces.
    const block = Buffer.from(chunk.subarray(body, end));
    for (let at = 0; at < block.length; at += this.#frameBytesMax) {
      const pieceEnd = Math.min(block.length, at + this.#frameBytesMax);
      const lastFlag = pieceEnd === block.length ? FrameFlag.END_HEADERS : 0;
      const type = at === 0 ? FrameType.HEADERS : FrameType.CONTINUATION;
      this.#head(pieceEnd - at, type, lastFlag | (at === 0 ? endFlag : 0), streamId, 0);
      output.append(block, at, pieceEnd);
    }
  }

  reset(streamId: number, code: number): void {
    this.#uint32(FrameType.RST_STREAM, 0, streamId, code);
  }

  windowUpdate(streamId: number, bytes: number): void {
    this.#uint32(FrameType.WINDOW_UPDATE, 0, streamId, bytes);
  }

  /** Pairs of id and value. */
  settings(parameters: readonly (readonly [id: number, value: number])[]): void {
    let at = this.#head(parameters.length * 6, FrameType.SETTINGS, 0, 0, parameters.length * 6);
    const chunk = this.#output.chunk!;
    for (const [id, value] of parameters) {
      chunk.writeUInt16BE(id, at);
      chunk.writeUInt32BE(value, at + 2);
      at += 6;
    }
  }

  settingsAck(): void {
    this.#head(0, FrameType.SETTINGS, FrameFlag.ACK, 0, 0);
  }

  /** `payload[start, start + 8)` */
  ping(payload: Buffer, start: number, ack: boolean): void {
    this.#head(8, FrameType.PING, ack ? FrameFlag.ACK : 0, 0, 0);
    this.#output.append(payload, start, start + 8);
  }

  goaway(lastStreamId: number, code: number, debugData: string): void {
    const debug = Buffer.from(debugData, "utf8");
    const at = this.#head(8 + debug.length, FrameType.GOAWAY, 0, 0, 8 + debug.length);
    const chunk = this.#output.chunk!;
    chunk.writeUInt32BE(lastStreamId, at);
    chunk.writeUInt32BE(code, at + 4);
    debug.copy(chunk, at + 8);
  }

  #uint32(type: number, flags: number, streamId: number, value: number): void {
    const at = this.#head(4, type, flags, streamId, 4);
    writeUint32(this.#output.chunk!, at, value);
  }

  /** Writes the head, and makes place for the first `reserved` bytes of the payload. Returns where they go. */
  #head(length: number, type: number, flags: number, streamId: number, reserved: number): number {
    const output = this.#output;
    const chunk = output.reserve(FRAME_HEADER_BYTES + reserved);
    const body = writeHead(chunk, output.offset, length, type, flags, streamId);
    output.offset = body + reserved;
    return body;
  }
}

function writeHead(chunk: Buffer, at: number, length: number, type: number, flags: number, streamId: number): number {
  chunk[at] = length >>> 16;
  chunk[at + 1] = length >>> 8;
  chunk[at + 2] = length;
  chunk[at + 3] = type;
  chunk[at + 4] = flags;
  writeUint32(chunk, at + 5, streamId);
  return at + FRAME_HEADER_BYTES;
}

function writeUint32(chunk: Buffer, at: number, value: number): void {
  chunk[at] = value >>> 24;
  chunk[at + 1] = value >>> 16;
  chunk[at + 2] = value >>> 8;
  chunk[at + 3] = value;
}
