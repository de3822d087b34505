import { connect } from "node:net";
import { seededRandom } from "../../src/core/random";
import { Http2Connection } from "../../src/http2/connection";
import type { StreamHandler } from "../../src/http2/handlers";
import { HeaderList } from "../../src/http2/header-list";
import { systemClock } from "../../src/platform/system-clock";
import { Subchannel } from "../../src/rpc/client/subchannel";
import { Port } from "../../src/rpc/server/port";
import { passStraightOn } from "../support/straight-call";
import { engineOptions } from "../support/http2-parts";
import { eventually } from "../support/processes";
import { answering, grpcMessage, RawWorker, type RawRequest } from "../support/raw-worker";

const PARTS = { clock: systemClock, random: seededRandom(1), keepaliveMs: 0, messageMaxBytes: 1 << 20 };
const REQUEST = [":method", "POST", ":scheme", "http", ":path", "/a.B/C", "te", "trailers"];
const GRPC = ["content-type", "application/grpc"];

/** What a client was told, in words. */
interface Answer {
  readonly head: readonly string[];
  readonly trailers: readonly string[];
  readonly body: string;
  readonly how: "trailers" | "trailers-only" | "body" | "reset";
}

/** gRPC over HTTP/2 (doc/PROTOCOL-HTTP2.md) as a relay must keep it, with a client and a worker that see every field. */
describe("The relay", () => {
  const closes: (() => void)[] = [];
  let worker: RawWorker;
  let client: Http2Connection;

  beforeEach(async () => {
    worker = new RawWorker();
    const options = { ...PARTS, scheme: "http", dial: worker.dial, reconnectMaxMs: 10 } as const;
    const toWorker = new Subchannel("worker:1", options);
    const relay = new Port({ ...PARTS });
    relay.handleUnknown((call) => passStraightOn(call, toWorker));
    const [host, port] = (await relay.listen("127.0.0.1:0", "TEST_ADDR")).split(":") as [string, string];
    client = new Http2Connection("client", connect(Number(port), host), {}, engineOptions());
    closes.push(
      () => client.destroy(),
      () => relay.close(),
      () => toWorker.close(),
    );
    await eventually("the worker is connected", () => toWorker.isReady());
  });

  afterEach(() => {
    for (const close of closes.splice(0)) close();
  });

  function ask(fields: readonly string[], body?: Buffer): Promise<Answer> {
    return new Promise((resolve) => {
      let head: readonly string[] = [];
      const chunks: Buffer[] = [];
      const told = (how: Answer["how"], trailers: readonly string[] = []) =>
        resolve({ head, trailers, body: Buffer.concat(chunks).toString("latin1"), how });
      const handler: StreamHandler = {
        onHeaders: (_stream, list, endStream) => {
          head = list.fields;
          if (endStream) told("trailers-only");
        },
        onData: (stream, chunk, start, end, endStream) => {
          chunks.push(Buffer.from(chunk.subarray(start, end)));
          stream.consume(end - start);
          if (endStream) told("body");
        },
        onTrailers: (_stream, list) => told("trailers", list.fields),
        onReset: () => told("reset"),
        onWritable: () => {},
      };
      const stream = client.startStream(HeaderList.of(fields), handler, body === undefined)!;
      if (body !== undefined) stream.sendData(body, 0, body.length, true);
    });
  }

  /** What the worker got, and what the client was told, when the worker answers with these frames. */
  async function exchange(
    fields: readonly string[],
    frames: (request: RawRequest) => Buffer[] = ({ id }) => [answering.head(id), answering.trailers(id)],
  ): Promise<{ received: HeaderList; answer: Answer }> {
    worker.onRequest = (request) => request.connection.write(...frames(request));
    const answer = await ask([...REQUEST, ...fields]);
    return { received: worker.requests[0]!.head, answer };
  }

  it.each<[string, readonly string[]]>([
    ["content-types with a format", ["content-type", "application/grpc+json"]],
    ["content-types with parameters", ["content-type", "application/grpc;charset=utf-8"]],
    ["the encodings of messages", [...GRPC, "grpc-encoding", "gzip", "grpc-accept-encoding", "identity,gzip"]],
    [
      "the user-agent and other keys that gRPC reserves",
      [...GRPC, "user-agent", "x/1", "grpc-previous-rpc-attempts", "2"],
    ],
    [
      "binary values, padded or not, joined or apart",
      [...GRPC, "a-bin", "AP8=", "b-bin", "AP8", "c-bin", "AA,/w==", "c-bin", "qg"],
    ],
    ["keys that come more than once, in their order", [...GRPC, "x", "2", "y", "0", "x", "1"]],
    ["octets above ASCII", [...GRPC, "x", "Gr\u00f6\u00dfe"]],
    ["empty values", [...GRPC, "x", ""]],
  ])("passes on %s as they came", async (_what, fields) => {
    const { received } = await exchange(fields);
    expect(received.fields.slice(0, 10)).toEqual([
      ...[":method", "POST", ":scheme", "http", ":path", "/a.B/C", ":authority", "worker:1", "te", "trailers"],
    ]);
    expect(received.fields.slice(10)).toEqual(fields);
  });

  it("keeps to itself what belongs to the hop, and tells the worker the time that is left", async () => {
    const hop = ["grpc-timeout", "10S", "host", "me", "content-length", "0", "expect", "100-continue"];
    const { received } = await exchange([...GRPC, ...hop]);
    expect(["host", "content-length", "expect"].map((name) => received.get(name))).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(received.get("grpc-timeout")).toMatch(/^(10S|9[0-9]{2}0m)$/);
  });

  it("ends the worker's side of a request that has no body", async () => {
    await exchange(GRPC);
    const [connection] = worker.connections;
    expect(connection!.of(0).map(({ flags, payload }) => [flags, payload.length])).toEqual([[1, 0]]);
  });

  it("takes a request without :authority, without te and with a query, as gRPC's servers do", async () => {
    worker.onRequest = ({ id, connection }) => connection.write(answering.head(id), answering.trailers(id));
    const answer = await ask([":method", "POST", ":scheme", "http", ":path", "/a.B/C?x", ...GRPC]);
    expect([answer.how, worker.requests[0]!.head.get(":path")]).toEqual(["trailers", "/a.B/C?x"]);
  });

  it("passes on an answer's head, messages and trailers as they came", async () => {
    const head = ["content-type", "application/grpc+proto", "grpc-encoding", "gzip", "x-bin", "AP8="];
    const trailers = ["grpc-status", "0", "grpc-message", "fine", "grpc-status-details-bin", "CAk=", "x", "1"];
    const { answer } = await exchange(GRPC, ({ id }) => [
      answering.head(id, [":status", "103", "link", "</a>"]),
      answering.head(id, [":status", "200", ...head]),
      answering.data(id, grpcMessage("hello")),
      answering.trailers(id, trailers),
    ]);
    expect(answer.head).toEqual([":status", "200", ...head]);
    expect(answer.body.slice(5)).toBe("hello");
    expect([answer.how, answer.trailers]).toEqual(["trailers", trailers]);
  });

  it.each([
    ["percent-encoded text", "Gr%C3%B6%C3%9Fe 100%25"],
    ["an escape that is none", "100% done %zz"],
  ])("passes on an end without messages as one, and its message to the octet: %s", async (_what, message) => {
    const only = [":status", "200", "content-type", "application/grpc", "grpc-status", "9", "grpc-message", message];
    const { answer } = await exchange(GRPC, ({ id }) => [answering.head(id, only, true)]);
    expect([answer.how, answer.head.slice(0, 8)]).toEqual(["trailers-only", only]);
  });

  it.each([
    ["GET", "application/grpc", "405"],
    ["HEAD", "application/grpc", "405"],
    ["POST", "application/json", "415"],
    ["POST", "application/grpc-web", "415"],
    ["POST", "application/grpcx", "415"],
  ])("answers %s with %s in HTTP: %s", async (method, contentType, status) => {
    const request = [":method", method, ":scheme", "http", ":path", "/a.B/C", "content-type", contentType];
    const answer = await ask(request);
    expect([answer.head[1], answer.body.includes("gRPC")]).toEqual([status, method !== "HEAD"]);
    expect(worker.requests).toEqual([]);
  });

  it.each(["", "1", "S", "1.5S", "123456789S"])("refuses a call whose grpc-timeout is %j", async (timeout) => {
    const answer = await ask([...REQUEST, ...GRPC, "grpc-timeout", timeout]);
    expect(HeaderList.of(answer.head).get("grpc-status")).toBe("3");
    expect(worker.requests).toEqual([]);
  });
});
