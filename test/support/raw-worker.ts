import type { Duplex } from "node:stream";
import { duplexPair } from "../../src/http2/duplex-pair";
import { HeaderList } from "../../src/http2/header-list";
import { HpackDecoder } from "../../src/http2/hpack-decoder";
import { frame, FrameReader, type RawFrame, uint32 } from "./http2-raw-peer";

const BOUNDS = { bytesMax: 65_536, fieldsMax: 1_000 };
const END_STREAM = 1;
const END_HEADERS = 4;

/** A header block of literals that are never indexed: says whatever it is told to, valid or not. */
export function literals(fields: readonly string[]): Buffer {
  return Buffer.concat(
    fields.map((text, at) => {
      const octets = Buffer.from(text, "latin1");
      return Buffer.concat([Buffer.from(at % 2 === 0 ? [0x10, octets.length] : [octets.length]), octets]);
    }),
  );
}

/** Frames of an answer, each one as it is asked for. */
export const answering = {
  head: (
    id: number,
    fields: readonly string[] = [":status", "200", "content-type", "application/grpc"],
    last = false,
  ) => frame(1, END_HEADERS | (last ? END_STREAM : 0), id, literals(fields)),
  data: (id: number, payload: Buffer, last = false) => frame(0, last ? END_STREAM : 0, id, payload),
  trailers: (id: number, fields: readonly string[] = ["grpc-status", "0"]) =>
    frame(1, END_HEADERS | END_STREAM, id, literals(fields)),
  reset: (id: number, code: number) => frame(3, 0, id, uint32(code)),
  goaway: (lastId: number, code: number) => frame(7, 0, 0, Buffer.concat([uint32(lastId), uint32(code)])),
  ping: (payload: number) => frame(6, 0, 0, Buffer.concat([uint32(0), uint32(payload)])),
};

/** A gRPC message as it is on the wire. */
export function grpcMessage(text: string): Buffer {
  const body = Buffer.from(text);
  return Buffer.concat([Buffer.from([0]), uint32(body.length), body]);
}

/** One connection that a RawWorker accepted. */
export class RawConnection {
  readonly frames: RawFrame[] = [];
  readonly #wire: Duplex;

  constructor(wire: Duplex) {
    this.#wire = wire;
  }

  write(...parts: readonly Buffer[]): void {
    this.#wire.write(Buffer.concat(parts));
  }

  /** Ends it without a word. */
  destroy(): void {
    this.#wire.destroy();
  }

  of(type: number): RawFrame[] {
    return this.frames.filter((one) => one.type === type);
  }
}

export interface RawRequest {
  readonly id: number;
  readonly head: HeaderList;
  readonly connection: RawConnection;
}

/** A worker that writes its frames by hand, so that it can do what no server should. Every connection to it is dialled by `dial`. */
export class RawWorker {
  readonly connections: RawConnection[] = [];
  readonly requests: RawRequest[] = [];
  /** A request's head has come. */
  onRequest: (request: RawRequest) => void = () => {};
  readonly #settings: Buffer;

  /** @param settings payload of the SETTINGS it sends */
  constructor(settings: Buffer = Buffer.alloc(0)) {
    this.#settings = settings;
  }

  readonly dial = (): Duplex => {
    const [ours, theirs] = duplexPair();
    const connection = new RawConnection(theirs);
    const reader = new FrameReader();
    const decoder = new HpackDecoder(BOUNDS);
    let prefaceLeft = 24;
    this.connections.push(connection);
    theirs.on("error", () => {});
    theirs.on("data", (chunk: Buffer) => {
      const skip = Math.min(prefaceLeft, chunk.length);
      prefaceLeft -= skip;
      for (const one of reader.read(chunk.subarray(skip))) {
        connection.frames.push(one);
        if (one.type === 4 && (one.flags & 1) === 0) connection.write(frame(4, 1, 0));
        if (one.type !== 1) continue;
        const head = decoder.decode(one.payload, 0, one.payload.length);
        if (!(head instanceof HeaderList)) throw new Error("a request's head is too large for the test");
        const request = { id: one.id, head, connection };
        this.requests.push(request);
        this.onRequest(request);
      }
    });
    connection.write(frame(4, 0, 0, this.#settings));
    return ours;
  };
}

/** Answers a call with this message and OK. */
export function answerWith(text: string): (request: RawRequest) => void {
  return ({ id, connection }) =>
    connection.write(answering.head(id), answering.data(id, grpcMessage(text)), answering.trailers(id));
}
