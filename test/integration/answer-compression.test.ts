import { connect as connectHttp2, type IncomingHttpHeaders } from "node:http2";
import { buffer } from "node:stream/consumers";
import { gunzipSync, inflateSync } from "node:zlib";
import { connect, type FabricClient } from "../../src/api/client";
import { createDirector, type Director } from "../../src/api/director";
import { createWorker, rawDefinition, service, type CallContext, type Worker } from "../../src/api/worker";
import { SILENT_LOGGER } from "../../src/core/logger";
import { seededRandom } from "../../src/core/random";
import { frameOf } from "../../src/rpc/framing/message-reader";
import { Caller } from "../support/grpc-js/caller";

const Definition = rawDefinition("test.Texts", { one: {}, many: { responseStream: true } });
const LONG = Buffer.from("warp and weft ".repeat(1_000));
const SHORT = Buffer.from("short");
const random = seededRandom(1);
const RANDOM = Buffer.from(Array.from({ length: 2_000 }, () => random.below(256)));

/** What a client reads that unpacks nothing. */
interface Raw {
  readonly encoding: string | undefined;
  readonly flags: number[];
  readonly messages: Buffer[];
}

describe("Answers of a worker", () => {
  let director: Director;
  let worker: Worker;
  let client: FabricClient;
  let handle: (context: CallContext) => Uint8Array[];

  beforeAll(async () => {
    const common = { env: {}, logger: SILENT_LOGGER };
    director = await createDirector({ ...common, listenAddress: "127.0.0.1:0", dataDir: "memory" });
    await director.start();
    worker = createWorker({
      ...common,
      directors: [director.address],
      listenAddress: "127.0.0.1:0",
      compression: "gzip",
      services: [
        service(Definition, {
          one: (_request, context) => handle(context)[0]!,
          async *many(_request, context) {
            for (const message of handle(context)) yield await Promise.resolve(message);
          },
        }),
      ],
    });
    await worker.start();
    client = connect({ ...common, directors: [director.address], mode: "proxy" });
    handle = () => [SHORT];
    await client.client(Definition).one(SHORT);
  });

  afterAll(async () => {
    await client.close();
    await worker.stop({ graceMs: 0 });
    await director.stop({ graceMs: 0 });
  });

  async function ask(accepted: string | undefined, address = worker.address): Promise<Raw> {
    const session = connectHttp2(`http://${address}`);
    const stream = session.request({
      ":method": "POST",
      ":path": "/test.Texts/Many",
      "content-type": "application/grpc",
      te: "trailers",
      ...(accepted === undefined ? {} : { "grpc-accept-encoding": accepted }),
    });
    const headers = new Promise<IncomingHttpHeaders>((resolve) => stream.on("response", resolve));
    stream.end(frameOf(SHORT));
    const body = await buffer(stream);
    session.close();
    const { "grpc-encoding": encoding } = await headers;
    const raw: Raw = { encoding: encoding as string | undefined, flags: [], messages: [] };
    for (let at = 0; at < body.length;) {
      const end = at + 5 + body.readUInt32BE(at + 1);
      raw.flags.push(body[at]!);
      raw.messages.push(body.subarray(at + 5, end));
      at = end;
    }
    return raw;
  }

  it("are compressed for callers who say that they can read it, straight and through a director", async () => {
    handle = () => [LONG];
    for (const address of [worker.address, director.address]) {
      const { encoding, flags, messages } = await ask("identity, gzip", address);
      expect([encoding, flags]).toEqual(["gzip", [1]]);
      expect(messages[0]!.length).toBeLessThan(LONG.length / 10);
      expect(gunzipSync(messages[0]!).equals(LONG)).toBe(true);
    }
  });

  it.each([[undefined], ["identity,deflate"]])("are sent as they are to callers who accept %j", async (accepted) => {
    handle = () => [LONG];
    const { encoding, flags, messages } = await ask(accepted);
    expect([encoding, flags, messages]).toEqual([undefined, [0], [LONG]]);
  });

  it("are sent as they are where they are short or would not become shorter, among others that are compressed", async () => {
    handle = () => [SHORT, LONG, RANDOM, LONG];
    const { encoding, flags, messages } = await ask("gzip");
    expect([encoding, flags]).toEqual(["gzip", [0, 1, 0, 1]]);
    expect([messages[0], messages[2]]).toEqual([SHORT, RANDOM]);
  });

  it("are sent as the handler says, message by message", async () => {
    handle = (context) => {
      context.compress({ encoding: "deflate", compresses: (message) => message.length !== LONG.length });
      return [LONG, Buffer.concat([LONG, SHORT])];
    };
    const { encoding, flags, messages } = await ask("gzip,deflate");
    expect([encoding, flags]).toEqual(["deflate", [0, 1]]);
    expect(inflateSync(messages[1]!).equals(Buffer.concat([LONG, SHORT]))).toBe(true);

    handle = (context) => {
      context.compress("identity");
      return [LONG];
    };
    expect(await ask("gzip")).toEqual({ encoding: undefined, flags: [0], messages: [LONG] });
  });

  it("keep to what their headers said", async () => {
    handle = (context) => {
      context.headers.set("x-first", "1");
      context.sendHeaders();
      context.compress("deflate");
      return [LONG];
    };
    expect(await ask("gzip,deflate")).toEqual({ encoding: "gzip", flags: [0], messages: [LONG] });
  });

  it("are read by our client and by that of grpc-js", async () => {
    handle = () => [LONG];
    expect(Buffer.from(await client.client(Definition).one(SHORT)).equals(LONG)).toBe(true);
    const stock = new Caller(worker.address);
    const asText = {
      path: "/test.Texts/One",
      requestStream: false,
      responseStream: false,
      requestSerialize: (text: string) => Buffer.from(text),
      requestDeserialize: String,
      responseSerialize: (text: string) => Buffer.from(text),
      responseDeserialize: String,
    };
    expect((await stock.one(asText, "a")).messages).toEqual([LONG.toString()]);
    stock.client.close();
  });

  it("cannot have an encoding that nobody knows", async () => {
    handle = (context) => {
      context.compress("br" as never);
      return [LONG];
    };
    await expect(client.client(Definition).one(SHORT)).rejects.toThrow(
      /compression is "br": use one of identity,deflate,gzip/,
    );
  });
});
