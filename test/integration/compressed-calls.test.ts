import { deflateSync, gzipSync } from "node:zlib";
import type { CallEnd, IncomingCall } from "../../src/core/call";
import { CallMetadata } from "../../src/core/call-metadata";
import type { FabricError } from "../../src/core/errors";
import { seededRandom } from "../../src/core/random";
import { Status } from "../../src/core/status";
import { systemClock } from "../../src/platform/system-clock";
import { dialer } from "../../src/rpc/client/dial";
import { Subchannel } from "../../src/rpc/client/subchannel";
import { frameOf } from "../../src/rpc/framing/message-reader";
import { RpcServer } from "../../src/rpc/server/rpc-server";
import { dialingTls, servingTls } from "../../src/wire/tls";
import { TestTls } from "../support/test-tls";
import { all, EchoRig } from "./echo-rig";
import { OK, type Reach, start, taking, WAYS, whenReady, WireRig } from "./grpc-fixtures";

const LIMIT_BYTES = 100_000;
const BOMB_BYTES = 10 * LIMIT_BYTES;
const COMPRESS = { gzip: gzipSync, deflate: deflateSync };
const ENCODINGS = ["gzip", "deflate"] as const;
type Encoding = (typeof ENCODINGS)[number];

const tls = new TestTls();
beforeAll(() => tls.make());
afterAll(() => tls.remove());

/** grpc-js has no way to say it for one call. */
describe.each(WAYS.filter(({ client }) => client === "engine"))("Requests sent compressed, $client to $server, $path, $security", (way) => {
  const echo = new EchoRig(way, tls);
  beforeAll(() => echo.open());
  afterAll(() => echo.close());

  it.each(ENCODINGS)("with %s are what they were, of any length", async (encoding) => {
    echo.serve({ clientStream: async (requests) => ({ output: Buffer.concat((await all(requests)).map(({ input }) => input)) }) });
    const inputs = [0, 1, 5_000, 300_000].map((length) => Buffer.alloc(length, `${length} `));
    const { output } = await echo.client.clientStream(inputs.map((input) => ({ input })), { compression: encoding });
    expect(output.equals(Buffer.concat(inputs))).toBe(true);
  });
}); // prettier-ignore

/** A client that says each message as it likes, to every server. */
describe.each(WAYS.filter(({ client }) => client === "engine"))("Compressed messages of a raw client, to $server, $path, $security", (way) => {
  const rig = new WireRig({ ...way, tls });
  let raw: Subchannel;
  let received: Uint8Array[] = [];
  afterEach(() => {
    raw.close();
    rig.close();
  });

  async function open(): Promise<void> {
    received = [];
    const { address } = await rig.open(
      (server) =>
        server.handle(
          "/a.B/C",
          taking(
            ({ call, halfClosed }) => void halfClosed.then(() => call.finish(OK)),
            (_taken, bytes) => received.push(bytes),
          ),
        ),
      { messageMaxBytes: LIMIT_BYTES },
    );
    const material = tls.of(way.security);
    const dialing = material && dialingTls(material);
    raw = new Subchannel(address, {
      ...{ clock: systemClock, random: seededRandom(1), messageMaxBytes: 1 << 24, keepaliveMs: 0, reconnectMaxMs: 50 },
      scheme: dialing ? "https" : "http",
      dial: dialer({ context: dialing?.context }),
    });
    await whenReady(raw);
  }

  async function say(encoding: string, ...frames: readonly Buffer[]): Promise<CallEnd> {
    const seen = start(raw, { metadata: CallMetadata.of({ "grpc-encoding": encoding }) });
    for (const frame of frames) seen.call.send(frame);
    seen.call.halfClose();
    return await seen.ended;
  }

  it.each(ENCODINGS)("are read in %s, beside others that are not compressed, up to the limit", async (encoding) => {
    await open();
    const messages = [Buffer.from("plain"), Buffer.alloc(LIMIT_BYTES, "x"), Buffer.alloc(0)];
    const frames = [frameOf(messages[0]!), frameOf(COMPRESS[encoding](messages[1]!), 1), frameOf(COMPRESS[encoding](messages[2]!), 1)];
    expect((await say(encoding, ...frames)).status).toBe(Status.OK);
    expect(Buffer.concat(received).equals(Buffer.concat(messages))).toBe(true);
  });

  it.each(ENCODINGS)("that are small in %s and would be huge are refused with RESOURCE_EXHAUSTED, and their call alone", async (encoding) => {
    await open();
    const bombs = await Promise.all([0, 1, 2].map(() => say(encoding, frameOf(COMPRESS[encoding](Buffer.alloc(BOMB_BYTES)), 1))));
    expect(bombs.map(({ status }) => status)).toEqual(Array(3).fill(Status.RESOURCE_EXHAUSTED));
    expect(received).toEqual([]);
    expect((await say(encoding, frameOf(Buffer.from("fine")))).status).toBe(Status.OK);
  });

  it("in an encoding that nobody knows are UNIMPLEMENTED", async () => {
    await open();
    const end = await say("br", frameOf(Buffer.from("x"), 1));
    expect([end.status, received.length]).toEqual([Status.UNIMPLEMENTED, 0]);
  });
}); // prettier-ignore

/** A server that says each message as it likes, to every client. */
describe.each(WAYS.filter(({ server }) => server === "engine"))("Compressed messages of a raw server, to $client, $path, $security", (way) => {
  const rig = new WireRig({ ...way, tls });
  let server: RpcServer;
  let reach: Reach;
  afterEach(() => {
    server.close();
    rig.close();
  });

  async function open(encoding: Encoding, ...frames: readonly Buffer[]): Promise<void> {
    const material = tls.of(way.security);
    server = new RpcServer({
      ...{ clock: systemClock, random: seededRandom(1), messageMaxBytes: 1 << 24, keepaliveMs: 0 },
      tls: material && servingTls(material),
    });
    server.handleUnknown((call: IncomingCall) => {
      call.listen({
        message: () => {},
        cancelled: () => {},
        halfClosed: () => {
          call.sendHeaders(CallMetadata.of({ "grpc-encoding": encoding }));
          for (const frame of call.path === "/a.B/Fine" ? [frameOf(Buffer.from("fine"))] : frames) call.send(frame);
          call.finish(OK);
        },
      });
    });
    reach = await rig.reach(await server.listen("127.0.0.1:0", "TEST_ADDR"), { messageMaxBytes: LIMIT_BYTES });
    await Promise.all([whenReady(reach.connection), whenReady(reach.link)]);
  }

  function ask(path: string) {
    const seen = start(reach.connection, { path });
    seen.call.halfClose();
    return seen;
  }

  it.each(ENCODINGS)("are read in %s, beside others that are not compressed, up to the limit", async (encoding) => {
    const messages = [Buffer.from("plain"), Buffer.alloc(LIMIT_BYTES, "x"), Buffer.alloc(0)];
    await open(encoding, frameOf(messages[0]!), frameOf(COMPRESS[encoding](messages[1]!), 1), frameOf(COMPRESS[encoding](messages[2]!), 1));
    const seen = ask("/a.B/C");
    expect((await seen.ended).status).toBe(Status.OK);
    expect(Buffer.concat(seen.messages).equals(Buffer.concat(messages))).toBe(true);
  });

  it.each(ENCODINGS)("that are small in %s and would be huge end their call with RESOURCE_EXHAUSTED, and it alone", async (encoding) => {
    await open(encoding, frameOf(COMPRESS[encoding](Buffer.alloc(BOMB_BYTES)), 1));
    const ends = await Promise.all([0, 1, 2].map(() => ask("/a.B/C").ended));
    expect(ends.map(({ status, error }) => [status, (error as FabricError).code])).toEqual(Array(3).fill([Status.RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE"]));
    expect((await ask("/a.B/Fine").ended).status).toBe(Status.OK);
  });
}); // prettier-ignore
