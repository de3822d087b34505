import type { StreamHandler } from "../../http2/handlers";
import { HeaderList } from "../../http2/header-list";
import type { Http2Stream } from "../../http2/stream";
import type { Refusal } from "../framing/request-shapes";
import { StreamSender } from "../framing/stream-sender";

const PAGE = Buffer.from("This port speaks gRPC: POST with a content-type that begins with application/grpc.\n");
const FIELDS = ["content-type", "text/plain", "content-length", String(PAGE.length)];

/** RFC 9110 §15.5.6: 405 names the methods that are allowed. */
const HEADS: Readonly<Record<Refusal, HeaderList>> = {
  "405": HeaderList.of([":status", "405", "allow", "POST", ...FIELDS]),
  "415": HeaderList.of([":status", "415", ...FIELDS]),
};

/**
 * Answers in HTTP what is no gRPC (PROTOCOL-HTTP2, "Requests"): a page of one line, once the request is whole. Not before, because
 * then an answer would hide what else is wrong with the request; what is uploaded meanwhile is dropped.
 */
export class HttpAnswer implements StreamHandler {
  readonly #sender: StreamSender;
  readonly #head: HeaderList;
  readonly #hasBody: boolean;

  constructor(stream: Http2Stream, refusal: Refusal, request: HeaderList, endStream: boolean) {
    this.#sender = new StreamSender(stream);
    this.#head = HEADS[refusal];
    this.#hasBody = request.get(":method") !== "HEAD";
    if (endStream) this.#answer(stream);
  }

  onHeaders(): void {}

  onData(stream: Http2Stream, _chunk: Buffer, start: number, end: number, endStream: boolean): void {
    stream.consume(end - start);
    if (endStream) this.#answer(stream);
  }

  onTrailers(stream: Http2Stream): void {
    this.#answer(stream);
  }

  onReset(): void {}

  onWritable(): void {
    this.#sender.flush();
  }

  #answer(stream: Http2Stream): void {
    stream.sendHeaders(this.#head, !this.#hasBody);
    if (this.#hasBody) this.#sender.send(PAGE, true);
  }
}
