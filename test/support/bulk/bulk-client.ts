import { connect, type Socket } from "node:net";
import { Http2Connection } from "../../../src/http2/connection";
import { HeaderList } from "../../../src/http2/header-list";
import type { StreamHandler } from "../../../src/http2/handlers";
import type { Http2Stream } from "../../../src/http2/stream";
import { parseAddress } from "../../../src/core/address";
import { engineOptions } from "../http2-parts";
import { BULK, BulkMessages, WINDOW_BYTES } from "./bulk-data";
import { BulkReader, BulkSender, type ReadingRound } from "./bulk-streams";

/** The half of gRPC's framing that says nothing: a request of no bytes. */
const EMPTY_REQUEST = Buffer.alloc(5);

/** One connection of a client on the engine, which reads no more of a stream than it says. */
export class BulkClient {
  readonly connection: Http2Connection;
  readonly #socket: Socket;

  private constructor(socket: Socket, connection: Http2Connection) {
    this.#socket = socket;
    this.connection = connection;
  }

  /** Resolves when the peer's SETTINGS are here. */
  static open(address: string): Promise<BulkClient> {
    const { host, port } = parseAddress(address, "address");
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port, noDelay: true });
      const options = engineOptions({ streamWindowBytes: WINDOW_BYTES, connectionWindowBytes: 0x7fff_ffff });
      const connection: Http2Connection = new Http2Connection(
        "client",
        socket,
        {
          onReady: () => resolve(new BulkClient(socket, connection)),
          onClose: ({ message }) => reject(new Error(`the connection to ${address} ended: ${message}`)),
        },
        options,
      );
    });
  }

  /** From now on nothing is read from the socket, and the system's buffers fill. */
  stopReading(): void {
    this.#socket.pause();
  }

  download(bytes: number, round?: ReadingRound): BulkTransfer {
    const transfer = new BulkTransfer(new BulkReader(new BulkMessages(bytes), round), undefined);
    const stream = this.#start(BULK.download, [BULK.bytes, String(bytes)], transfer);
    stream.sendData(EMPTY_REQUEST, 0, EMPTY_REQUEST.length, true);
    return transfer;
  }

  /** The worker reads once `together` uploads are held up; 0: never. */
  upload(bytes: number, together = 0): BulkTransfer {
    const message = new BulkMessages(bytes);
    const transfer = new BulkTransfer(new BulkReader(message), new BulkSender(message));
    const fields = [BULK.bytes, String(bytes), BULK.together, String(together)];
    const stream = this.#start(BULK.upload, fields, transfer);
    transfer.onWritable(stream);
    return transfer;
  }

  /** How many of the worker's streams are held up; only a worker itself answers. */
  async waiting(): Promise<number> {
    const transfer = new BulkTransfer(new BulkReader(new BulkMessages(5)), undefined);
    const stream = this.#start(BULK.waiting, [], transfer);
    stream.sendData(EMPTY_REQUEST, 0, EMPTY_REQUEST.length, true);
    return Number((await transfer.ended).trailers?.get("bulk-waiting"));
  }

  /** Resolves when the peer has dealt with all that was sent before. */
  roundTrip(): Promise<void> {
    return new Promise((resolve) => this.connection.ping(() => resolve()));
  }

  close(): void {
    this.connection.destroy();
    this.#socket.destroy();
  }

  #start(path: string, fields: readonly string[], handler: StreamHandler): Http2Stream {
    const head = [":method", "POST", ":scheme", "http", ":path", path, ":authority", "bulk", "te", "trailers"];
    const list = HeaderList.of([...head, "content-type", "application/grpc", ...fields]);
    const stream = this.connection.startStream(list, handler);
    if (stream === undefined) throw new Error("no more streams can be started");
    return stream;
  }
}

export interface TransferEnd {
  readonly head: HeaderList | undefined;
  readonly trailers: HeaderList | undefined;
  /** Code of the reset that ended it. */
  readonly resetCode: number | undefined;
}

/** A call of a BulkClient. */
export class BulkTransfer implements StreamHandler {
  readonly reader: BulkReader;
  readonly sender: BulkSender | undefined;
  readonly ended: Promise<TransferEnd>;
  #head: HeaderList | undefined;
  #end: (end: TransferEnd) => void = () => {};

  constructor(reader: BulkReader, sender: BulkSender | undefined) {
    this.reader = reader;
    this.sender = sender;
    this.ended = new Promise((resolve) => (this.#end = resolve));
  }

  onHeaders(_stream: Http2Stream, head: HeaderList, endStream: boolean): void {
    this.#head = head;
    if (endStream) this.#end({ head, trailers: head, resetCode: undefined });
  }

  onData(stream: Http2Stream, chunk: Buffer, start: number, end: number): void {
    this.reader.take(stream, chunk, start, end);
  }

  onTrailers(_stream: Http2Stream, trailers: HeaderList): void {
    this.#end({ head: this.#head, trailers, resetCode: undefined });
  }

  onReset(_stream: Http2Stream, code: number): void {
    this.#end({ head: this.#head, trailers: undefined, resetCode: code });
  }

  onWritable(stream: Http2Stream): void {
    this.sender?.send(stream, true);
  }
}
