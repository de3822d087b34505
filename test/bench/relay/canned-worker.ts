/**
 * The worker behind every proxy of `make bench-relay`: a process that speaks just enough HTTP/2 to serve `bench.EchoService`
 * honestly and never be the bottleneck. Frames over a socket, no HPACK decoder (what is asked for is read from the message),
 * answers of a whole read written at once.
 *
 * It keeps what a real server would: PING and SETTINGS are answered, the peer's windows and frame size respected, and its header
 * fields indexed where the peer's table allows it. Prints its address; ends with its parent's SIGTERM or SIGKILL.
 */
import { createServer, type Socket } from "node:net";
import { ANSWERS_TAG, PREFIX_BYTES } from "./echo-contract";

const PREFACE_BYTES = 24;
const FRAME_HEADER_BYTES = 9;

const FRAME = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, windowUpdate: 8 } as const;
const FLAG = { ack: 1, endStream: 1, endHeaders: 4, padded: 8 } as const;
const SETTING = { tableSize: 1, streamsMax: 3, windowBytes: 4, frameBytes: 5 } as const;

const WINDOW_MAX = 2 ** 31 - 1;
const WINDOW_DEFAULT = 65_535;
/** Received bytes after which the connection's window is opened again. */
const REOPEN_AFTER = 2 ** 29;

// RFC 7541: ":status: 200" is static entry 8, "content-type" 31. 0x40 adds to the dynamic table, 0x00 does not.
const STATUS_200 = 0x88;
const CONTENT_TYPE = Buffer.from("\x10application/grpc", "latin1");
const GRPC_STATUS = Buffer.from("\x0bgrpc-status\x010", "latin1");
/** What the two entries take of the dynamic table. */
const TABLE_NEEDED = 12 + 16 + 32 + (11 + 1 + 32);

const FIELDS = {
  literalHeaders: Buffer.concat([Buffer.of(STATUS_200, 0x0f, 0x10), CONTENT_TYPE]),
  literalTrailers: Buffer.concat([Buffer.of(0x00), GRPC_STATUS]),
  addingHeaders: Buffer.concat([Buffer.of(STATUS_200, 0x5f), CONTENT_TYPE]),
  addingTrailers: Buffer.concat([Buffer.of(0x40), GRPC_STATUS]),
  /** "content-type" alone in the table, and with "grpc-status" before it. */
  newestHeaders: Buffer.of(STATUS_200, 0x80 | 62),
  indexedHeaders: Buffer.of(STATUS_200, 0x80 | 63),
  indexedTrailers: Buffer.of(0x80 | 62),
};
/** "The table is empty from now on": due when the peer made it smaller than what it was. */
const TABLE_EMPTIED = Buffer.of(0x20);

function frame(type: number, flags: number, streamId: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(FRAME_HEADER_BYTES + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(streamId, 5);
  bytes.set(payload, FRAME_HEADER_BYTES);
  return bytes;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value, 0);
  return bytes;
}

function setting(id: number, value: number): Buffer {
  return Buffer.concat([Buffer.of(0, id), uint32(value)]);
}

const GREETING = Buffer.concat([
  frame(
    FRAME.settings,
    0,
    0,
    Buffer.concat([setting(SETTING.streamsMax, 1_000), setting(SETTING.windowBytes, WINDOW_MAX)]),
  ),
  frame(FRAME.windowUpdate, 0, 0, uint32(WINDOW_MAX - WINDOW_DEFAULT)),
]);

const NOTHING = Buffer.alloc(0);

/** A call from its headers to its trailers. */
interface Stream {
  readonly id: number;
  /** What has come of the request; one piece once it is whole. */
  pieces: Buffer[];
  request: Buffer;
  /** What the peer opened this stream's window by, beyond its initial one. */
  windowBytes: number;
  /** Messages still to be sent, and how much of the first has been. */
  left: number;
  offset: number;
}

class CannedConnection {
  readonly #socket: Socket;
  readonly #streams = new Map<number, Stream>();
  /** Streams whose answer waits for a window. */
  readonly #blocked = new Set<Stream>();
  #input: Buffer = Buffer.alloc(0);
  #greeted = false;
  #output: Buffer[] = [GREETING];
  #windowBytes = WINDOW_DEFAULT;
  #initialWindowBytes = WINDOW_DEFAULT;
  #frameBytesMax = 16_384;
  #receivedBytes = 0;
  #indexing = true;
  #emptyTable = false;
  #headersIndexed = false;
  #trailersIndexed = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk) => this.#read(chunk));
    socket.on("error", () => socket.destroy());
  }

  #read(chunk: Buffer): void {
    const input = this.#input.length === 0 ? chunk : Buffer.concat([this.#input, chunk]);
    let at = 0;
    if (!this.#greeted) {
      if (input.length < PREFACE_BYTES) {
        this.#input = input;
        return;
      }
      this.#greeted = true;
      at = PREFACE_BYTES;
    }
    while (at + FRAME_HEADER_BYTES <= input.length) {
      const end = at + FRAME_HEADER_BYTES + input.readUIntBE(at, 3);
      if (end > input.length) break;
      const streamId = input.readUInt32BE(at + 5) & WINDOW_MAX;
      this.#frame(input[at + 3]!, input[at + 4]!, streamId, input.subarray(at + FRAME_HEADER_BYTES, end));
      at = end;
    }
    this.#input = input.subarray(at);
    if (this.#output.length > 0) this.#socket.write(Buffer.concat(this.#output));
    this.#output = [];
  }

  #frame(type: number, flags: number, streamId: number, payload: Buffer): void {
    switch (type) {
      case FRAME.headers:
        this.#streams.set(streamId, { id: streamId, pieces: [], request: NOTHING, windowBytes: 0, left: 0, offset: 0 });
        if (flags & FLAG.endStream) this.#answer(streamId);
        break;
      case FRAME.data:
        this.#data(flags, streamId, payload);
        break;
      case FRAME.settings:
        if (!(flags & FLAG.ack)) this.#settings(payload);
        break;
      case FRAME.ping:
        if (!(flags & FLAG.ack)) this.#output.push(frame(FRAME.ping, FLAG.ack, 0, payload));
        break;
      case FRAME.windowUpdate:
        this.#opened(streamId, payload.readUInt32BE(0));
        break;
      case FRAME.reset:
        this.#forget(streamId);
        break;
      default: // PRIORITY, GOAWAY (the peer closes the connection then) and CONTINUATION ask for nothing
    }
  }

  #data(flags: number, streamId: number, payload: Buffer): void {
    this.#receivedBytes += payload.length;
    if (this.#receivedBytes >= REOPEN_AFTER) {
      this.#output.push(frame(FRAME.windowUpdate, 0, 0, uint32(this.#receivedBytes)));
      this.#receivedBytes = 0;
    }
    const stream = this.#streams.get(streamId);
    if (!stream) return;
    const bytes = flags & FLAG.padded ? payload.subarray(1, payload.length - payload[0]!) : payload;
    stream.pieces.push(bytes);
    if (flags & FLAG.endStream) this.#answer(streamId);
  }

  #settings(payload: Buffer): void {
    for (let at = 0; at < payload.length; at += 6) {
      const value = payload.readUInt32BE(at + 2);
      switch (payload.readUInt16BE(at)) {
        case SETTING.tableSize:
          this.#emptyTable ||= this.#indexing && value < TABLE_NEEDED;
          this.#indexing = value >= TABLE_NEEDED && !this.#emptyTable;
          break;
        case SETTING.windowBytes:
          this.#initialWindowBytes = value;
          break;
        case SETTING.frameBytes:
          this.#frameBytesMax = value;
          break;
        default: // concerns what a server does not do
      }
    }
    this.#output.push(frame(FRAME.settings, FLAG.ack, 0, Buffer.alloc(0)));
    this.#goOn();
  }

  #opened(streamId: number, bytes: number): void {
    const stream = this.#streams.get(streamId);
    if (streamId === 0) this.#windowBytes += bytes;
    else if (stream) stream.windowBytes += bytes;
    this.#goOn();
  }

  #forget(streamId: number): void {
    const stream = this.#streams.get(streamId);
    if (stream) this.#blocked.delete(stream);
    this.#streams.delete(streamId);
  }

  #answer(streamId: number): void {
    const stream = this.#streams.get(streamId)!;
    const { pieces } = stream;
    const request = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
    stream.request = request;
    stream.pieces = [];
    stream.left = request[PREFIX_BYTES] === ANSWERS_TAG ? request[PREFIX_BYTES + 1]! || 1 : 1;
    this.#output.push(frame(FRAME.headers, FLAG.endHeaders, streamId, this.#headers()));
    this.#send(stream);
  }

  #goOn(): void {
    for (const stream of this.#blocked) this.#send(stream);
  }

  /** Sends what the windows allow, and the trailers after all of it. Each message has frames of its own. */
  #send(stream: Stream): void {
    const { id, request } = stream;
    while (stream.left > 0) {
      const windowBytes = Math.min(this.#windowBytes, this.#initialWindowBytes + stream.windowBytes);
      const bytes = Math.min(request.length - stream.offset, windowBytes, this.#frameBytesMax);
      if (bytes <= 0 && request.length > 0) {
        this.#blocked.add(stream);
        return;
      }
      this.#output.push(frame(FRAME.data, 0, id, request.subarray(stream.offset, stream.offset + bytes)));
      this.#windowBytes -= bytes;
      stream.windowBytes -= bytes;
      stream.offset += bytes;
      if (stream.offset < request.length) continue;
      stream.offset = 0;
      stream.left -= 1;
    }
    this.#output.push(frame(FRAME.headers, FLAG.endHeaders | FLAG.endStream, id, this.#trailers()));
    this.#forget(id);
  }

  #headers(): Buffer {
    if (this.#emptyTable) {
      this.#emptyTable = false;
      return Buffer.concat([TABLE_EMPTIED, FIELDS.literalHeaders]);
    }
    if (!this.#indexing) return FIELDS.literalHeaders;
    if (this.#trailersIndexed) return FIELDS.indexedHeaders;
    if (this.#headersIndexed) return FIELDS.newestHeaders;
    this.#headersIndexed = true;
    return FIELDS.addingHeaders;
  }

  /** Never the first block of a connection: headers go before. */
  #trailers(): Buffer {
    if (!this.#indexing) return FIELDS.literalTrailers;
    if (this.#trailersIndexed) return FIELDS.indexedTrailers;
    this.#trailersIndexed = true;
    return FIELDS.addingTrailers;
  }
}

const server = createServer((socket) => void new CannedConnection(socket));
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (address && typeof address === "object") console.log(`listening at 127.0.0.1:${address.port}`);
});
