import type { Connection, IncomingCall } from "../../src/core/call";
import { CallMetadata } from "../../src/core/call-metadata";
import { seededRandom } from "../../src/core/random";
import { Status } from "../../src/core/status";
import { systemClock } from "../../src/platform/system-clock";
import { dialer } from "../../src/rpc/client/dial";
import { Subchannel } from "../../src/rpc/client/subchannel";
import { Port } from "../../src/rpc/server/port";
import { passStraightOn } from "../support/straight-call";
import type { IncomingHandler } from "../../src/wire/grpc-server";
import { OK, start, taking, whenReady, WireRig, type Taken, type TestServer } from "./grpc-fixtures";

const LIMIT_BYTES = 4 << 20;
const bytes = (text: string) => Buffer.from(text);
const texts = (messages: readonly Uint8Array[]) => messages.map((each) => Buffer.from(each).toString());

/** A client of grpc-js, the relay, and a server of grpc-js. */
describe("The relay between a grpc-js client and a grpc-js server", () => {
  const rig = new WireRig();
  const closes: (() => void)[] = [];
  let worker: TestServer;
  let toWorker: Subchannel;
  let client: Connection;

  afterEach(() => {
    for (const close of closes.splice(0)) close();
    rig.close();
  });

  async function serve(handler: IncomingHandler, limitBytes = LIMIT_BYTES): Promise<void> {
    const parts = { clock: systemClock, random: seededRandom(1), messageMaxBytes: limitBytes };
    worker = rig.server(16 << 20);
    worker.handle("/a.B/C", handler);
    const address = await worker.listen("127.0.0.1:0", "TEST_ADDR");
    toWorker = new Subchannel(address, {
      ...parts,
      scheme: "http",
      dial: dialer({ reads: "lent" }),
      keepaliveMs: 0,
      reconnectMaxMs: 50,
    });
    closes.push(() => toWorker.close());
    await untilReady(true);
    const relay = new Port({ ...parts, keepaliveMs: 0 });
    relay.handleUnknown((call: IncomingCall) => passStraightOn(call, toWorker));
    closes.push(() => relay.close());
    client = rig.connection(await relay.listen("127.0.0.1:0", "TEST_ADDR"), 16 << 20);
    await whenReady(client);
  }

  function untilReady(wanted: boolean): Promise<void> {
    return new Promise((resolve) => {
      if (toWorker.isReady() === wanted) resolve();
      else toWorker.onReadiness((ready) => ready === wanted && resolve());
    });
  }

  const echo = taking(
    ({ call, halfClosed }) => void halfClosed.then(() => call.finish(OK)),
    ({ call }, message) => void call.send(message),
  );

  it.each([1, 2, 500])("carries %i messages each way in order, headers first, the end last", async (count) => {
    await serve(echo);
    const sent = Array.from({ length: count }, (_, index) => `message-${index}`);
    const seen = start(client);
    for (const text of sent) seen.call.send(bytes(text));
    seen.call.halfClose();
    expect(await seen.ended).toMatchObject({ status: Status.OK });
    expect(texts(seen.messages)).toEqual(sent);
    expect(seen.log).toEqual(["headers", ...sent.map(() => "message"), "ended"]);
  });

  it.each([0, 1, 16_379, 65_536, 3 << 20])("carries a message of %i bytes unchanged", async (size) => {
    await serve(echo);
    const seen = start(client);
    const message = Buffer.alloc(size, "abc");
    seen.call.send(message);
    seen.call.halfClose();
    await seen.ended;
    expect(seen.messages.map((each) => Buffer.compare(each, message))).toEqual([0]);
  });

  it("passes on metadata, headers before any message, and the exact end with its details", async () => {
    const details = new Uint8Array([8, 5, 18, 2, 104, 105]);
    let received: CallMetadata | undefined;
    await serve(
      taking(({ call }) => {
        received = call.metadata;
        call.sendHeaders(CallMetadata.of({ "x-model": "1", "x-raw-bin": new Uint8Array([0, 255]) }));
      }),
    );
    const headers = new Promise<CallMetadata>((resolve) => {
      start(client, { metadata: CallMetadata.of({ "x-id": "7", "x-key-bin": details }) }, { headers: resolve });
    });
    const answered = await headers;
    expect([answered.text("x-model"), answered.bytes("x-raw-bin")]).toEqual(["1", Buffer.from([0, 255])]);
    expect([received?.text("x-id"), received?.bytes("x-key-bin")]).toEqual(["7", Buffer.from(details)]);
  });

  it("passes on an end without headers or messages, with its message and its details", async () => {
    const details = new Uint8Array([8, 5, 18, 2, 104, 105]);
    const trailers = CallMetadata.of({ "grpc-status-details-bin": details, "x-cost": "3" });
    const message = "Größe 100 %\nzweite Zeile";
    await serve(taking(({ call }) => call.finish({ status: Status.FAILED_PRECONDITION, message, trailers })));
    const end = await start(client).ended;
    expect([end.status, end.message, end.error?.code]).toEqual([9, message, "REMOTE"]);
    expect(end.trailers.entries()).toEqual([
      ["grpc-status-details-bin", Buffer.from(details)],
      ["x-cost", "3"],
    ]);
  });

  it("tells the worker that the caller cancelled, and how much time is left", async () => {
    const taken: Taken[] = [];
    let arrived = () => {};
    const hasArrived = new Promise<void>((resolve) => (arrived = resolve));
    await serve(
      taking((each) => {
        taken.push(each);
        arrived();
      }),
    );
    const seen = start(client, { timeoutMs: 30_000 });
    await hasArrived;
    expect(taken[0]!.call.timeoutMs).toBeGreaterThan(20_000);
    seen.call.cancel();
    await taken[0]!.cancelled;
    expect((await seen.ended).status).toBe(Status.CANCELLED);
  });

  it("refuses messages over the limit, on their own calls only, in both directions", async () => {
    await serve(echo, 1_000);
    const large = start(client);
    large.call.send(Buffer.alloc(2_000));
    large.call.halfClose();
    const small = start(client);
    small.call.send(Buffer.alloc(900));
    small.call.halfClose();
    expect((await large.ended).error?.code).toBe("MESSAGE_TOO_LARGE");
    expect((await small.ended).status).toBe(Status.OK);
  });

  it("holds a worker back whose answers nobody takes, and loses none", async () => {
    let sent = 0;
    const chunk = Buffer.alloc(16_384, 1);
    const total = 1_000;
    let stopped = () => {};
    const hasStopped = new Promise<void>((resolve) => (stopped = resolve));
    await serve((call) => {
      const more = () => {
        while (sent < total) {
          sent += 1;
          if (!call.send(chunk)) return stopped();
        }
        call.finish(OK);
      };
      call.listen({ message: () => {}, halfClosed: more, cancelled: () => {}, drained: more });
    });
    const seen = start(client);
    seen.call.pause();
    seen.call.halfClose();
    await hasStopped;
    seen.call.resume();
    expect((await seen.ended).status).toBe(Status.OK);
    expect(seen.messages.reduce((sum, each) => sum + each.length, 0)).toBe(total * chunk.length);
  });

  it("ends the calls of a worker that dies with WORKER_LOST, refuses new ones at once, and connects again", async () => {
    let arrived = () => {};
    const hasArrived = new Promise<void>((resolve) => (arrived = resolve));
    await serve(taking(() => arrived()));
    const seen = start(client);
    await hasArrived;
    const { address } = toWorker;
    worker.close();
    expect((await seen.ended).error?.code).toBe("WORKER_LOST");
    await untilReady(false);
    expect((await start(client).ended).error?.code).toBe("WORKER_UNREACHABLE");
    const again = rig.server();
    again.handle("/a.B/C", echo);
    await again.listen(address, "TEST_ADDR");
    await untilReady(true);
    const next = start(client);
    next.call.halfClose();
    expect((await next.ended).status).toBe(Status.OK);
  });

  it("lets calls finish on a worker that shuts down, and takes no new ones there", async () => {
    let taken: Taken | undefined;
    let arrived = () => {};
    const hasArrived = new Promise<void>((resolve) => (arrived = resolve));
    await serve(
      taking((each) => {
        taken = each;
        arrived();
      }),
    );
    const seen = start(client);
    await hasArrived;
    const drained = worker.drain();
    await untilReady(false);
    taken!.call.send(bytes("late"));
    taken!.call.finish(OK);
    expect((await seen.ended).status).toBe(Status.OK);
    expect(texts(seen.messages)).toEqual(["late"]);
    seen.call.cancel();
    await drained;
  });

  it("carries 1,000 calls at once", async () => {
    await serve(echo);
    const calls = Array.from({ length: 1_000 }, (_, index) => {
      const seen = start(client);
      seen.call.send(bytes(String(index)));
      seen.call.halfClose();
      return seen;
    });
    const ends = await Promise.all(calls.map(({ ended }) => ended));
    expect(new Set(ends.map(({ status }) => status))).toEqual(new Set([Status.OK]));
    expect(calls.map(({ messages }) => texts(messages).join())).toEqual(calls.map((_, index) => String(index)));
  });

  it("lets 3,000 cancelled calls disturb no other", async () => {
    let running = 0;
    await serve((call) => {
      running += 1;
      const over = () => void (running -= 1);
      call.listen({
        message: (message) => void call.send(message),
        halfClosed: () => {
          if (call.metadata.text("x-wait") !== undefined) return;
          over();
          call.finish(OK);
        },
        cancelled: over,
      });
    });
    const innocent = start(client, { metadata: CallMetadata.of({ "x-wait": "1" }) });
    for (let round = 0; round < 30; round += 1) {
      const calls = Array.from({ length: 100 }, () => start(client, { metadata: CallMetadata.of({ "x-wait": "1" }) }));
      const good = start(client);
      good.call.send(bytes("good"));
      good.call.halfClose();
      expect((await good.ended).status).toBe(Status.OK);
      for (const { call } of calls) call.cancel();
      await Promise.all(calls.map(({ ended }) => ended));
    }
    const heard = new Promise<void>((resolve) => {
      const look = () => (innocent.messages.length > 0 ? resolve() : setImmediate(look));
      innocent.call.send(bytes("still here"));
      look();
    });
    await heard;
    expect(innocent.ends).toEqual([]);
  });
});
