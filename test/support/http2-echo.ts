import type { ConnectionHandler, StreamHandler } from "../../src/http2/handlers";
import { HeaderList } from "../../src/http2/header-list";
import type { Http2Stream } from "../../src/http2/stream";

const HEAD = HeaderList.of([":status", "200", "content-type", "application/grpc"]);
const TRAILERS = HeaderList.of(["grpc-status", "0"]);

/** Sends back what comes, as it comes; holds at most one stream window of it. */
class Echo implements StreamHandler {
  #rest: { chunk: Buffer; start: number; end: number }[] = [];
  #ended = false;
  #headSent = false;

  onHeaders(): void {}

  onData(stream: Http2Stream, chunk: Buffer, start: number, end: number, endStream: boolean): void {
    this.#ended = endStream;
    if (!this.#headSent) this.head(stream);
    const sent = this.#rest.length === 0 ? stream.sendData(chunk, start, end) : 0;
    stream.consume(sent);
    if (sent < end - start) this.#rest.push({ chunk, start: start + sent, end });
    else if (endStream) stream.sendTrailers(TRAILERS);
  }

  onTrailers(stream: Http2Stream): void {
    this.#ended = true;
    this.onWritable(stream);
  }

  onReset(): void {
    this.#rest = [];
  }

  onWritable(stream: Http2Stream): void {
    while (this.#rest.length > 0) {
      const piece = this.#rest[0]!;
      const sent = stream.sendData(piece.chunk, piece.start, piece.end);
      stream.consume(sent);
      piece.start += sent;
      if (piece.start < piece.end) return;
      this.#rest.shift();
    }
    if (this.#ended) stream.sendTrailers(TRAILERS);
  }

  head(stream: Http2Stream): void {
    this.#headSent = true;
    stream.sendHeaders(HEAD);
  }
}

/** A gRPC-like echo: head, the data, trailers. */
export const echoHandler: ConnectionHandler = {
  onStream(stream, _headers, endStream) {
    const echo = new Echo();
    if (endStream) {
      echo.head(stream);
      stream.sendTrailers(TRAILERS);
    }
    return echo;
  },
};
