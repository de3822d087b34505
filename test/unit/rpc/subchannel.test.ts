import { CallMetadata } from "../../../src/core/call-metadata";
import { ErrorCode } from "../../../src/http2/error-codes";
import { HeaderList } from "../../../src/http2/header-list";
import type { Http2Stream } from "../../../src/http2/stream";
import { systemClock } from "../../../src/platform/system-clock";
import type { Subchannel, SubchannelOptions } from "../../../src/rpc/client/subchannel";
import { ManualClock } from "../../../src/testing/manual-clock";
import { answer, begin, settled, until, WorkerEnds, type WorkerEndsOptions } from "../../support/fake-worker-ends";

describe("Subchannel", () => {
  let connection: Subchannel;
  let workers: WorkerEnds;

  afterEach(() => {
    connection.close();
    workers.destroy();
  });

  function dial(ends: WorkerEndsOptions = {}, options: Partial<SubchannelOptions> = {}): void {
    workers = new WorkerEnds(ends);
    connection = workers.relay({ clock: systemClock, ...options });
  }

  async function ready(ends: WorkerEndsOptions = {}, options: Partial<SubchannelOptions> = {}): Promise<void> {
    dial(ends, options);
    await until(() => connection.isReady());
  }

  /** What the picker is told, in order. */
  function told(): string[] {
    const reasons: string[] = [];
    connection.onReadiness((isReady, reason) => reasons.push(`${isReady ? "ready" : "not"}: ${reason}`));
    return reasons;
  }

  it("sends a request as gRPC wants it, with what the client said unchanged", async () => {
    await ready();
    const said = { "content-type": "application/grpc+json", "grpc-encoding": "gzip", "x-key-bin": "AP8=" };
    begin(connection, { metadata: CallMetadata.of({ ...said, te: "ignored" }) });
    await until(() => workers.heads.length === 1);
    const [head] = workers.heads;
    const asked = { ":method": "POST", ":path": "/a.B/C", te: "trailers", "grpc-timeout": "1500m", ...said };
    expect(Object.keys(asked).map((name) => head!.get(name))).toEqual(Object.values(asked));
  });

  it("G2: GOAWAY ends readiness; the calls above its last id have not run, those below go on", async () => {
    await ready();
    const first = begin(connection);
    await until(() => workers.streams.length === 1);
    const reasons = told();
    workers.servers[0]!.shutdown(60_000);
    await until(() => reasons.length === 2);
    expect(reasons).toEqual(["not: the server is closing the connection", "ready: connected"]);
    answer(workers.streams[0]!);
    expect((await first.ended).status).toBe(0);
    expect(workers.servers).toHaveLength(2);
  });

  it("a server that took calls and goes away in order is connected to again at once; one that only says goodbye is not", async () => {
    const clock = new ManualClock();
    dial({}, { clock });
    await settled();
    begin(connection);
    await settled();
    workers.servers[0]!.shutdown(60_000);
    await settled();
    expect(connection.isReady()).toBe(true);
    workers.servers[1]!.shutdown(60_000);
    await settled();
    expect({ dials: workers.dials, isReady: connection.isReady() }).toEqual({ dials: 2, isReady: false });
    await clock.advance(1_000);
    expect({ dials: workers.dials, isReady: connection.isReady() }).toEqual({ dials: 3, isReady: true });
  });

  it("a call that is begun while the next connection is made waits for it, where calls wait at all", async () => {
    await ready({}, { holdsCalls: true });
    const first = begin(connection);
    await until(() => workers.streams.length === 1);
    let second: ReturnType<typeof begin> | undefined;
    connection.onReadiness((isReady) => {
      if (!isReady) second = begin(connection);
    });
    workers.onStream = answer;
    workers.servers[0]!.shutdown(60_000);
    await until(() => second !== undefined);
    expect((await second!.ended).status).toBe(0);
    answer(workers.streams[0]!);
    expect((await first.ended).status).toBe(0);
  });

  it("a refused stream has not run; a reset or a lost one may have", async () => {
    await ready();
    workers.onStream = (stream) => stream.reset(ErrorCode.REFUSED_STREAM);
    expect((await begin(connection).ended).error?.code).toBe("WORKER_UNREACHABLE");
    workers.onStream = (stream) => stream.reset(ErrorCode.INTERNAL_ERROR);
    expect((await begin(connection).ended).error?.code).toBe("WORKER_LOST");
    workers.onStream = () => workers.servers[0]!.destroy();
    expect((await begin(connection).ended).error?.code).toBe("WORKER_LOST");
  });

  it("G3: opens further connections where the worker allows few streams, and carries all calls", async () => {
    await ready({ http2: { maxConcurrentStreams: 3 } });
    const calls = Array.from({ length: 10 }, () => begin(connection));
    await until(() => workers.streams.length > 3);
    workers.onStream = answer;
    for (const stream of [...workers.streams]) answer(stream);
    const ends = await Promise.all(calls.map(({ ended }) => ended));
    expect(new Set(ends.map(({ status }) => status))).toEqual(new Set([0]));
    expect(workers.servers.length).toBeGreaterThan(1);
  });

  it("G3: 1,000 calls wait for a stream, one more has not run; those that are cancelled meanwhile count for nothing", async () => {
    await ready({ http2: { maxConcurrentStreams: 0 } });
    const waiting = Array.from({ length: 1_000 }, () => begin(connection));
    await settled();
    const refused = await begin(connection).ended;
    expect(refused.error?.code).toBe("WORKER_UNREACHABLE");
    for (const { call } of waiting.slice(0, 10)) call.cancel();
    const more = begin(connection);
    await settled();
    more.call.cancel();
    expect((await more.ended).error?.code).toBe("CANCELLED");
  });

  it("G4: a worker that never speaks is given up, and dialled again", async () => {
    dial({ isMute: true }, { connectTimeoutMs: 20 });
    await until(() => workers.dials >= 2);
    expect(connection.isReady()).toBe(false);
  });

  describe("while the server cannot be reached", () => {
    async function down(options: Partial<SubchannelOptions> = {}): Promise<ManualClock> {
      const clock = new ManualClock();
      workers = new WorkerEnds();
      workers.isDown = true;
      workers.onStream = answer;
      connection = workers.relay({ clock, ...options });
      await settled();
      return clock;
    }

    it.each([undefined, false])("a call with waitForReady %s fails at once, and says why", async (waitForReady) => {
      await down({ holdsCalls: true });
      const { error } = await begin(connection, { waitForReady }).ended;
      expect(error).toMatchObject({ code: "WORKER_UNREACHABLE", status: 14 });
      expect(error?.message).toContain("the server cannot be reached: connect ECONNREFUSED");
    });

    it("one that waits for ready does so over failed attempts, and is served when there is a connection", async () => {
      const clock = await down();
      const { ended } = begin(connection, { waitForReady: true });
      await clock.advance(100);
      expect(workers.dials).toBeGreaterThan(2);
      workers.isDown = false;
      await clock.advance(100);
      await until(() => connection.isReady());
      expect((await ended).status).toBe(0);
    });

    it("one that waited for the attempt alone ends with it, and one that waits for ready waits on", async () => {
      const clock = await down({ holdsCalls: true });
      workers.isDown = false;
      await clock.advance(15);
      // The attempt is under way: nothing of it has arrived.
      const [hasty, patient] = [begin(connection), begin(connection, { waitForReady: true })];
      workers.onStream = answer;
      workers.servers[0]?.destroy(ErrorCode.INTERNAL_ERROR, "not yet");
      expect((await hasty.ended).error?.code).toBe("WORKER_UNREACHABLE");
      await clock.advance(100);
      await settled();
      expect((await patient.ended).status).toBe(0);
    });

    it("one that is cancelled is never sent", async () => {
      const clock = await down();
      const { call, ended } = begin(connection, { waitForReady: true });
      await settled();
      call.cancel();
      expect((await ended).error?.code).toBe("CANCELLED");
      workers.isDown = false;
      await clock.advance(100);
      await until(() => connection.isReady());
      await settled();
      expect(workers.streams).toHaveLength(0);
    });

    it("those that wait are at most 1,000, and end when the connection is closed", async () => {
      await down();
      const waiting = Array.from({ length: 1_000 }, () => begin(connection, { waitForReady: true }));
      await settled();
      const { error } = await begin(connection, { waitForReady: true }).ended;
      expect(error?.message).toContain("ECONNREFUSED, and 1000 calls wait already");
      connection.close();
      const ends = await Promise.all(waiting.map(({ ended }) => ended));
      expect(new Set(ends.map((end) => end.error?.message))).toEqual(
        new Set(["[WORKER_UNREACHABLE] the connection was closed here"]),
      );
    });
  });

  describe.each([
    [undefined, 32_768],
    [100_000, 100_000],
  ])("with %s bytes of metadata allowed", (headerListMaxBytes, bytesMax) => {
    const withLong = (fields: readonly string[], bytes: number) =>
      HeaderList.of([...fields, ...Array.from({ length: bytes / 1_000 }, () => ["x-long", "y".repeat(1_000)]).flat()]);
    const HEAD = [":status", "200", "content-type", "application/grpc"];

    it.each([
      ["headers", (stream: Http2Stream) => stream.sendHeaders(withLong(HEAD, bytesMax + 1_000))],
      [
        "trailers",
        (stream: Http2Stream) => {
          stream.sendHeaders(HeaderList.of(HEAD));
          stream.sendTrailers(withLong(["grpc-status", "0"], bytesMax + 1_000));
        },
      ],
    ])("an answer with more %s ends its own call, and says what the limit is", async (_what, send) => {
      await ready({}, { headerListMaxBytes });
      workers.onStream = send;
      const { error } = await begin(connection).ended;
      expect(error).toMatchObject({ code: "METADATA_TOO_LARGE", status: 8 });
      expect(error?.message).toContain(`over ${bytesMax} bytes of headers or trailers (HEDDLE_HEADER_LIST_MAX_BYTES)`);
      workers.onStream = answer;
      expect((await begin(connection).ended).status).toBe(0);
      expect(workers.servers).toHaveLength(1);
    });

    it("an answer with somewhat less is taken", async () => {
      await ready({}, { headerListMaxBytes });
      workers.onStream = (stream) => {
        stream.sendHeaders(HeaderList.of(HEAD));
        stream.sendTrailers(withLong(["grpc-status", "0"], Math.floor(bytesMax / 1_100) * 1_000));
      };
      expect((await begin(connection).ended).status).toBe(0);
    });
  });

  it("G4: each attempt that failed gives the next one twice the time, up to 20 s", async () => {
    const clock = new ManualClock();
    dial({ isMute: true }, { clock, connectTimeoutMs: 6_000 });
    const dialsAfter: number[] = [];
    for (const waitMs of [5_990, 20, 11_990, 20, 19_970, 50, 19_970, 50]) {
      await clock.advance(waitMs);
      dialsAfter.push(workers.dials);
    }
    expect(dialsAfter).toEqual([1, 2, 2, 3, 3, 4, 4, 5]);
  });

  describe("keepalive", () => {
    /** After how many seconds a connection is given up whose server stands still from now on. */
    async function patience(clock: ManualClock, index: number): Promise<number> {
      workers.freeze(index);
      const beganMs = clock.monotonicMs();
      let lostMs: number | undefined;
      connection.onReadiness(() => (lostMs ??= clock.monotonicMs()));
      while (lostMs === undefined) {
        await clock.advance(100);
        await settled();
      }
      return Math.round((lostMs - beganMs) / 1_000);
    }

    async function connected(): Promise<ManualClock> {
      const clock = new ManualClock();
      dial({}, { clock, keepaliveMs: 1_000 });
      await settled();
      return clock;
    }

    it("finds a server that stands still, also without calls", async () => {
      const clock = await connected();
      // What was read while it connected counts for the first interval; then a PING, and as long for its answer.
      expect(await patience(clock, 0)).toBe(3);
    });

    it("R-08 G1: after a silence a server that greets is not ready before it has answered", async () => {
      const clock = await connected();
      workers.isDeaf = true;
      await patience(clock, 0);
      const [reasons, dials] = [told(), workers.dials];
      while (workers.dials < dials + 3) {
        await clock.advance(100);
        await settled();
      }
      expect(reasons).toEqual([]);

      workers.isDeaf = false;
      while (reasons.length === 0 && workers.dials < dials + 6) {
        await clock.advance(100);
        await settled();
      }
      expect(reasons).toEqual(["ready: connected"]);
    });

    it("is sent half as often where the server says that it is too much, and once more where it still is", async () => {
      const clock = await connected();
      for (const index of [0, 1]) {
        workers.servers[index]!.destroy(ErrorCode.ENHANCE_YOUR_CALM, "too_many_pings");
        await settled();
        await clock.advance(50);
        await settled();
      }
      expect(workers.servers).toHaveLength(3);
      expect(await patience(clock, 2)).toBe(9);
    });

    it("is sent as often as before where the server is annoyed by something else", async () => {
      const clock = await connected();
      workers.servers[0]!.destroy(ErrorCode.ENHANCE_YOUR_CALM, "too many resets");
      await settled();
      await clock.advance(50);
      await settled();
      expect(await patience(clock, 1)).toBe(3);
    });
  });

  it("G6: a call that is cancelled in the turn in which it came is never sent", async () => {
    await ready();
    const hasty = begin(connection, { path: "/a.B/Hasty" });
    hasty.call.send(Buffer.from("request"));
    hasty.call.halfClose();
    hasty.call.cancel();
    expect((await hasty.ended).error?.code).toBe("CANCELLED");
    begin(connection, { path: "/a.B/Patient" });
    await until(() => workers.heads.length === 1);
    expect(workers.heads[0]!.get(":path")).toBe("/a.B/Patient");
  });

  it("a head that cannot be sent fails its own call only", async () => {
    await ready();
    const bad = await begin(connection, { path: "" }).ended;
    expect(bad.error?.code).toBe("INVALID_ARGUMENT");
    workers.onStream = answer;
    expect((await begin(connection).ended).status).toBe(0);
  });

  describe("tells the picker in the tick in which it learns that the worker takes no calls", () => {
    /** Whether it was ready still when the call was told its end: whoever tries again must not pick the same worker. */
    async function readyAtEnd(breakIt: () => void): Promise<{ wasReady: boolean; code: string | undefined }> {
      let wasReady = true;
      const ended = new Promise<string | undefined>((resolve) => {
        connection.start(
          { path: "/a.B/C", metadata: new CallMetadata() },
          {
            headers: () => {},
            message: () => {},
            ended: (end) => {
              // All that the end of the connection says is said within one task.
              queueMicrotask(() => {
                wasReady = connection.isReady();
                resolve(end.error?.code);
              });
            },
          },
        );
      });
      await until(() => workers.streams.length === 1);
      breakIt();
      return { code: await ended, wasReady };
    }

    it("when the connection breaks", async () => {
      await ready();
      const [server] = workers.servers;
      expect(await readyAtEnd(() => server!.destroy(ErrorCode.INTERNAL_ERROR, "broken"))).toEqual({
        code: "WORKER_LOST",
        wasReady: false,
      });
    });

    it("when the worker no longer answers PINGs", async () => {
      await ready({}, { keepaliveMs: 20 });
      const [server] = workers.servers;
      // A process that stands still: what is sent to it is not read.
      const frozen = readyAtEnd(() => workers.freeze(0));
      expect(await frozen).toEqual({ code: "WORKER_LOST", wasReady: false });
      expect(server!.isClosed).toBe(false);
    });
  });
});
