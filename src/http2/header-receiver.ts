import type { ConnectionParts } from "./connection-parts";
import { ErrorCode, Http2Error } from "./error-codes";
import type { HeaderList } from "./header-list";
import { requestFault, responseFault, trailerFault } from "./header-rules";
import { LIST_TOO_LARGE } from "./hpack-decoder";
import type { Http2Stream } from "./stream";
import { StreamFlag } from "./stream-state";

type Decoded = HeaderList | typeof LIST_TOO_LARGE;

/** Gives each complete header block its meaning: a new request, a response, trailers, or none any more (RFC 9113 §5.1, §8.1). */
export class HeaderReceiver {
  readonly #parts: ConnectionParts;

  constructor(parts: ConnectionParts) {
    this.#parts = parts;
  }

  receive(id: number, endStream: boolean, dependsOnItself: boolean, buffer: Buffer, start: number, end: number): void {
    const { decoder, streams } = this.#parts;
    // Always, also for streams that are gone: the table must stay the peer's.
    const list = decoder.decode(buffer, start, end);
    const stream = streams.get(id);
    if (stream === undefined) this.#withoutStream(id, list, endStream, dependsOnItself);
    else if (dependsOnItself) this.#parts.violation(stream, ErrorCode.PROTOCOL_ERROR);
    else if ((stream.flags & StreamFlag.REMOTE_ENDED) !== 0) this.#parts.violation(stream, ErrorCode.STREAM_CLOSED);
    else if (list === LIST_TOO_LARGE) this.#tooLarge(stream);
    else if ((stream.flags & StreamFlag.HEADERS_RECEIVED) !== 0) this.#trailers(stream, list, endStream);
    else this.#response(stream, list, endStream);
  }

  #withoutStream(id: number, list: Decoded, endStream: boolean, dependsOnItself: boolean): void {
    const { streams, guard, isServer } = this.#parts;
    if (streams.isIdle(id)) {
      if (!isServer || !streams.isOfPeer(id)) {
        throw new Http2Error(ErrorCode.PROTOCOL_ERROR, `HEADERS on stream ${id}, which the peer may not open`);
      }
      this.#request(id, list, endStream, dependsOnItself);
      return;
    }
    if (streams.wasResetByUs(id)) {
      guard.charge("closedStreamFrames");
      return;
    }
    if (streams.wasSkipped(id)) throw new Http2Error(ErrorCode.PROTOCOL_ERROR, `stream ${id} after a higher one`); // §5.1.1
    throw new Http2Error(ErrorCode.STREAM_CLOSED, `HEADERS on closed stream ${id}`);
  }

  #request(id: number, list: Decoded, endStream: boolean, dependsOnItself: boolean): void {
    const parts = this.#parts;
    const { streams, guard } = parts;
    streams.notePeerId(id);
    if (id > parts.lastAcceptedId || streams.peerCount >= parts.options.maxConcurrentStreams) {
      guard.charge("refusedStreams");
      this.#refuse(id, endStream, ErrorCode.REFUSED_STREAM);
      return;
    }
    if (list === LIST_TOO_LARGE) {
      guard.count("headerListBytes");
      guard.charge("provokedResets");
      const answer = parts.options.headersTooLargeAnswer;
      if (answer === undefined) this.#refuse(id, endStream, ErrorCode.ENHANCE_YOUR_CALM);
      else this.#answerTooLarge(id, endStream, answer);
      return;
    }
    if (
      requestFault(list, parts.options.blankEndsAllowed) !== "" ||
      dependsOnItself ||
      (endStream && list.contentLength > 0)
    ) {
      guard.charge("provokedResets");
      this.#refuse(id, endStream, ErrorCode.PROTOCOL_ERROR);
      return;
    }
    const stream = parts.newStream(id);
    stream.flags = endStream ? StreamFlag.HEADERS_RECEIVED | StreamFlag.REMOTE_ENDED : StreamFlag.HEADERS_RECEIVED;
    stream.expectedBytes = list.contentLength;
    streams.add(stream);
    // A server has `onStream`: the connection checked it.
    stream.handler = parts.handler.onStream!(stream, list, endStream);
  }

  /** RFC 9113 §10.5.1: it is answered, and what follows of the request is not wanted (§8.1). */
  #answerTooLarge(id: number, endStream: boolean, answer: HeaderList): void {
    const stream = this.#parts.newStream(id);
    stream.flags = endStream ? StreamFlag.HEADERS_RECEIVED | StreamFlag.REMOTE_ENDED : StreamFlag.HEADERS_RECEIVED;
    this.#parts.streams.add(stream);
    stream.sendHeaders(answer, true);
    if (!endStream) stream.reset(ErrorCode.NO_ERROR);
    this.#parts.answerWritten();
  }

  /** A stream that never gets an object. */
  #refuse(id: number, endStream: boolean, code: number): void {
    this.#parts.writer.reset(id, code);
    if (!endStream) this.#parts.streams.rememberReset(id);
    this.#parts.answerWritten();
  }

  #tooLarge(stream: Http2Stream): void {
    this.#parts.guard.count("headerListBytes");
    this.#parts.violation(stream, ErrorCode.ENHANCE_YOUR_CALM);
  }

  #response(stream: Http2Stream, list: HeaderList, endStream: boolean): void {
    const parts = this.#parts;
    const status = responseFault(list, parts.options.blankEndsAllowed) === "" ? list.fields[1]! : "";
    if (status === "" || (endStream && status.startsWith("1"))) {
      parts.violation(stream, ErrorCode.PROTOCOL_ERROR);
      return;
    }
    if (status.startsWith("1")) {
      // One for each request is no flood: the requests are ours.
      if ((stream.flags & StreamFlag.INTERIM_RECEIVED) !== 0) parts.guard.charge("emptyFrames");
      stream.flags |= StreamFlag.INTERIM_RECEIVED;
      stream.handler.onHeaders(stream, list, false);
      return;
    }
    stream.flags |= StreamFlag.HEADERS_RECEIVED;
    const hasNoContent = stream.isHead || status === "204" || status === "304"; // RFC 9110 §6.4.1
    stream.expectedBytes = hasNoContent ? -1 : list.contentLength;
    if (endStream && !this.#endRemote(stream)) return;
    stream.handler.onHeaders(stream, list, endStream);
  }

  #trailers(stream: Http2Stream, list: HeaderList, endStream: boolean): void {
    const { blankEndsAllowed } = this.#parts.options;
    if (!endStream || trailerFault(list, blankEndsAllowed) !== "")
      this.#parts.violation(stream, ErrorCode.PROTOCOL_ERROR);
    else if (this.#endRemote(stream)) stream.handler.onTrailers(stream, list);
  }

  /** False: it had not the length that it announced (§8.1.1). */
  #endRemote(stream: Http2Stream): boolean {
    if (stream.expectedBytes !== -1 && stream.expectedBytes !== stream.receivedBytes) {
      this.#parts.violation(stream, ErrorCode.PROTOCOL_ERROR);
      return false;
    }
    stream.flags |= StreamFlag.REMOTE_ENDED;
    if ((stream.flags & StreamFlag.LOCAL_ENDED) !== 0) this.#parts.streamClosed(stream);
    return true;
  }
}
