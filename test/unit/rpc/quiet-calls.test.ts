import { connect } from "node:net";
import type { IncomingCall, IncomingListener } from "../../../src/core/call";
import { CallMetadata } from "../../../src/core/call-metadata";
import { seededRandom } from "../../../src/core/random";
import { Status } from "../../../src/core/status";
import { Http2Connection } from "../../../src/http2/connection";
import type { StreamHandler } from "../../../src/http2/handlers";
import { HeaderList } from "../../../src/http2/header-list";
import type { Http2Stream } from "../../../src/http2/stream";
import { Port } from "../../../src/rpc/server/port";
import { engineOptions } from "../../support/http2-parts";
import { ManualClock } from "../../../src/testing/manual-clock";

const MESSAGE = Buffer.from([0, 0, 0, 0, 1, 7]);
const OK = { status: Status.OK, message: "", trailers: new CallMetadata() };

/** A call as its caller and its server see it. */
interface Seen {
  readonly stream: Http2Stream;
  readonly call: IncomingCall;
  status: string | undefined;
  message: string | undefined;
  resetCode: number | undefined;
  cancelled: boolean;
}

describe("Calls that hold what they do not use", () => {
  const closes: (() => void)[] = [];
  let clock: ManualClock;
  let client: Http2Connection;
  let arrived: (call: IncomingCall) => void;

  beforeEach(async () => {
    clock = new ManualClock();
    const limits = { firstMessageTimeoutMs: 10_000, stallTimeoutMs: 20_000, callIdleTimeoutMs: 60_000 };
    const options = { clock, random: seededRandom(1), messageMaxBytes: 4 << 20, keepaliveMs: 0, limits };
    const server = new Port({ ...options, isOwn: (path) => path === "/control" });
    server.handleUnknown((call) => arrived(call));
    server.handleOwn((call) => arrived(call));
    const [host, port] = (await server.listen("127.0.0.1:0", "TEST_ADDR")).split(":");
    const socket = connect({ host: host!, port: Number(port), noDelay: true });
    // The client's own limits are on the real clock.
    await new Promise<void>((onReady) => {
      client = new Http2Connection("client", socket, { onReady }, engineOptions({ streamWindowBytes: 65_535 }));
    });
    closes.push(
      () => client.destroy(),
      () => server.close(),
    );
  });

  afterEach(() => {
    for (const close of closes.splice(0)) close();
  });

  async function until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise((resolve) => setImmediate(resolve));
  }

  /** So long that what is looked at every few seconds is over its limit, in steps that let both sides act. */
  async function pass(durationMs: number): Promise<void> {
    for (let left = durationMs; left > 0; left -= 1_000) {
      await clock.advance(1_000);
      await new Promise<void>((resolve) => client.ping(() => resolve()));
    }
  }

  async function begin(path = "/a.B/C", readsFor: { pause?: boolean } = {}): Promise<Seen> {
    const calls: IncomingCall[] = [];
    arrived = (call) => {
      const listener: IncomingListener = {
        message: () => {
          if (readsFor.pause) call.pause();
        },
        halfClosed: () => {},
        cancelled: () => void (seen.cancelled = true),
      };
      calls.push(call);
      call.listen(listener);
    };
    const handler: StreamHandler = {
      onHeaders: (_stream, head, endStream) => {
        if (endStream) handler.onTrailers(stream, head);
      },
      onData: () => {},
      onTrailers: (_stream, trailers) => {
        seen.status = trailers.get("grpc-status");
        seen.message = trailers.get("grpc-message");
      },
      onReset: (_stream, code) => void (seen.resetCode = code),
      onWritable: () => {},
    };
    const head = [":method", "POST", ":scheme", "http", ":path", path, ":authority", "x", "te", "trailers"];
    const stream = client.startStream(HeaderList.of([...head, "content-type", "application/grpc"]), handler)!;
    const seen: Seen = {
      stream,
      get call() {
        return calls[0]!;
      },
      status: undefined,
      message: undefined,
      resetCode: undefined,
      cancelled: false,
    };
    await until(() => calls.length === 1);
    return seen;
  }

  it("a call of which only the headers came ends with CALL_NOT_BEGUN, and whoever serves it is told", async () => {
    const seen = await begin();
    await pass(9_000);
    expect([seen.status, seen.cancelled]).toEqual([undefined, false]);
    await pass(5_000);
    expect([seen.status, seen.cancelled]).toEqual(["4", true]);
    expect(seen.message).toMatch(/CALL_NOT_BEGUN.*\/a\.B\/C.*HEDDLE_FIRST_MESSAGE_TIMEOUT_MS/);
  });

  it.each<[string, (seen: Seen) => void]>([
    ["sent a message", ({ stream }) => void stream.sendData(MESSAGE, 0, MESSAGE.length)],
    ["sent half a message", ({ stream }) => void stream.sendData(MESSAGE, 0, 2)],
    ["half-closed", ({ stream }) => void stream.sendData(MESSAGE, 0, 0, true)],
    ["got headers", ({ call }) => call.sendHeaders(new CallMetadata())],
    ["got a message", ({ call }) => void call.send(MESSAGE)],
  ])("a call that %s has begun, and rests until the limit for that", async (_what, act) => {
    const seen = await begin();
    act(seen);
    await pass(50_000);
    expect(seen.status).toBeUndefined();
    await pass(20_000);
    expect([seen.status, seen.cancelled, /CALL_IDLE/.test(seen.message!)]).toEqual(["4", true, true]);
  });

  it("a call that speaks from time to time, either side, goes on", async () => {
    const seen = await begin();
    for (let round = 0; round < 3; round += 1) {
      seen.stream.sendData(MESSAGE, 0, MESSAGE.length);
      await pass(40_000);
      seen.call.send(MESSAGE);
      await pass(40_000);
    }
    seen.call.finish(OK);
    await until(() => seen.status !== undefined);
    expect([seen.status, seen.cancelled]).toEqual(["0", false]);
  });

  it("a call whose answer is not read ends with CALL_STALLED", async () => {
    const seen = await begin();
    seen.stream.sendData(MESSAGE, 0, MESSAGE.length, true);
    expect(seen.call.send(Buffer.alloc(100_000))).toBe(false);
    await pass(19_000);
    expect(seen.status).toBeUndefined();
    await pass(10_000);
    expect([seen.status, seen.cancelled, /CALL_STALLED/.test(seen.message!)]).toEqual(["4", true, true]);
  });

  it("a call whose request is not read ends with CALL_STALLED", async () => {
    const seen = await begin("/a.B/C", { pause: true });
    for (let count = 0; count < 3; count += 1) {
      seen.stream.sendData(MESSAGE, 0, MESSAGE.length);
      await pass(1_000);
    }
    await pass(28_000);
    expect([seen.status, seen.cancelled, /CALL_STALLED/.test(seen.message!)]).toEqual(["4", true, true]);
  });

  it("a call that is over, but whose end waits behind what is not read, is reset", async () => {
    const seen = await begin();
    seen.stream.sendData(MESSAGE, 0, MESSAGE.length, true);
    seen.call.send(Buffer.alloc(100_000));
    seen.call.finish(OK);
    await pass(30_000);
    expect([seen.status, seen.resetCode]).toEqual([undefined, 8]);
  });

  it("calls of the director's own services may rest for ever", async () => {
    const seen = await begin("/control");
    await pass(120_000);
    expect([seen.status, seen.cancelled]).toEqual([undefined, false]);
  });

  it("looks at nothing once no client is connected", async () => {
    expect(clock.pendingTimers).toBeGreaterThan(0);
    client.destroy();
    await until(() => clock.pendingTimers === 0);
  });
});
