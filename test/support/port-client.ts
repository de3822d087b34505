import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions } from "node:tls";
import { Http2Connection } from "../../src/http2/connection";
import type { ConnectionEnd, StreamHandler } from "../../src/http2/handlers";
import { HeaderList } from "../../src/http2/header-list";
import type { Http2Stream } from "../../src/http2/stream";
import { engineOptions } from "./http2-parts";

/** One call as its caller sees it. */
export interface SeenCall {
  readonly stream: Http2Stream;
  /** Fields of the answer's end: trailers, or a head that is all there is; or how the stream was reset. */
  readonly ended: Promise<Readonly<Record<string, string>>>;
}

/** A client of a port, on the engine and a real socket, which shows what gRPC's clients hide: GOAWAY, and who closed. */
export class PortClient {
  readonly socket: Socket;
  readonly connection: Http2Connection;
  /** The peer's SETTINGS are here. */
  readonly ready: Promise<void>;
  readonly goaway: Promise<{ readonly code: number; readonly text: string }>;
  readonly closed: Promise<ConnectionEnd>;

  constructor(socket: Socket) {
    this.socket = socket;
    let [isReady, wentAway, isClosed] = [() => {}, (_: { code: number; text: string }) => {}, (_: ConnectionEnd) => {}];
    this.ready = new Promise((resolve) => (isReady = resolve));
    this.goaway = new Promise((resolve) => (wentAway = resolve));
    this.closed = new Promise((resolve) => (isClosed = resolve));
    this.connection = new Http2Connection(
      "client",
      socket,
      {
        onReady: () => isReady(),
        onGoaway: (_last, code, text) => wentAway({ code, text }),
        onClose: (end) => isClosed(end),
      },
      engineOptions(),
    );
  }

  /** Connects from an address of this machine's own. */
  static async connect(address: string, localAddress = "127.0.0.1"): Promise<PortClient> {
    const socket = connect({ host: "127.0.0.1", port: portOf(address), localAddress, noDelay: true });
    await once(socket, "connect");
    return new PortClient(socket);
  }

  /** Rejects when the handshake fails on this side. */
  static async connectTls(address: string, options: ConnectionOptions): Promise<PortClient> {
    const socket = connectTls({
      host: "127.0.0.1",
      servername: "localhost",
      port: portOf(address),
      ALPNProtocols: ["h2"],
      ...options,
    });
    await once(socket, "secureConnect");
    return new PortClient(socket);
  }

  /** Without a message, and with none to come, unless `endStream` is false. */
  call(path: string, more: readonly string[] = [], endStream = true): SeenCall {
    const fields = [":method", "POST", ":scheme", "http", ":path", path, ":authority", "test"];
    const head = HeaderList.of([...fields, "content-type", "application/grpc", "te", "trailers", ...more]);
    let end: (fields: Readonly<Record<string, string>>) => void = () => {};
    const ended = new Promise<Readonly<Record<string, string>>>((resolve) => (end = resolve));
    const handler: StreamHandler = {
      onHeaders: (_stream, headers, endStream) => {
        if (endStream) end(recordOf(headers));
      },
      onData: (stream, _chunk, from, to) => stream.consume(to - from),
      onTrailers: (_stream, trailers) => end(recordOf(trailers)),
      onReset: (_stream, code, cause) => end({ reset: `${cause} ${code}` }),
      onWritable: () => {},
    };
    return { stream: this.connection.startStream(head, handler, endStream)!, ended };
  }

  close(): void {
    this.connection.destroy();
    this.socket.destroy();
  }
}

function recordOf({ fields }: HeaderList): Record<string, string> {
  const record: Record<string, string> = {};
  for (let at = 0; at < fields.length; at += 2) record[fields[at]!] = fields[at + 1]!;
  return record;
}

function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(":") + 1));
}
