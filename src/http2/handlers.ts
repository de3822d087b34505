import type { HeaderList } from "./header-list";
import type { LimitName } from "./limits";
import type { Http2Stream } from "./stream";

/**
 * Why a stream ended early:
 * - `peer`: the peer sent RST_STREAM with the code.
 * - `unprocessed`: the peer said, by GOAWAY or REFUSED_STREAM, that it did nothing with the stream: it is safe to try again.
 * - `violation`: the peer broke the rules on this stream, and we reset it with the code.
 * - `connection`: the connection ended under it.
 */
export type ResetCause = "peer" | "unprocessed" | "violation" | "connection";

/**
 * Who is told what arrives on a stream. Calls come in the order of the frames; after `onReset`, or after both sides have
 * ended, no more come. Every method may call everything, including `reset` and the connection's `destroy`.
 */
export interface StreamHandler {
  /** Client: the response's head, and before it any 1xx. Never called on a server, which gets the request in `onStream`. */
  onHeaders(stream: Http2Stream, headers: HeaderList, endStream: boolean): void;
  /**
   * `chunk[start, end)` is data, of one frame or of several that came together. It may be kept, but keeps alive the whole read
   * it came with. Give it back with `stream.consume(end − start)` once it is dealt with: until then the sender's window stays
   * smaller by as much.
   */
  onData(stream: Http2Stream, chunk: Buffer, start: number, end: number, endStream: boolean): void;
  /** Always the last: trailers end the stream. */
  onTrailers(stream: Http2Stream, trailers: HeaderList): void;
  /** The stream is over; at most once, and not after one's own `reset`. */
  onReset(stream: Http2Stream, code: number, cause: ResetCause): void;
  /** After `sendData` took less than all: there may be room now. */
  onWritable(stream: Http2Stream): void;
}

/** How a connection ended. */
export interface ConnectionEnd {
  /**
   * - `closed`: as asked, by `shutdown` or `destroy`, or by the peer between calls.
   * - `lost`: the transport failed or ended under streams.
   * - `violation`: the peer broke the protocol or went over a limit; `code` is what we told it.
   * - `timeout`: it did not answer PING, SETTINGS or a write in time.
   * - `goaway`: the peer gave up with an error code.
   * - `bug`: a handler threw.
   */
  readonly kind: "closed" | "lost" | "violation" | "timeout" | "goaway" | "bug";
  readonly code: number;
  readonly message: string;
  readonly cause?: unknown;
}

/** Who is told what happens to a connection. */
export interface ConnectionHandler {
  /**
   * Server: a request; its headers are valid by RFC 9113 §8.3.1. Returns who gets the rest of it. Not called on a client, where there is no push.
   */
  onStream?(stream: Http2Stream, headers: HeaderList, endStream: boolean): StreamHandler;
  /** The peer's first SETTINGS are here. */
  onReady?(): void;
  /** Client: after `startStream` returned undefined, a stream may be started now. */
  onCapacity?(): void;
  /** The peer takes no more streams; those up to `lastStreamId` go on. May come twice, the second time with a lower id. */
  onGoaway?(lastStreamId: number, code: number, debugData: string): void;
  /** The peer went over a limit; the answer follows. Must not throw. */
  onLimit?(name: LimitName): void;
  /** Exactly once, after `onReset` of every stream. */
  onClose?(end: ConnectionEnd): void;
}
