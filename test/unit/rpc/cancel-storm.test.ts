import { CallSource } from "../../../src/core/call-source";
import type { Http2Stream } from "../../../src/http2/stream";
import type { Subchannel } from "../../../src/rpc/client/subchannel";
import { answer, answerHead, begin, settled, until, WorkerEnds, type BegunCall } from "../../support/fake-worker-ends";
import { ManualClock } from "../../../src/testing/manual-clock";

/** nghttp2 ends a server's connection, with all its calls, at more resets than this in a second. */
const SERVER_RESETS_MAX = 1_000;

describe("A storm of cancelled calls on the way to one worker", () => {
  let clock: ManualClock;
  let connection: Subchannel;
  let workers: WorkerEnds;

  beforeEach(async () => {
    clock = new ManualClock({ startMs: 1 });
    workers = new WorkerEnds({ http2: { maxConcurrentStreams: 10_000 } });
    connection = workers.relay({ clock });
    await until(() => connection.isReady());
  });

  afterEach(() => {
    connection.close();
    workers.destroy();
  });

  /** Begins calls and waits until the worker has them. */
  async function beginAll(count: number, options: Parameters<typeof begin>[1] = {}): Promise<BegunCall[]> {
    const before = workers.streams.length;
    const calls = Array.from({ length: count }, () => begin(connection, options));
    await until(() => workers.streams.length === before + count);
    return calls;
  }

  async function cancelAll(count: number, options: Parameters<typeof begin>[1] = {}): Promise<void> {
    const calls = await beginAll(count, options);
    for (const { call } of calls) call.cancel();
    const ends = await Promise.all(calls.map(({ ended }) => ended));
    expect(new Set(ends.map(({ error }) => error?.code))).toEqual(new Set(["CANCELLED"]));
    await settled();
  }

  const openServers = () => workers.servers.length - workers.closed.size;

  it("L1: resets no more streams of a connection than a server bears, and fails no other call", async () => {
    const [innocent] = await beginAll(1);
    for (let round = 0; round < 30; round += 1) await cancelAll(200);
    expect(Math.max(...workers.resets)).toBeLessThan(SERVER_RESETS_MAX);
    answer(workers.streams[0]!);
    expect((await innocent!.ended).status).toBe(0);
    workers.onStream = answer;
    expect((await begin(connection).ended).status).toBe(0);
  });

  it("L1: spares resets for calls whose request is whole: they end by themselves, and their answers are dropped", async () => {
    await cancelAll(700, { isWhole: true });
    expect(workers.resets).toEqual([251, 0]); // 449 still run there, so it has been replaced
    for (const stream of workers.streams) if (!stream.isClosed) answer(stream);
    await settled();
    expect(workers.streams.filter((stream) => !stream.isClosed)).toEqual([]);
  });

  it("L1: a parked call gets no more than a window of its answer taken", async () => {
    await cancelAll(260, { isWhole: true });
    const parked = workers.streams.at(-1)!;
    expect(parked.isClosed).toBe(false);
    answerHead(parked);
    const chunk = Buffer.alloc(50_000);
    expect(parked.sendData(chunk, 0, chunk.length)).toBe(50_000);
    await settled();
    expect(parked.sendData(chunk, 0, chunk.length)).toBe(15_536);
    await settled();
    expect(parked.sendData(chunk, 0, 1)).toBe(0);
  });

  it("L1: parked calls are reset when their turn comes", async () => {
    await cancelAll(260, { isWhole: true });
    await clock.advance(1_000);
    await settled();
    expect(workers.streams.filter((stream) => !stream.isClosed)).toEqual([]);
  });

  it("L2: a worn connection takes no calls once there is another, and ends with the last call that is wanted", async () => {
    const [innocent] = await beginAll(1);
    await cancelAll(600);
    expect(workers.servers).toHaveLength(2);
    await clock.advance(1_000);
    await settled();
    expect(workers.closed.size).toBe(0);
    const before = workers.streams.length;
    await beginAll(5);
    expect(workers.servers[1]!.openStreams).toBe(5);
    expect(workers.streams).toHaveLength(before + 5);
    answer(workers.streams[0]!);
    expect((await innocent!.ended).status).toBe(0);
    await clock.advance(300);
    await settled();
    expect([...workers.closed]).toEqual([0]);
    expect(connection.isReady()).toBe(true);
  });

  it("N1: connections never exceed a bound, whatever long calls keep them open, and worn ones come back when they have recovered", async () => {
    const readiness: boolean[] = [];
    connection.onReadiness((isReady) => readiness.push(isReady));
    const long: BegunCall[] = [];
    for (let round = 0; round < 20; round += 1) {
      long.push(...(await beginAll(1)));
      await cancelAll(510);
    }
    expect(openServers()).toBe(16);
    await clock.advance(120_000); // 16 resets a second
    await settled();
    for (let round = 0; round < 16; round += 1) await cancelAll(300);
    expect(workers.servers).toHaveLength(16);
    expect(Math.max(...workers.resets)).toBeLessThan(SERVER_RESETS_MAX + 33 * 120);
    for (const stream of [...workers.streams]) if (!stream.isClosed) answer(stream);
    expect((await Promise.all(long.map(({ ended }) => ended))).map(({ status }) => status)).toEqual(long.map(() => 0));
    expect(readiness).toEqual([]);
  });

  it("L3: a connection that may park no more takes no calls: they wait, and go on when there is room", async () => {
    // Sixteen connections, each with a long call that keeps it open and 500 parked ones beside it.
    for (let round = 0; round < 16; round += 1) {
      await beginAll(1);
      await cancelAll(1_000);
    }
    const sent = workers.streams.length;
    const cancelled = Array.from({ length: 900 }, () => begin(connection));
    const patient = begin(connection);
    await settled();
    expect(workers.streams).toHaveLength(sent);
    for (const { call } of cancelled) call.cancel();
    workers.onStream = answer;
    await clock.advance(1_000);
    expect((await patient.ended).status).toBe(0);
    expect(workers.streams).toHaveLength(sent + 1);
    expect(openServers()).toBe(16);
  });

  describe("from one client", () => {
    it("G5: leaves the connection of the others alone", async () => {
      const stormy = new CallSource("10.0.0.1:1", clock);
      const calm = new CallSource("10.0.0.2:1", clock);
      const [innocent] = await beginAll(1, { source: calm });
      await cancelAll(100, { source: stormy });
      await cancelAll(100, { source: stormy }); // and another connection is being made
      for (let round = 0; round < 30; round += 1) {
        await cancelAll(200, { source: stormy });
        await beginAll(1, { source: calm });
      }
      expect(workers.resets[0]).toBe(200);
      expect(workers.servers[0]!.openStreams).toBe(31);
      answer(workers.streams[0]!);
      expect((await innocent!.ended).status).toBe(0);
    });

    it("G5: its connections are closed when it has calmed down", async () => {
      const source = new CallSource("10.0.0.1:1", clock);
      for (let round = 0; round < 3; round += 1) await cancelAll(100, { source });
      expect(openServers()).toBe(2);
      await clock.advance(30_000);
      await settled();
      expect(openServers()).toBe(1);
      await beginAll(1, { source });
      expect(workers.servers[0]!.openStreams).toBe(1);
    });
  });

  it("what was under way of cancelled answers, however small its frames, ends no connection", async () => {
    const [innocent] = await beginAll(1);
    const calls = await beginAll(200);
    const streams: Http2Stream[] = workers.streams.slice(1);
    const small = Buffer.alloc(10);
    for (const stream of streams) {
      answerHead(stream);
      for (let count = 0; count < 500; count += 1) stream.sendData(small, 0, small.length);
    }
    for (const { call } of calls) call.cancel();
    await settled();
    expect(openServers()).toBe(1);
    answer(workers.streams[0]!);
    expect((await innocent!.ended).status).toBe(0);
  });
});
