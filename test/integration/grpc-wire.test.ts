import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import type { Connection } from "../../src/core/call";
import { CallMetadata } from "../../src/core/call-metadata";
import { Status } from "../../src/core/status";
import { until } from "../support/fake-worker-ends";
import { TestTls } from "../support/test-tls";
import { OK, start, taking, WAYS, whenReady, WireRig, type Seen, type Taken } from "./grpc-fixtures";

/** Once nothing was added for a while: what could be sent has been sent. */
async function whenItRests(count: () => number): Promise<void> {
  for (let [last, quietTurns] = [-1, 0]; quietTurns < 200; quietTurns += 1) {
    if (count() !== last) [last, quietTurns] = [count(), 0];
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** A call that pauses before anything came, once its headers are here. */
async function pausedAtHeaders(connection: Connection): Promise<Seen> {
  let seen: Seen | undefined;
  await new Promise<void>((resolve) => {
    seen = start(connection, {}, { headers: () => resolve() });
    seen.call.pause();
  });
  return seen!;
}

const bytes = (text: string) => Buffer.from(text);
const texts = (messages: readonly Uint8Array[]) => messages.map((each) => Buffer.from(each).toString());

/** What is not the same on all ways. */
const DIFFERS = {
  direct: {
    /** Why a call that waited in vain for a server was never sent. */
    neverSent: "WORKER_UNREACHABLE",
    /** Trailers that the server did not send. */
    addedTrailers: [],
  },
  director: {
    neverSent: "NO_READY_WORKER",
    addedTrailers: [
      ["heddle-worker", "worker-1"],
      ["heddle-attempts", "1"],
    ],
  },
} as const;

const tls = new TestTls();
beforeAll(() => tls.make());
afterAll(() => tls.remove());

describe.each(WAYS)("A client on $client and a server on $server, $path, $security", (way) => {
  const rig = new WireRig({ ...way, tls });
  const differs = DIFFERS[way.path];
  afterEach(() => rig.close());

  const echo = taking(
    ({ call, halfClosed }) => void halfClosed.then(() => call.finish(OK)),
    ({ call }, message) => void call.send(message),
  );

  it.each([
    ["unary", 1],
    ["streamed", 50],
  ])("carries a %s call: headers first, messages in order, then the end", async (_kind, count) => {
    const { connection } = await rig.open((server) => server.handle("/a.B/C", echo));
    const sent = Array.from({ length: count }, (_, index) => `message-${index}`);
    const seen = start(connection);
    for (const text of sent) seen.call.send(bytes(text));
    seen.call.halfClose();
    expect(await seen.ended).toMatchObject({ status: Status.OK });
    expect(texts(seen.messages)).toEqual(sent);
    expect(seen.log).toEqual(["headers", ...sent.map(() => "message"), "ended"]);
  });

  it("carries compressed requests beside others", async () => {
    const { connection } = await rig.open((server) => server.handle("/a.B/C", echo));
    const sent = ["text ".repeat(10_000), "short", "more ".repeat(10_000)];
    const compresses = (message: Uint8Array) => message[0] !== 0x6d;
    const { call, ended, messages } = start(connection, { compression: { encoding: "gzip", compresses } });
    for (const text of sent) call.send(bytes(text));
    call.halfClose();
    expect((await ended).status).toBe(Status.OK);
    expect(texts(messages)).toEqual(sent);
  });

  it("sends headers before the first message, and without one", async () => {
    let taken: Taken | undefined;
    const { connection } = await rig.open((server) =>
      server.handle(
        "/a.B/C",
        taking((each) => (taken = each)),
      ),
    );
    const headers = new Promise<CallMetadata>((resolve) => {
      start(connection, {}, { headers: resolve });
    });
    await new Promise<void>((resolve) => {
      const poll = () => (taken ? resolve() : setImmediate(poll));
      poll();
    });
    taken!.call.sendHeaders(CallMetadata.of({ "x-model": "1", "x-raw-bin": new Uint8Array([0, 255]) }));
    const received = await headers;
    expect([received.text("x-model"), received.bytes("x-raw-bin")]).toEqual(["1", Buffer.from([0, 255])]);
  });

  it("passes on the exact status, message and trailers, with details as bytes, when nothing else was sent", async () => {
    const details = new Uint8Array([8, 5, 18, 2, 104, 105]);
    const { connection } = await rig.open((server) =>
      server.handle(
        "/a.B/C",
        taking(({ call }) =>
          call.finish({
            status: Status.FAILED_PRECONDITION,
            message: "Größe 100 %\nzweite Zeile",
            trailers: CallMetadata.of({ "grpc-status-details-bin": details, "x-cost": "3" }),
          }),
        ),
      ),
    );
    const end = await start(connection).ended;
    expect([end.status, end.message, end.error?.code]).toEqual([9, "Größe 100 %\nzweite Zeile", "REMOTE"]);
    expect(end.trailers.entries()).toEqual([
      ["grpc-status-details-bin", Buffer.from(details)],
      ["x-cost", "3"],
      ...differs.addedTrailers,
    ]);
  });

  it("delivers every request before the half-close", async () => {
    const order: string[] = [];
    const { connection } = await rig.open((server) =>
      server.handle("/a.B/C", (call) =>
        call.listen({
          message: (message) => order.push(Buffer.from(message).toString()),
          halfClosed: () => {
            order.push("half-close");
            call.finish(OK);
          },
          cancelled: () => order.push("cancelled"),
        }),
      ),
    );
    const seen = start(connection);
    for (const text of ["1", "2", "3"]) seen.call.send(bytes(text));
    seen.call.halfClose();
    await seen.ended;
    expect(order).toEqual(["1", "2", "3", "half-close"]);
  });

  it.each([0, 1, 65_535, 65_536, 3 << 20])("carries a message of %i bytes unchanged", async (size) => {
    const { connection } = await rig.open((server) => server.handle("/a.B/C", echo));
    const message = Buffer.alloc(size, "ab");
    const seen = start(connection);
    seen.call.send(message);
    seen.call.halfClose();
    await seen.ended;
    expect(seen.messages.map((each) => Buffer.compare(each, message))).toEqual([0]);
  });

  it("refuses a request over the server's limit with MESSAGE_TOO_LARGE, and serves the next call", async () => {
    const { address } = await rig.open((each) => each.handle("/a.B/C", echo), { messageMaxBytes: 1_000 });
    const generous = rig.connection(address, 1 << 20);
    await whenReady(generous);
    const large = start(generous);
    large.call.send(Buffer.alloc(2_000));
    large.call.halfClose();
    const small = start(generous);
    small.call.send(Buffer.alloc(900));
    small.call.halfClose();
    expect((await large.ended).error?.code).toBe("MESSAGE_TOO_LARGE");
    expect((await small.ended).status).toBe(Status.OK);
  });

  it("refuses an answer over the client's limit with MESSAGE_TOO_LARGE", async () => {
    const { address } = await rig.open((each) => each.handle("/a.B/C", echo));
    const strict = rig.connection(address, 1_000);
    await whenReady(strict);
    const generous = start(rig.connection(address));
    generous.call.send(Buffer.alloc(2_000));
    generous.call.halfClose();
    expect((await generous.ended).status).toBe(Status.OK);
    const sendsTooMuch = start(strict);
    sendsTooMuch.call.send(Buffer.alloc(2_000));
    sendsTooMuch.call.halfClose();
    expect((await sendsTooMuch.ended).error?.code).toBe("MESSAGE_TOO_LARGE");
  });

  it("stops a sender whose reader is slow, in bounded memory, and lets it go on", async () => {
    const total = 400;
    const message = Buffer.alloc(64 * 1_024);
    let sent = 0;
    const { connection } = await rig.open((server) =>
      server.handle("/a.B/C", (call) => {
        const pump = () => {
          while (sent < total) {
            sent += 1;
            if (!call.send(message)) return;
          }
          call.finish(OK);
        };
        call.listen({ message: () => {}, halfClosed: () => {}, cancelled: () => {}, drained: pump });
        pump();
      }),
    );
    const seen = start(connection);
    seen.call.pause();
    await whenItRests(() => sent);
    const sentWhilePaused = sent;
    seen.call.resume();
    expect((await seen.ended).status).toBe(Status.OK);
    expect(sentWhilePaused).toBeLessThan(100);
    expect([sent, seen.messages.length]).toEqual([total, total]);
  });

  it("G4 is not ready, and its calls end at their deadline, while a peer accepts but never speaks", async () => {
    const sockets: Socket[] = [];
    const mute = createServer((socket) => sockets.push(socket)).listen(0, "127.0.0.1");
    await once(mute, "listening");
    const { connection, link } = await rig.reach(`127.0.0.1:${(mute.address() as AddressInfo).port}`);
    const end = await start(connection, { timeoutMs: 300 }).ended;
    expect([end.status, link.isReady()]).toEqual([Status.DEADLINE_EXCEEDED, false]);
    rig.close();
    for (const socket of sockets) socket.destroy();
    mute.close();
  });

  it("a call that waits for ready does so until there is a server", async () => {
    const first = rig.server();
    const address = await first.listen("127.0.0.1:0", "TEST_ADDR");
    first.close();
    const { connection } = await rig.reach(address);
    if (way.path === "direct") await start(connection).ended; // the attempt has failed
    const { call, ended } = start(connection, { waitForReady: true });
    call.halfClose();
    const second = rig.server();
    second.handle("/a.B/C", echo);
    await second.listen(address, "TEST_ADDR");
    expect((await ended).status).toBe(Status.OK);
  });

  it("says that a call was never sent when nobody listens", async () => {
    const server = rig.server();
    const address = await server.listen("127.0.0.1:0", "TEST_ADDR");
    server.close();
    const { connection } = await rig.reach(address, { queueTimeoutMs: 50 });
    const end = await start(connection).ended;
    expect(end.error?.code).toBe(differs.neverSent);
  });

  it.each([
    ["before headers", false],
    ["after headers", true],
  ])("G8 a server that is shut down hard in mid-call %s is WORKER_LOST, not CANCELLED", async (_when, headers) => {
    const { server, connection } = await rig.open((each) =>
      each.handle(
        "/a.B/C",
        taking(({ call }) => {
          if (headers) call.send(bytes("first"));
          setImmediate(() => server.close());
        }),
      ),
    );
    const end = await start(connection).ended;
    expect([end.error?.code, end.status]).toEqual(["WORKER_LOST", Status.UNAVAILABLE]);
  });

  it("leaves the picker at once when its connection breaks, and comes back by itself", async () => {
    const { serverAddress, server, connection, link } = await rig.open((each) => each.handle("/a.B/C", echo));
    const down = whenReady(link, false);
    server.close();
    await down;
    const again = rig.server();
    again.handle("/a.B/C", echo);
    await again.listen(serverAddress, "TEST_ADDR");
    await whenReady(link);
    const seen = start(connection);
    seen.call.halfClose();
    expect((await seen.ended).status).toBe(Status.OK);
  });

  it("may be closed by whoever it tells that it is ready", async () => {
    const { address } = await rig.open((each) => each.handle("/a.B/C", echo));
    const connection = rig.connection(address);
    await new Promise<void>((resolve) => {
      connection.onReadiness(() => {
        connection.close();
        setImmediate(resolve);
      });
    });
    expect(connection.isReady()).toBe(false);
  });

  it("ends the calls in flight with WORKER_LOST when it is closed", async () => {
    const { connection } = await rig.open((server) =>
      server.handle(
        "/a.B/C",
        taking(({ call }) => void call.send(bytes("first"))),
      ),
    );
    let seen: ReturnType<typeof start> | undefined;
    await new Promise<void>((resolve) => {
      seen = start(connection, {}, { message: () => resolve() });
    });
    connection.close();
    connection.close();
    const end = await seen!.ended;
    expect([end.error?.code, seen!.ends.length, connection.isReady()]).toEqual(["WORKER_LOST", 1, false]);
    expect((await start(connection).ended).error?.code).toBe("WORKER_UNREACHABLE");
  });

  it("answers UNIMPLEMENTED to calls of methods that nobody registered", async () => {
    const { connection } = await rig.open((server) => server.handle("/a.B/Known", echo));
    const end = await start(connection).ended;
    expect([end.status, end.error?.code]).toEqual([Status.UNIMPLEMENTED, "REMOTE"]);
  });

  it("cancels at the server what the caller cancels, and tells the caller once", async () => {
    let taken: Taken | undefined;
    const { connection } = await rig.open((server) =>
      server.handle(
        "/a.B/C",
        taking((each) => {
          taken = each;
          each.call.send(bytes("first"));
        }),
      ),
    );
    let seen: ReturnType<typeof start> | undefined;
    await new Promise<void>((resolve) => {
      seen = start(connection, {}, { message: () => resolve() });
    });
    seen!.call.cancel();
    seen!.call.cancel();
    await taken!.cancelled;
    taken!.call.send(bytes("late"));
    taken!.call.finish(OK);
    expect((await seen!.ended).error?.code).toBe("CANCELLED");
    expect([seen!.ends.length, seen!.messages.length]).toEqual([1, 1]);
  });

  it("gives a paused reader the answers that came before a failure, and the failure after them", async () => {
    const { connection } = await rig.open((server) =>
      server.handle(
        "/a.B/C",
        taking(({ call }) => {
          for (let sent = 0; sent < 10; sent += 1) call.send(bytes("x"));
          call.finish({ status: Status.ABORTED, message: "no more", trailers: new CallMetadata() });
        }),
      ),
    );
    const seen = await pausedAtHeaders(connection);
    for (let turn = 0; turn < 200; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(seen.log).toEqual(["headers"]);
    seen.call.resume();
    expect((await seen.ended).status).toBe(Status.ABORTED);
    expect(seen.messages).toHaveLength(10);
  });

  it("tells a caller to wait that sends faster than the connection takes, loses nothing, and says when to go on", async () => {
    const { connection } = await rig.open((server) => server.handle("/a.B/C", echo));
    let drained = 0;
    const seen = start(connection, {}, { drained: () => (drained += 1) });
    const sent = Array.from({ length: 40 }, (_, index) => Buffer.alloc(100_000, String(index)));
    const taken = sent.map((message) => seen.call.send(message));
    seen.call.halfClose();
    expect((await seen.ended).status).toBe(Status.OK);
    expect(taken).toContain(false);
    expect(drained).toBeGreaterThan(0);
    expect(Buffer.concat(seen.messages).equals(Buffer.concat(sent))).toBe(true);
  });

  it("a cancel ends a call whose answers and status wait unread", async () => {
    const { connection } = await rig.open((server) =>
      server.handle(
        "/a.B/C",
        taking(({ call }) => {
          for (let sent = 0; sent < 3; sent += 1) call.send(bytes("x"));
          call.finish(OK);
        }),
      ),
    );
    const seen = await pausedAtHeaders(connection);
    for (let turn = 0; turn < 200; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    seen.call.cancel();
    expect((await seen.ended).error?.code).toBe("CANCELLED");
  });

  it("gives the server the time that is left, and both sides the deadline", async () => {
    let taken: Taken | undefined;
    const { connection } = await rig.open((server) =>
      server.handle(
        "/a.B/C",
        taking((each) => (taken = each)),
      ),
    );
    const end = await start(connection, { timeoutMs: 200 }).ended;
    await taken!.cancelled;
    expect(end.error?.code).toBe("DEADLINE_EXCEEDED");
    expect(taken!.call.timeoutMs).toBeGreaterThan(0);
    expect(taken!.call.timeoutMs).toBeLessThanOrEqual(200);
  });

  it("G5 takes a deadline of sixty days", async () => {
    const { connection } = await rig.open((server) => server.handle("/a.B/C", echo));
    const seen = start(connection, { timeoutMs: 60 * 86_400_000 });
    seen.call.halfClose();
    expect((await seen.ended).status).toBe(Status.OK);
  });

  it("refuses an address that is in use, in words", async () => {
    const { address } = await rig.open((each) => each.handle("/a.B/C", echo));
    await expect(rig.server().listen(address, "WORKER_ADDR")).rejects.toThrow(
      /^\[INVALID_ARGUMENT\] WORKER_ADDR is ".*": cannot listen there: the port is in use/,
    );
  });

  it("leaves nothing in hand of calls that have ended in any way", async () => {
    const { connection, director } = await rig.open((server) => {
      server.handle("/a.B/C", echo);
      server.handle("/a.B/Wait", taking(() => {})); // prettier-ignore
    });
    const [echoed, cancelled, late] = [
      start(connection),
      start(connection, { path: "/a.B/Wait" }),
      start(connection, { path: "/a.B/Wait", timeoutMs: 50 }),
    ];
    echoed.call.halfClose();
    await echoed.ended;
    cancelled.call.cancel();
    await Promise.all([cancelled.ended, late.ended]);
    await until(() => (director?.inHand ?? 0) === 0);
  });

  it("carries 1,000 calls at once", async () => {
    const { connection } = await rig.open((server) => server.handle("/a.B/C", echo));
    const calls = Array.from({ length: 1_000 }, (_, index) => {
      const seen = start(connection);
      seen.call.send(bytes(String(index)));
      seen.call.halfClose();
      return seen;
    });
    const ends = await Promise.all(calls.map(({ ended }) => ended));
    expect(ends.filter(({ status }) => status !== Status.OK)).toEqual([]);
    expect(calls.map(({ messages }) => texts(messages)[0])).toEqual(calls.map((_, index) => String(index)));
  });
});
