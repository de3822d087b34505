import type { ConnectionHandler, StreamHandler } from "../../src/http2/handlers";
import { HeaderList } from "../../src/http2/header-list";
import type { Http2Stream } from "../../src/http2/stream";

const HEAD = HeaderList.of([":status", "200", "content-type", "text/plain"]);
const PAGE = Buffer.from("Every request gets this page.\n");

/** Answers a request, once it is complete, with a page, as the windows allow. */
class Page implements StreamHandler {
  #sent = -1;

  onHeaders(): void {}

  onData(stream: Http2Stream, _chunk: Buffer, start: number, end: number, endStream: boolean): void {
    stream.consume(end - start);
    if (endStream) this.answer(stream);
  }

  onTrailers(stream: Http2Stream): void {
    this.answer(stream);
  }

  onReset(): void {}

  onWritable(stream: Http2Stream): void {
    this.#sent += stream.sendData(PAGE, this.#sent, PAGE.length, true);
  }

  answer(stream: Http2Stream): void {
    stream.sendHeaders(HEAD);
    this.#sent = 0;
    this.onWritable(stream);
  }
}

/** A small web server, as conformance tests expect one. */
export const pageHandler: ConnectionHandler = {
  onStream(stream, _headers, endStream) {
    const page = new Page();
    if (endStream) page.answer(stream);
    return page;
  },
};
