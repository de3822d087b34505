import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type FabricClient } from "../../src/api/client";
import { createWorker, rawDefinition, service, type Worker } from "../../src/api/worker";
import { createDirector, type Director } from "../../src/api/director";
import { SILENT_LOGGER } from "../../src/core/logger";
import { type Certificates, makeCertificates } from "../support/certificates";

const RawDefinition = rawDefinition("test.Raw", {
  echo: {},
  collect: { requestStream: true },
  spread: { responseStream: true },
  talk: { name: "TALK", requestStream: true, responseStream: true, idempotent: true },
});

/** The n-th of many: of a length of its own, from one byte to more than a read, and of bytes of its own. */
function message(n: number): Buffer {
  const bytes = Buffer.alloc(1 + ((n * 7_919) % (n % 10 === 0 ? 100_000 : 3_000)), n % 251);
  bytes.writeUInt8(n % 256, bytes.length - 1);
  return bytes;
}
const COUNT = 200;
const MESSAGES = Array.from({ length: COUNT }, (_, n) => message(n));
const wrong = (kept: readonly Uint8Array[]) =>
  kept.flatMap((bytes, n) => (Buffer.compare(bytes, MESSAGES[n]!) === 0 ? [] : [n]));

const folder = mkdtempSync(join(tmpdir(), "heddle-lifetime-"));
let pair: Certificates;
beforeAll(async () => {
  pair = await makeCertificates(folder);
});
afterAll(() => rmSync(folder, { recursive: true }));

describe.each([
  ["engine", "plain", "direct"],
  ["engine", "TLS", "direct"],
  ["engine", "plain", "proxy"],
  ["grpc-js", "plain", "direct"],
] as const)("Messages in bytes on %s, %s, %s", (transport, security, mode) => {
  let director: Director;
  let worker: Worker;
  let client: FabricClient;
  /** All that the handlers got. */
  let kept: Uint8Array[];

  beforeAll(async () => {
    const tls =
      security === "TLS" ? { tlsCertFile: pair.certFile, tlsKeyFile: pair.keyFile, tlsCaFile: pair.caFile } : {};
    const common = { env: {}, logger: SILENT_LOGGER, ...tls };
    director = await createDirector({ ...common, listenAddress: "127.0.0.1:0", dataDir: "memory" });
    await director.start();
    const keep = (bytes: Uint8Array) => {
      kept.push(bytes);
      return bytes;
    };
    const directors = [director.address];
    worker = createWorker({
      ...common,
      transport,
      directors,
      listenAddress: "127.0.0.1:0",
      services: [
        service(RawDefinition, {
          echo: keep,
          async collect(requests) {
            for await (const request of requests) {
              keep(request);
              // What comes while it waits is held for it.
              if (kept.length % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
            }
            return Buffer.from(String(kept.length));
          },
          async *spread() {
            for (const bytes of MESSAGES) yield await Promise.resolve(bytes);
          },
          async *talk(requests) {
            for await (const request of requests) yield keep(request);
          },
        }),
      ],
    });
    await worker.start();
    client = connect({ ...common, transport, directors, mode });
  });

  afterAll(async () => {
    await client.close();
    await worker.stop({ graceMs: 0 });
    await director.stop({ graceMs: 0 });
  });
  beforeEach(() => (kept = []));

  it("stay what they were for as long as handlers and callers keep them", async () => {
    const raw = client.client(RawDefinition);
    const answers: Uint8Array[] = [];
    for (const bytes of MESSAGES) answers.push(await raw.echo(bytes));
    expect([wrong(kept), wrong(answers), kept.length]).toEqual([[], [], COUNT]);

    kept = [];
    const streamed: Uint8Array[] = [];
    for await (const bytes of raw.talk(MESSAGES)) streamed.push(bytes);
    const spread: Uint8Array[] = [];
    for await (const bytes of raw.spread(Buffer.of(1))) spread.push(bytes);
    expect([wrong(kept), wrong(streamed), wrong(spread), kept.length]).toEqual([[], [], [], COUNT]);

    kept = [];
    expect(Buffer.from(await raw.collect(MESSAGES)).toString()).toBe(String(COUNT));
    expect(wrong(kept)).toEqual([]);
    // And those of before, after all that was read since.
    expect([wrong(answers), wrong(streamed), wrong(spread)]).toEqual([[], [], []]);
  });

  it("may keep a read of 64 KiB in memory, and their copy does not", async () => {
    const raw = client.client(RawDefinition);
    for await (const bytes of raw.talk(MESSAGES)) expect(bytes.buffer.byteLength).toBeLessThan(1 << 20);
    const most = Math.max(...kept.filter(({ length }) => length < 3_000).map(({ buffer }) => buffer.byteLength));
    expect(most).toBeLessThanOrEqual(65_536);
    expect(kept.every((bytes) => Uint8Array.from(bytes).buffer.byteLength === bytes.length)).toBe(true);
  });
});

describe("A definition in bytes", () => {
  it("is a definition as generated ones are", () => {
    const { name, fullName, methods } = RawDefinition;
    expect([name, fullName]).toEqual(["Raw", "test.Raw"]);
    const kinds = Object.values(methods).map((each) => [
      each.name,
      each.requestStream,
      each.responseStream,
      each.options.idempotencyLevel,
    ]);
    expect(kinds).toEqual([
      ["Echo", false, false, undefined],
      ["Collect", true, false, undefined],
      ["Spread", false, true, undefined],
      ["TALK", true, true, "IDEMPOTENT"],
    ]);
  });

  it("has types: streams are iterables, and messages are bytes", () => {
    service(RawDefinition, {
      // @ts-expect-error -- a message of bytes
      echo: () => "text",
      // @ts-expect-error -- a stream of requests
      collect: (requests) => requests.length,
      // @ts-expect-error -- a stream of answers
      spread: (request) => request,
      talk: (requests) => requests,
    });
    expect(() => RawDefinition.methods.echo.requestType.fromPartial("text" as never)).toThrow(
      /is a Uint8Array, and not string/,
    );
  });

  it.each(["", "a/b", "a..b", "/a.B"])("refuses the name %j", (name) => {
    expect(() => rawDefinition(name, { echo: {} })).toThrow(TypeError);
    expect(() => rawDefinition("a.B", { echo: { name: name || "a b" } })).toThrow(TypeError);
  });
});
