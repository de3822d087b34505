/**
 * The smallest relay on the engine, to measure what the engine leaves to a real one: every stream of every client goes to one
 * upstream connection. Run: node http2-relay-server.js UPSTREAM_PORT. Prints its port.
 */
import { connect } from "node:net";
import { Http2Connection } from "../../src/http2/connection";
import type { ResetCause, StreamHandler } from "../../src/http2/handlers";
import type { HeaderList } from "../../src/http2/header-list";
import type { Http2Stream } from "../../src/http2/stream";
import { engineOptions } from "../support/http2-parts";
import { startHttp2Server } from "../support/http2-server";

/** One direction of a relayed call: what arrives on one stream goes out on the other, and is given back as it does. */
class Direction implements StreamHandler {
  to!: Http2Stream;
  from!: Http2Stream;
  /** The other direction, whose data waits for room on the stream that this one reads from. */
  back!: Direction;
  #rest: { chunk: Buffer; start: number; end: number }[] = [];
  #ended = false;
  #trailers: HeaderList | undefined;

  onHeaders(_stream: Http2Stream, headers: HeaderList, endStream: boolean): void {
    this.to.sendHeaders(headers, endStream);
  }

  onData(stream: Http2Stream, chunk: Buffer, start: number, end: number, endStream: boolean): void {
    this.#ended = endStream;
    const sent = this.#rest.length === 0 ? this.to.sendData(chunk, start, end, endStream) : 0;
    stream.consume(sent);
    if (sent < end - start) this.#rest.push({ chunk, start: start + sent, end });
  }

  onTrailers(_stream: Http2Stream, trailers: HeaderList): void {
    if (this.#rest.length === 0) this.to.sendTrailers(trailers);
    else this.#trailers = trailers;
  }

  onReset(_stream: Http2Stream, code: number, _cause: ResetCause): void {
    this.to.reset(code);
  }

  onWritable(): void {
    this.back.resume();
  }

  resume(): void {
    while (this.#rest.length > 0) {
      const piece = this.#rest[0]!;
      const last = this.#rest.length === 1 && this.#ended;
      const sent = this.to.sendData(piece.chunk, piece.start, piece.end, last);
      this.from.consume(sent);
      piece.start += sent;
      if (piece.start < piece.end) return;
      this.#rest.shift();
    }
    if (this.#trailers !== undefined) this.to.sendTrailers(this.#trailers);
  }
}

async function main(): Promise<void> {
  const socket = connect(Number(process.argv[2]), "127.0.0.1");
  socket.setNoDelay(true);
  const upstream = new Http2Connection("client", socket, {}, engineOptions());
  const server = await startHttp2Server(
    {
      onStream(incoming, headers, endStream) {
        const request = new Direction();
        const response = new Direction();
        request.back = response;
        response.back = request;
        const outgoing = upstream.startStream(headers, response, endStream);
        if (outgoing === undefined) {
          incoming.reset(7);
          return request;
        }
        request.from = incoming;
        request.to = outgoing;
        response.from = outgoing;
        response.to = incoming;
        return request;
      },
    },
    engineOptions(),
  );
  console.log(server.port);
}

void main();
