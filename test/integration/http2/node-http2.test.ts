import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import {
  type ClientHttp2Session,
  connect as connectNode,
  createServer as createNodeServer,
  type Http2Server,
  type ServerHttp2Stream,
} from "node:http2";
import { type AddressInfo, connect as connectTcp } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { Http2Connection } from "../../../src/http2/connection";
import type { ConnectionEnd, ResetCause, StreamHandler } from "../../../src/http2/handlers";
import { HeaderList } from "../../../src/http2/header-list";
import type { Http2Options } from "../../../src/http2/options";
import type { Http2Stream } from "../../../src/http2/stream";
import { makeCertificates } from "../../support/certificates";
import { echoHandler } from "../../support/http2-echo";
import { engineOptions } from "../../support/http2-parts";
import { type RunningHttp2Server, startHttp2Server } from "../../support/http2-server";

/** The engine against another implementation of the RFC: each side in turn, over real sockets. */

interface Answer {
  readonly status: string;
  readonly body: Buffer;
  readonly trailer: string | undefined;
}

/** Bytes that show where they belong, so that lost, doubled or swapped ones are seen. */
function patterned(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at += 1) bytes[at] = (at * 31 + (at >>> 8) + seed) & 0xff;
  return bytes;
}

const SIZES = [0, 1, 100, 16_383, 16_384, 16_385, 70_000, 300_000];

async function nodeCall(session: ClientHttp2Session, body: Buffer): Promise<Answer> {
  const stream = session.request({ ":method": "POST", ":path": "/p.S/M", te: "trailers" });
  const chunks: Buffer[] = [];
  let status = "";
  let trailer: string | undefined;
  stream.on("response", (headers) => (status = String(headers[":status"])));
  stream.on("trailers", (trailers) => (trailer = trailers["grpc-status"] as string));
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  stream.end(body);
  await once(stream, "close");
  return { status, body: Buffer.concat(chunks), trailer };
}

/** A call of the engine's client, which sends as the windows allow. */
class EngineCall implements StreamHandler {
  readonly answer: Promise<Answer>;
  #resolve!: (answer: Answer) => void;
  #reject!: (error: Error) => void;
  readonly #body: Buffer;
  readonly #chunks: Buffer[] = [];
  #sent = 0;
  #status = "";

  constructor(connection: Http2Connection, body: Buffer) {
    this.#body = body;
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const stream = connection.startStream(REQUEST, this, body.length === 0)!;
    if (body.length > 0) this.onWritable(stream);
  }

  onHeaders(_stream: Http2Stream, headers: HeaderList, endStream: boolean): void {
    this.#status = headers.get(":status")!;
    if (endStream) this.#end(undefined);
  }

  onData(stream: Http2Stream, chunk: Buffer, start: number, end: number, endStream: boolean): void {
    this.#chunks.push(Buffer.from(chunk.subarray(start, end)));
    stream.consume(end - start);
    if (endStream) this.#end(undefined);
  }

  onTrailers(_stream: Http2Stream, trailers: HeaderList): void {
    this.#end(trailers.get("grpc-status"));
  }

  onReset(_stream: Http2Stream, code: number, cause: ResetCause): void {
    this.#reject(new Error(`reset ${code} ${cause}`));
  }

  onWritable(stream: Http2Stream): void {
    this.#sent += stream.sendData(this.#body, this.#sent, this.#body.length, true);
  }

  #end(trailer: string | undefined): void {
    this.#resolve({ status: this.#status, body: Buffer.concat(this.#chunks), trailer });
  }
}

const REQUEST = HeaderList.of([
  ":method",
  "POST",
  ":scheme",
  "http",
  ":path",
  "/p.S/M",
  ":authority",
  "test",
  "te",
  "trailers",
]);

describe("The engine's server and node:http2's client", () => {
  let server: RunningHttp2Server;
  let session: ClientHttp2Session;

  async function start(options: Partial<Http2Options>, settings: object = {}): Promise<void> {
    server = await startHttp2Server(echoHandler, engineOptions(options));
    session = connectNode(`http://127.0.0.1:${server.port}`, { settings });
    await once(session, "connect");
  }

  afterEach(async () => {
    session.destroy();
    await server.close();
  });

  it.each([
    ["default windows", {}, {}],
    ["tiny windows of both", { streamWindowBytes: 1_000, connectionWindowBytes: 65_535 }, { initialWindowSize: 777 }],
    ["no compression table", { headerTableBytes: 0 }, { headerTableSize: 0 }],
    ["large frames", { maxFrameBytes: 1_048_576 }, { maxFrameSize: 1_048_576 }],
  ])("many streams at once, bodies of all sizes, with %s", async (_name, options, settings) => {
    await start(options, settings);
    const bodies = Array.from({ length: 60 }, (_, n) => patterned(SIZES[n % SIZES.length]!, n));
    const answers = await Promise.all(bodies.map((body) => nodeCall(session, body)));
    expect(answers.every(({ status, trailer }) => status === "200" && trailer === "0")).toBe(true);
    expect(answers.every(({ body }, n) => body.equals(bodies[n]!))).toBe(true);
    expect([...server.connections].map(({ openStreams }) => openStreams)).toEqual([0]);
  });

  it("resets by the client leave nothing behind, and the others alone", async () => {
    await start({ streamWindowBytes: 20_000 });
    const cancelled = Array.from({ length: 50 }, (_, n) => {
      const stream = session.request({ ":method": "POST", ":path": "/p.S/M" });
      stream.on("error", () => {});
      stream.write(patterned(50_000, n));
      return stream;
    });
    const kept = Promise.all([1, 2, 3].map((seed) => nodeCall(session, patterned(100_000, seed))));
    for (const stream of cancelled) stream.close(8);
    const answers = await kept;
    expect(answers.every(({ body }, n) => body.equals(patterned(100_000, n + 1)))).toBe(true);
    await nodeCall(session, Buffer.alloc(0));
    expect([...server.connections].map(({ openStreams }) => openStreams)).toEqual([0]);
  });

  it("a client that stops reading stops its server, whose memory stays bounded", async () => {
    await start({});
    const stream = session.request({ ":method": "POST", ":path": "/p.S/M" });
    stream.on("error", () => {});
    const before = process.memoryUsage().external;
    let taken = 0;
    const chunk = Buffer.alloc(65_536, 1);
    stream.pause();
    // Until neither side takes more for ten round trips: the windows are full.
    for (let idle = 0; idle < 10; idle += 1) {
      const takenBefore = taken;
      while (!stream.writableNeedDrain) stream.write(chunk, () => (taken += chunk.length));
      await new Promise<void>((resolve) => session.ping(() => resolve()));
      if (taken > takenBefore) idle = 0;
    }
    expect(taken).toBeGreaterThan(1_000_000);
    expect(taken).toBeLessThan(4 * 1_048_576);
    expect(process.memoryUsage().external - before).toBeLessThan(64 * 1_048_576);
    stream.close(8);
  });

  it("shutdown lets calls finish, and the client sees GOAWAY", async () => {
    await start({});
    const stream = session.request({ ":method": "POST", ":path": "/p.S/M" });
    stream.write("x");
    await once(stream, "response");
    const goaway = once(session, "goaway");
    for (const connection of server.connections) connection.shutdown(5_000);
    await goaway;
    const chunks: Buffer[] = [];
    stream.on("data", (data: Buffer) => chunks.push(data));
    stream.end("y");
    await once(stream, "close");
    expect(Buffer.concat(chunks).toString()).toBe("xy");
    if (!session.destroyed) await once(session, "close");
    expect(server.connections.size).toBe(0);
  });

  it("over TLS with ALPN", async () => {
    const folder = mkdtempSync(join(tmpdir(), "heddle-http2-"));
    const { certFile, keyFile } = await makeCertificates(folder);
    const tls = { cert: readFileSync(certFile), key: readFileSync(keyFile) };
    rmSync(folder, { recursive: true });
    server = await startHttp2Server(echoHandler, engineOptions(), { tls });
    session = connectNode(`https://127.0.0.1:${server.port}`, { ca: tls.cert });
    const bodies = SIZES.map((size, n) => patterned(size, n));
    const answers = await Promise.all(bodies.map((body) => nodeCall(session, body)));
    expect(answers.every(({ body }, n) => body.equals(bodies[n]!))).toBe(true);

    // And with the engine at both ends.
    const socket = connectTls({ port: server.port, host: "127.0.0.1", ca: tls.cert, ALPNProtocols: ["h2"] });
    await once(socket, "secureConnect");
    expect(socket.alpnProtocol).toBe("h2");
    const client = new Http2Connection("client", socket, {}, engineOptions());
    const own = await Promise.all(bodies.map((body) => new EngineCall(client, body).answer));
    expect(own.every(({ body }, n) => body.equals(bodies[n]!))).toBe(true);
    client.destroy();
  });
});

describe("The engine's client and node:http2's server", () => {
  let server: Http2Server;
  let client: Http2Connection;
  let ended: Promise<ConnectionEnd>;
  let serve: (stream: ServerHttp2Stream) => void;

  async function start(options: Partial<Http2Options>, settings: object = {}): Promise<void> {
    server = createNodeServer({ settings });
    server.on("session", (session) => session.on("error", () => {}));
    server.on("stream", (stream) => {
      stream.on("error", () => {});
      serve(stream);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const socket = connectTcp((server.address() as AddressInfo).port, "127.0.0.1");
    socket.setNoDelay(true);
    ended = new Promise((resolve) => {
      client = new Http2Connection("client", socket, { onClose: resolve }, engineOptions(options));
    });
  }

  beforeEach(() => {
    serve = (stream) => {
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.pipe(stream);
    };
  });

  afterEach(async () => {
    client.destroy();
    await ended;
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });

  it.each([
    ["default windows", {}, {}],
    ["tiny windows of both", { streamWindowBytes: 1_000, connectionWindowBytes: 65_535 }, { initialWindowSize: 777 }],
    ["no compression table", { headerTableBytes: 0 }, { headerTableSize: 0 }],
    ["large frames", { maxFrameBytes: 1_048_576 }, { maxFrameSize: 1_048_576 }],
  ])("many streams at once, bodies of all sizes, with %s", async (_name, options, settings) => {
    await start(options, settings);
    const bodies = Array.from({ length: 60 }, (_, n) => patterned(SIZES[n % SIZES.length]!, n));
    const answers = await Promise.all(bodies.map((body) => new EngineCall(client, body).answer));
    expect(answers.every(({ status }) => status === "200")).toBe(true);
    expect(answers.every(({ body }, n) => body.equals(bodies[n]!))).toBe(true);
    expect(client.openStreams).toBe(0);
  });

  it("header lists of many shapes, again and again, arrive as they were sent", async () => {
    const seen: string[] = [];
    serve = (stream) => {
      stream.respond({ ":status": 200 }, { endStream: true });
    };
    await start({}, { headerTableSize: 256 });
    server.on("stream", (_stream, headers) => seen.push(`${headers["x-a"]}|${headers["x-b"]}|${headers[":path"]}`));
    const expected = Array.from({ length: 200 }, (_, n) => `${n % 3}|${"v".repeat(n % 50)}|/p/${n % 7}`);
    for (const [n, line] of expected.entries()) {
      const [a, b, path] = line.split("|") as [string, string, string];
      const call = HeaderList.of(
        [":method", "POST", ":scheme", "http", ":path", path, ":authority", "t", "x-a", a, "x-b", b],
        n % 5 === 0 ? ["x-a"] : [],
      );
      await new Promise<void>((resolve, reject) => {
        const nothing = () => {};
        client.startStream(
          call,
          {
            onHeaders: () => resolve(),
            onData: nothing,
            onTrailers: nothing,
            onReset: (_stream, code) => reject(new Error(`reset ${code}`)),
            onWritable: nothing,
          },
          true,
        );
      });
    }
    expect(seen).toEqual(expected);
  });

  it("a reset by the server arrives with its code", async () => {
    serve = (stream) => stream.close(11);
    await start({});
    await expect(new EngineCall(client, Buffer.from("x")).answer).rejects.toThrow("reset 11 peer");
  });

  it("a reader that does not consume stops node's server", async () => {
    let written = 0;
    serve = (stream) => {
      stream.respond({ ":status": 200 });
      const chunk = Buffer.alloc(16_384);
      const more = () => {
        while (!stream.destroyed && stream.write(chunk, () => (written += chunk.length))) continue;
      };
      stream.on("drain", more);
      more();
    };
    await start({ streamWindowBytes: 100_000 });
    let received = 0;
    let held: Http2Stream | undefined;
    const full = new Promise<void>((resolve) => {
      const nothing = () => {};
      held = client.startStream(
        REQUEST,
        {
          onHeaders: nothing,
          onData: (_stream, _chunk, start, end) => {
            received += end - start;
            if (received === 100_000) resolve();
          },
          onTrailers: nothing,
          onReset: nothing,
          onWritable: nothing,
        },
        true,
      );
    });
    await full;
    await new Promise<void>((resolve) => client.ping(() => resolve()));
    expect(received).toBe(100_000);
    expect(written).toBeLessThan(300_000);
    held!.consume(60_000);
    await new Promise<void>((resolve) => client.ping(() => resolve()));
    await new Promise<void>((resolve) => client.ping(() => resolve()));
    expect(received).toBe(160_000);
  });

  it("node's GOAWAY drains the connection, and the call in flight finishes", async () => {
    await start({});
    const call = new EngineCall(client, patterned(200_000, 1));
    server.once("stream", (stream) => stream.session!.close());
    expect((await call.answer).body).toHaveLength(200_000);
    expect((await ended).kind).toBe("closed");
  });
});
