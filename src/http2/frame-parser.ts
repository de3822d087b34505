import { ErrorCode, Http2Error } from "./error-codes";
import { FRAME_HEADER_BYTES, FrameFlag, FrameType } from "./frame-types";

/** What the parser tells. Buffers are those that were pushed, or the parser's own: valid until the call returns, and longer only as what they are, slices of one read. */
export interface FrameSink {
  /** A complete frame other than DATA; its payload is `buffer[start, end)`. */
  onFrame(type: number, flags: number, streamId: number, buffer: Buffer, start: number, end: number): void;
  /** The head of a DATA frame: `lengthBytes` of payload count for flow control, `dataBytes` of them are data. */
  onDataStart(streamId: number, lengthBytes: number, dataBytes: number, endStream: boolean): void;
  /** Data of the frame begun last, as far as it has come. `last`: the frame is complete. Once at least for each frame. */
  onDataPiece(buffer: Buffer, start: number, end: number, last: boolean): void;
}

/**
 * Splits what is read from a connection into frames (RFC 9113 §4).
 *
 * - P1: however the bytes are cut into reads, the same frames come out; only DATA may come in more pieces.
 * - P2: a payload is looked at where it was read. Copied is only what a read cut in two, and never DATA.
 * - P3: memory is bounded by one frame of the size we allow, and allocated only for one that was cut.
 */
export class FrameParser {
  readonly #sink: FrameSink;
  readonly #frameBytesMax: number;
  #stopped = false;

  // A frame that was cut: `#carry[0, #carried)` of the `#wanted` bytes needed to go on.
  #carry: Buffer = NOTHING;
  #carried = 0;
  #wanted = FRAME_HEADER_BYTES;
  /** Frames that were cut, so far: tells one from the next. */
  carries = 0;

  // A DATA frame of which more is to come.
  #dataLeft = 0;
  #paddingLeft = 0;

  /** `frameBytesMax` is our SETTINGS_MAX_FRAME_SIZE. */
  constructor(sink: FrameSink, frameBytesMax: number) {
    this.#sink = sink;
    this.#frameBytesMax = frameBytesMax;
  }

  /** Whether a frame other than DATA has begun and not ended. */
  get isInsideFrame(): boolean {
    return this.#carried > 0;
  }

  /** No more is told, not even of the bytes being pushed. */
  stop(): void {
    this.#stopped = true;
    this.#carry = NOTHING;
  }

  /** Throws what the sink throws, and `Http2Error` for a frame that is too large; after that it is of no more use. */
  push(chunk: Buffer): void {
    const length = chunk.length;
    let at = 0;
    if (this.#dataLeft > 0 || this.#paddingLeft > 0) at = this.#continueData(chunk, at);
    else if (this.#carried > 0) at = this.#continueCarry(chunk);
    while (length - at >= FRAME_HEADER_BYTES && !this.#stopped) {
      const payloadBytes = (chunk[at]! << 16) | (chunk[at + 1]! << 8) | chunk[at + 2]!;
      const type = chunk[at + 3]!;
      if (payloadBytes > this.#frameBytesMax) throw frameTooLarge(payloadBytes);
      const flags = chunk[at + 4]!;
      const streamId = readStreamId(chunk, at + 5);
      const body = at + FRAME_HEADER_BYTES;
      if (type === FrameType.DATA) {
        const padded = (flags & FrameFlag.PADDED) !== 0;
        if (padded && payloadBytes > 0 && body === length) break; // the pad length is in the next read
        this.#startData(flags, streamId, payloadBytes, padded && payloadBytes > 0 ? chunk[body]! : 0);
        at = this.#continueData(chunk, padded ? body + 1 : body);
        continue;
      }
      const end = body + payloadBytes;
      if (end > length) break;
      this.#sink.onFrame(type, flags, streamId, chunk, body, end);
      at = end;
    }
    if (at < length && !this.#stopped) this.#startCarry(chunk, at);
  }

  #startData(flags: number, streamId: number, payloadBytes: number, padBytes: number): void {
    const padded = (flags & FrameFlag.PADDED) !== 0;
    if (padded && payloadBytes === 0) throw new Http2Error(ErrorCode.FRAME_SIZE_ERROR, "DATA without its pad length");
    // §6.1: padding as long as the payload, or longer
    if (padded && padBytes >= payloadBytes) throw new Http2Error(ErrorCode.PROTOCOL_ERROR, "more padding than payload");
    const dataBytes = padded ? payloadBytes - 1 - padBytes : payloadBytes;
    this.#dataLeft = dataBytes;
    this.#paddingLeft = padBytes;
    this.#sink.onDataStart(streamId, payloadBytes, dataBytes, (flags & FrameFlag.END_STREAM) !== 0);
    if (dataBytes === 0 && padBytes === 0) this.#sink.onDataPiece(NOTHING, 0, 0, true);
  }

  #continueData(chunk: Buffer, from: number): number {
    let at = from;
    if (this.#dataLeft > 0) {
      const end = Math.min(chunk.length, at + this.#dataLeft);
      if (end === at) return at;
      this.#dataLeft -= end - at;
      const start = at;
      at = end;
      if (this.#stopped) return chunk.length;
      this.#sink.onDataPiece(chunk, start, end, this.#dataLeft === 0 && this.#paddingLeft === 0);
      if (this.#dataLeft > 0) return at;
    }
    if (this.#paddingLeft > 0) {
      const end = Math.min(chunk.length, at + this.#paddingLeft);
      this.#paddingLeft -= end - at;
      at = end;
      if (this.#paddingLeft === 0 && !this.#stopped) this.#sink.onDataPiece(NOTHING, 0, 0, true);
    }
    return at;
  }

  /** Keeps the head of a frame that a read cut. */
  #startCarry(chunk: Buffer, at: number): void {
    this.carries += 1;
    this.#carried = 0;
    this.#wanted = FRAME_HEADER_BYTES;
    this.#carry = Buffer.allocUnsafe(FRAME_HEADER_BYTES + 1);
    this.#fill(chunk, at);
  }

  #continueCarry(chunk: Buffer): number {
    return this.#fill(chunk, 0);
  }

  /** Takes from `chunk` until the carried frame is complete, and delivers it. Returns where the next one begins. */
  #fill(chunk: Buffer, from: number): number {
    let at = from;
    for (;;) {
      const take = Math.min(this.#wanted - this.#carried, chunk.length - at);
      chunk.copy(this.#carry, this.#carried, at, at + take);
      this.#carried += take;
      at += take;
      if (this.#carried < this.#wanted) return at;
      const carry = this.#carry;
      const payloadBytes = (carry[0]! << 16) | (carry[1]! << 8) | carry[2]!;
      const [type, flags] = [carry[3]!, carry[4]!];
      const streamId = readStreamId(carry, 5);
      if (type === FrameType.DATA) {
        const padded = (flags & FrameFlag.PADDED) !== 0 && payloadBytes > 0;
        if (this.#wanted === FRAME_HEADER_BYTES) {
          if (payloadBytes > this.#frameBytesMax) throw frameTooLarge(payloadBytes);
          if (padded) {
            this.#wanted += 1;
            continue;
          }
        }
        this.#carried = 0;
        this.#startData(flags, streamId, payloadBytes, padded ? carry[FRAME_HEADER_BYTES]! : 0);
        return this.#continueData(chunk, at);
      }
      if (this.#wanted === FRAME_HEADER_BYTES && payloadBytes > 0) {
        if (payloadBytes > this.#frameBytesMax) throw frameTooLarge(payloadBytes);
        this.#wanted += payloadBytes;
        this.#carry = Buffer.allocUnsafe(this.#wanted);
        carry.copy(this.#carry, 0, 0, FRAME_HEADER_BYTES);
        continue;
      }
      this.#carried = 0;
      this.#carry = NOTHING;
      this.#sink.onFrame(type, flags, streamId, carry, FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + payloadBytes);
      return at;
    }
  }
}

const NOTHING = Buffer.alloc(0);

/** 31 bits; the first is reserved and ignored (§4.1). */
export function readStreamId(buffer: Buffer, at: number): number {
  return ((buffer[at]! & 0x7f) << 24) | (buffer[at + 1]! << 16) | (buffer[at + 2]! << 8) | buffer[at + 3]!;
}

function frameTooLarge(bytes: number): Http2Error {
  return new Http2Error(ErrorCode.FRAME_SIZE_ERROR, `a frame of ${bytes} bytes`);
}
