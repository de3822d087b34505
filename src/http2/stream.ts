import { ErrorCode } from "./error-codes";
import type { ReceiveWindow } from "./flow-window";
import type { FrameWriter } from "./frame-writer";
import type { StreamHandler } from "./handlers";
import type { HeaderList } from "./header-list";
import { requestFault, responseFault, trailerFault } from "./header-rules";
import type { SendScheduler } from "./send-scheduler";
import { isClosed, StreamFlag, type StreamState, streamState } from "./stream-state";

/** What a stream needs of its connection. */
export interface StreamLink {
  readonly isServer: boolean;
  readonly peer: { readonly maxHeaderListBytes: number };
  readonly writer: FrameWriter;
  readonly sender: SendScheduler;
  /** Both sides have ended. */
  streamClosed(stream: Http2Stream): void;
  /** We reset it: RST_STREAM, and it is closed. */
  streamReset(stream: Http2Stream, code: number): void;
  /** `bytes` of the connection's window are free again. */
  creditConnection(bytes: number): void;
  /** Afterwards: whether answers pile up that the peer does not read. */
  answerWritten(): void;
}

/**
 * One request and its response. Owned by the connection, used by whoever handles it.
 *
 * Calls on a closed stream do nothing: its end may be on its way to the caller. What would break the protocol — DATA before
 * headers, anything after one's own end, malformed headers — is the caller's bug and throws.
 *
 * The fields without # belong to the engine; they are plain because two other files touch them for every frame.
 */
export class Http2Stream {
  readonly id: number;
  readonly #link: StreamLink;
  /** Bits of `StreamFlag`. */
  flags: number;
  handler: StreamHandler;
  sendWindowBytes: number;
  readonly receiveWindow: ReceiveWindow;
  /** Received, and not yet given back with `consume`. */
  unconsumedBytes = 0;
  /** What content-length announced; −1 if it did not. */
  expectedBytes = -1;
  receivedBytes = 0;
  sentBytes = 0;
  /** `sendData` stopped because of the stream's own window. */
  waitsForWindow = false;
  /** Client: the answer to HEAD has a content-length, and no content. */
  isHead = false;

  constructor(link: StreamLink, id: number, sendWindowBytes: number, window: ReceiveWindow, handler: StreamHandler) {
    this.#link = link;
    this.id = id;
    this.flags = 0;
    this.sendWindowBytes = sendWindowBytes;
    this.receiveWindow = window;
    this.handler = handler;
  }

  get state(): StreamState {
    return streamState(this.flags);
  }

  get isClosed(): boolean {
    return isClosed(this.flags);
  }

  /** `HeaderList.sizeBytes` that the peer said it takes, in a head or in trailers; Infinity if it did not. More may cost the connection. */
  get headerListMaxBytes(): number {
    return this.#link.peer.maxHeaderListBytes;
  }

  /** Server: the response's head; with :status 1xx, one that precedes it. */
  sendHeaders(headers: HeaderList, endStream = false): void {
    if (!this.#maySend()) return;
    if ((this.flags & StreamFlag.HEADERS_SENT) !== 0) throw new Error(`stream ${this.id}: headers were sent already`);
    const fault = this.#link.isServer ? responseFault(headers) : requestFault(headers);
    if (fault !== "") throw new Error(`stream ${this.id}: malformed headers: ${fault}`);
    const informational = this.#link.isServer && headers.fields[1]!.charCodeAt(0) === DIGIT_ONE;
    if (informational && endStream) throw new Error(`stream ${this.id}: a 1xx cannot end the stream`);
    this.#link.writer.headers(this.id, headers, endStream);
    if (!informational) this.flags |= StreamFlag.HEADERS_SENT;
    if (endStream) this.#endLocal();
    this.#link.answerWritten();
  }

  /**
   * Sends `chunk[start, end)`, or as much as the windows and the socket allow, and returns how much; the bytes are copied. If
   * less than all, keep the rest for `onWritable`. `endStream` is sent with the last byte, not before.
   */
  sendData(chunk: Buffer, start: number, end: number, endStream = false): number {
    if (!this.#maySend()) return end - start;
    if ((this.flags & StreamFlag.HEADERS_SENT) === 0) throw new Error(`stream ${this.id}: data before headers`);
    const sent = this.#link.sender.send(this, chunk, start, end, endStream);
    if (endStream && sent === end - start) this.#endLocal();
    return sent;
  }

  /** Ends our side. All data must have been taken before. Empty trailers are an empty DATA frame. */
  sendTrailers(trailers: HeaderList): void {
    if (!this.#maySend()) return;
    if ((this.flags & StreamFlag.HEADERS_SENT) === 0) throw new Error(`stream ${this.id}: trailers before headers`);
    const fault = trailerFault(trailers);
    if (fault !== "") throw new Error(`stream ${this.id}: malformed trailers: ${fault}`);
    if (trailers.fields.length === 0) this.#link.sender.send(this, NOTHING, 0, 0, true);
    else this.#link.writer.headers(this.id, trailers, true);
    this.#endLocal();
    this.#link.answerWritten();
  }

  /** Ends both sides at once. The handler hears nothing more. */
  reset(code: number = ErrorCode.CANCEL): void {
    if (!isClosed(this.flags)) this.#link.streamReset(this, code);
  }

  /**
   * Gives back `bytes` that came with `onData`: the peer may send as many more. Also after the stream ended; after a reset the
   * connection has already taken all back, and it does nothing.
   */
  consume(bytes: number): void {
    const given = Math.min(bytes, this.unconsumedBytes);
    if (given <= 0) return;
    this.unconsumedBytes -= given;
    if ((this.flags & (StreamFlag.REMOTE_ENDED | StreamFlag.RESET)) === 0) {
      const credit = this.receiveWindow.consume(given);
      if (credit > 0) this.#link.writer.windowUpdate(this.id, credit);
    }
    this.#link.creditConnection(given);
  }

  #maySend(): boolean {
    if (isClosed(this.flags)) return false;
    if ((this.flags & StreamFlag.LOCAL_ENDED) !== 0) throw new Error(`stream ${this.id}: our side has ended`);
    return true;
  }

  #endLocal(): void {
    this.flags |= StreamFlag.LOCAL_ENDED;
    if ((this.flags & StreamFlag.REMOTE_ENDED) !== 0) this.#link.streamClosed(this);
  }
}

const DIGIT_ONE = 0x31;
const NOTHING = Buffer.alloc(0);
