import { createHash } from "node:crypto";
import type { StreamHandler } from "../../src/http2/handlers";
import type { HeaderList } from "../../src/http2/header-list";
import type { Http2Stream } from "../../src/http2/stream";

/** Bytes in a form that a failure can show. */
export function digest(bytes: Uint8Array): string {
  return `${bytes.length} bytes ${createHash("sha1").update(bytes).digest("hex")}`;
}

/** What of a head or of trailers belongs to the call, in order; a director's own trailers (heddle-…) are left out. */
export function said(list: readonly string[]): string {
  const pairs = list.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${list[at + 1]}`] : []));
  return pairs.filter((pair) => /^(x-|grpc-(status|message)|content-type)/.test(pair)).join(", ");
}

/** One end of a call on the wire: says what it is given, piece by piece, and writes down what it is told. */
export class WireEnd implements StreamHandler {
  readonly log: string[] = [];
  stream: Http2Stream | undefined = undefined;
  receivedBytes = 0;
  isHalfClosed = false;
  onChange: () => void = () => {};
  readonly #received: Buffer[] = [];
  readonly #toSay: (() => boolean)[] = [];

  /** Says `bytes` in frames of these sizes, in turn; the last has END_STREAM if `last`. */
  data(bytes: Buffer, frames: readonly number[], last: boolean): void {
    for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
      let start = at;
      const end = Math.min(bytes.length, at + frames[turn % frames.length]!);
      this.#say(() => {
        start += this.stream!.sendData(bytes, start, end, last && end === bytes.length);
        return start === end;
      });
      at = end;
    }
    if (last && bytes.length === 0) this.half();
  }

  half(): void {
    this.do(() => void this.stream!.sendData(Buffer.alloc(0), 0, 0, true));
  }

  /** In its turn. */
  do(act: () => void): void {
    this.#say(() => {
      act();
      return true;
    });
  }

  #say(say: () => boolean): void {
    this.#toSay.push(say);
    if (this.#toSay.length === 1) this.onWritable();
  }

  onWritable(): void {
    while (this.#toSay.length > 0 && this.#toSay[0]!()) this.#toSay.shift();
  }

  onHeaders(_stream: Http2Stream, headers: HeaderList, endStream: boolean): void {
    this.#tell(`head${endStream ? ", the end" : ""}: ${said(headers.fields)}`);
  }

  onData(stream: Http2Stream, chunk: Buffer, start: number, end: number, endStream: boolean): void {
    this.#received.push(Buffer.from(chunk.subarray(start, end)));
    this.receivedBytes += end - start;
    stream.consume(end - start);
    if (endStream) this.halfClosed();
    else this.onChange();
  }

  halfClosed(): void {
    this.isHalfClosed = true;
    this.#tell("half-close");
  }

  onTrailers(_stream: Http2Stream, trailers: HeaderList): void {
    this.#tell(`trailers: ${said(trailers.fields)}`);
  }

  onReset(_stream: Http2Stream, code: number): void {
    this.#tell(`reset ${code}`);
  }

  #tell(what: string): void {
    const data = Buffer.concat(this.#received.splice(0));
    if (data.length > 0) this.log.push(`data ${digest(data)}`);
    this.log.push(what);
    this.onChange();
  }
}
