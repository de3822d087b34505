import type { ConnectionParts } from "./connection-parts";
import {
  receiveGoaway,
  receivePing,
  receivePriority,
  receiveReset,
  receiveSettings,
  receiveWindowUpdate,
} from "./control-frames";
import { ErrorCode, Http2Error } from "./error-codes";
import type { FrameSink } from "./frame-parser";
import { FRAME_SIZE_MIN, FrameFlag, FrameType } from "./frame-types";
import { fragment, HeaderBlock, locateFragment } from "./header-block";
import { HeaderReceiver } from "./header-receiver";
import type { Http2Stream } from "./stream";
import { isClosed, StreamFlag } from "./stream-state";

/** A payload up to this length is moved to the one before it: that costs less than to be told of one more. Longer ones are told by themselves. */
const JOINED_BYTES_MAX = 4_096;

/**
 * Applies each frame to the connection (RFC 9113 §5, §6): the one place where it is decided what a frame means in the state
 * that its stream is in. Connection errors are thrown; stream errors reset the stream.
 *
 * DATA frames of one stream that follow each other in one read are told as one: their payloads are moved together where they
 * were read, over the heads between them. So many small messages cost little more than one large one.
 */
export class FrameReceiver implements FrameSink {
  readonly #parts: ConnectionParts;
  readonly #headers: HeaderReceiver;
  readonly #block: HeaderBlock;
  // The DATA frame being received; without a stream it is dropped.
  #dataStream: Http2Stream | undefined;
  #dataEndsStream = false;
  // DATA that was received and not told yet: `#held[#heldStart, #heldEnd)` of `#heldStream`.
  #heldStream: Http2Stream | undefined;
  #held: Buffer = NOTHING;
  #heldStart = 0;
  #heldEnd = 0;

  constructor(parts: ConnectionParts) {
    this.#parts = parts;
    this.#headers = new HeaderReceiver(parts);
    this.#block = new HeaderBlock(parts.options.limits, parts.guard);
  }

  onFrame(type: number, flags: number, id: number, buffer: Buffer, start: number, end: number): void {
    const parts = this.#parts;
    if (this.#heldStream !== undefined) this.flushData();
    if (this.#block.openStreamId !== 0 && (type !== FrameType.CONTINUATION || id !== this.#block.openStreamId)) {
      throw new Http2Error(ErrorCode.PROTOCOL_ERROR, "a frame within a header block");
    }
    if (!parts.peer.known && (type !== FrameType.SETTINGS || (flags & FrameFlag.ACK) !== 0)) {
      throw new Http2Error(ErrorCode.PROTOCOL_ERROR, "the first frame is not SETTINGS"); // §3.4
    }
    switch (type) {
      case FrameType.HEADERS:
        this.#receiveHeaders(flags, id, buffer, start, end);
        break;
      case FrameType.CONTINUATION:
        this.#receiveContinuation(flags, buffer, start, end);
        break;
      case FrameType.WINDOW_UPDATE:
        receiveWindowUpdate(parts, id, buffer, start, end);
        break;
      case FrameType.RST_STREAM:
        receiveReset(parts, id, buffer, start, end);
        break;
      case FrameType.SETTINGS:
        receiveSettings(parts, flags, id, buffer, start, end);
        break;
      case FrameType.PING:
        receivePing(parts, flags, id, buffer, start, end);
        break;
      case FrameType.GOAWAY:
        receiveGoaway(parts, id, buffer, start, end);
        break;
      case FrameType.PRIORITY:
        receivePriority(parts, id, buffer, start, end);
        break;
      case FrameType.PUSH_PROMISE:
        throw new Http2Error(ErrorCode.PROTOCOL_ERROR, "PUSH_PROMISE"); // §8.4: we never allow it
      default:
        parts.guard.charge("ignoredFrames"); // §5.5
    }
  }

  onDataStart(id: number, lengthBytes: number, dataBytes: number, endStream: boolean): void {
    const parts = this.#parts;
    this.#dataStream = undefined;
    if (id === 0) throw new Http2Error(ErrorCode.PROTOCOL_ERROR, "DATA on stream 0");
    if (this.#block.openStreamId !== 0) throw new Http2Error(ErrorCode.PROTOCOL_ERROR, "a frame within a header block");
    if (!parts.peer.known) throw new Http2Error(ErrorCode.PROTOCOL_ERROR, "the first frame is not SETTINGS");
    if (!parts.receiveWindow.receive(lengthBytes)) {
      throw new Http2Error(ErrorCode.FLOW_CONTROL_ERROR, "more DATA than the connection's window");
    }
    if (dataBytes === 0 && !endStream) parts.guard.charge("emptyFrames");
    if (this.#heldStream !== undefined && this.#heldStream.id !== id) this.flushData();
    const stream = this.#heldStream ?? parts.streams.get(id);
    if (stream === undefined) {
      parts.creditConnection(lengthBytes);
      this.#dataWithoutStream(id);
      return;
    }
    const fault = dataFault(stream, lengthBytes, dataBytes);
    if (fault !== ErrorCode.NO_ERROR) {
      this.flushData();
      parts.creditConnection(lengthBytes);
      parts.violation(stream, fault);
      return;
    }
    stream.receivedBytes += dataBytes;
    stream.unconsumedBytes += lengthBytes;
    // Padding counts (§6.1), and nobody else will give it back.
    if (lengthBytes > dataBytes) stream.consume(lengthBytes - dataBytes);
    this.#dataStream = stream;
    this.#dataEndsStream = endStream;
  }

  onDataPiece(buffer: Buffer, start: number, end: number, last: boolean): void {
    const stream = this.#dataStream;
    if (stream === undefined || isClosed(stream.flags)) return;
    const ends = last && this.#dataEndsStream;
    if (end > start) this.#hold(stream, buffer, start, end);
    if (!ends) return;
    if (stream.expectedBytes !== -1 && stream.expectedBytes !== stream.receivedBytes) {
      this.flushData();
      this.#parts.violation(stream, ErrorCode.PROTOCOL_ERROR); // §8.1.1
      return;
    }
    stream.flags |= StreamFlag.REMOTE_ENDED;
    if ((stream.flags & StreamFlag.LOCAL_ENDED) !== 0) this.#parts.streamClosed(stream);
    this.#heldStream = stream;
    this.#tell(true);
  }

  /** Tells of the DATA that is held. Due before anything else happens, and when the read is over. */
  flushData(): void {
    if (this.#heldStream !== undefined) this.#tell(false);
  }

  #hold(stream: Http2Stream, buffer: Buffer, start: number, end: number): void {
    if (this.#heldStream !== undefined && this.#held === buffer && end - start <= JOINED_BYTES_MAX) {
      buffer.copyWithin(this.#heldEnd, start, end);
      this.#heldEnd += end - start;
      return;
    }
    this.flushData();
    this.#heldStream = stream;
    this.#held = buffer;
    this.#heldStart = start;
    this.#heldEnd = end;
  }

  #tell(ends: boolean): void {
    const [stream, buffer, start, end] = [this.#heldStream!, this.#held, this.#heldStart, this.#heldEnd];
    this.#heldStream = undefined;
    this.#held = NOTHING;
    this.#heldStart = 0;
    this.#heldEnd = 0;
    stream.handler.onData(stream, buffer, start, end, ends);
    // Of the frame that is being received a part may be still to come.
    if (stream.unconsumedBytes > FRAME_SIZE_MIN) stream.receiveWindow.lagged = true;
  }

  #dataWithoutStream(id: number): void {
    const { streams, guard } = this.#parts;
    if (streams.isIdle(id)) throw new Http2Error(ErrorCode.PROTOCOL_ERROR, "DATA on an idle stream");
    if (streams.wasResetByUs(id)) guard.charge("closedStreamFrames");
    else this.#parts.streamFault(id, ErrorCode.STREAM_CLOSED);
  }

  #receiveHeaders(flags: number, id: number, buffer: Buffer, start: number, end: number): void {
    if (id === 0) throw new Http2Error(ErrorCode.PROTOCOL_ERROR, "HEADERS on stream 0");
    const endStream = (flags & FrameFlag.END_STREAM) !== 0;
    let [from, to, dependsOnItself] = [start, end, false];
    if ((flags & (FrameFlag.PADDED | FrameFlag.PRIORITY)) !== 0) {
      locateFragment(id, flags, buffer, start, end);
      ({ start: from, end: to, dependsOnItself } = fragment);
    }
    if ((flags & FrameFlag.END_HEADERS) !== 0) {
      this.#headers.receive(id, endStream, dependsOnItself, buffer, from, to);
      return;
    }
    this.#block.begin({ streamId: id, endStream, dependsOnItself }, buffer, from, to);
    this.#parts.setHeadersDeadline(true);
  }

  #receiveContinuation(flags: number, buffer: Buffer, start: number, end: number): void {
    if (this.#block.openStreamId === 0) throw new Http2Error(ErrorCode.PROTOCOL_ERROR, "CONTINUATION of nothing");
    this.#block.continue(buffer, start, end);
    if ((flags & FrameFlag.END_HEADERS) === 0) return;
    this.#parts.setHeadersDeadline(false);
    const { frame, block } = this.#block.complete();
    this.#headers.receive(frame.streamId, frame.endStream, frame.dependsOnItself, block, 0, block.length);
  }
}

const NOTHING = Buffer.alloc(0);

/** What is wrong with a DATA frame on an open stream; NO_ERROR if nothing. Counts it into the stream's window. */
function dataFault(stream: Http2Stream, lengthBytes: number, dataBytes: number): number {
  if ((stream.flags & StreamFlag.REMOTE_ENDED) !== 0) return ErrorCode.STREAM_CLOSED;
  if ((stream.flags & StreamFlag.HEADERS_RECEIVED) === 0) return ErrorCode.PROTOCOL_ERROR;
  if (!stream.receiveWindow.receive(lengthBytes)) return ErrorCode.FLOW_CONTROL_ERROR;
  // §8.1.1: more than content-length is known to be wrong at once
  const tooMuch = stream.expectedBytes !== -1 && stream.receivedBytes + dataBytes > stream.expectedBytes;
  return tooMuch ? ErrorCode.PROTOCOL_ERROR : ErrorCode.NO_ERROR;
}
