import type { IncomingCall, MessageCompression } from "../../../../src/core/call";
import { CallMetadata } from "../../../../src/core/call-metadata";
import { seededRandom } from "../../../../src/core/random";
import { Status } from "../../../../src/core/status";
import { SILENT_LOGGER } from "../../../../src/core/logger";
import { ThreadPool } from "../../../../src/worker/threads/thread-pool";
import { WINDOW_BYTES } from "../../../../src/worker/threads/windows";
import { FakeThread, fakeThread } from "../../../support/fake-thread";
import { ManualClock, settle } from "../../../../src/testing/manual-clock";
import { StubCaller } from "../../../support/stub-caller";

const OK = { status: Status.OK, message: "", trailers: new CallMetadata() };
const DEAF = { message: () => {}, halfClosed: () => {}, cancelled: () => {} };
const PATH = "/a.B/C";

const FAR_TOO_MUCH = 10 * WINDOW_BYTES;

/** Longer than a thread may take to read its port before it is left alone. */
const BUSY_MS = 25;

/** A pool whose threads are of the test: what they run is in `running`, by thread and in order. */
class PoolRig {
  readonly clock = new ManualClock();
  readonly threads: FakeThread[] = [];
  readonly running: { readonly thread: number; readonly call: IncomingCall }[] = [];
  readonly refusals: (string | undefined)[] = [];
  readonly pool: ThreadPool;
  /** What a call's handler does when it begins. Default: nothing, so that the call goes on. */
  begin: (call: IncomingCall) => void = (call) => call.listen(DEAF);

  constructor(size: number) {
    this.pool = new ThreadPool({
      clock: this.clock,
      random: seededRandom(1),
      logger: SILENT_LOGGER,
      size,
      open: () => this.#open(),
      whenTurnEnds: (callback) => process.nextTick(callback),
    });
    this.pool.onRefusal((refusal) => this.refusals.push(refusal?.code));
  }

  static async started(size: number): Promise<PoolRig> {
    const rig = new PoolRig(size);
    const started = rig.pool.start();
    for (const thread of rig.threads) thread.ready();
    await started;
    return rig;
  }

  async run(count = 1): Promise<StubCaller[]> {
    const callers = Array.from({ length: count }, () => new StubCaller());
    for (const caller of callers) {
      this.pool.run(caller.call);
      await settle();
    }
    return callers;
  }

  perThread(): number[] {
    const counts = this.threads.map(() => 0);
    for (const { thread } of this.running) counts[thread]! += 1;
    return counts;
  }

  #open(): FakeThread {
    const index = this.threads.length;
    const serve = (call: IncomingCall) => {
      this.running.push({ thread: index, call });
      this.begin(call);
    };
    const thread = new FakeThread(this.clock, new Map([[PATH, serve]]));
    this.threads.push(thread);
    return thread;
  }
}

describe("ThreadPool, as it starts", () => {
  it("says what is served when every thread has loaded it", async () => {
    const rig = new PoolRig(2);
    let isStarted = false;
    const started = rig.pool.start().finally(() => (isStarted = true));
    rig.threads[0]!.ready();
    await settle();
    const early = isStarted;
    rig.threads[1]!.ready();
    const { services } = await started;
    expect([early, services.map(({ fullName, methods }) => [fullName, ...methods.keys()])]).toEqual([
      false,
      [["a.B", PATH]],
    ]);
  });

  it("fails with what a thread says of its handlers, and ends the others", async () => {
    const rig = new PoolRig(2);
    const started = rig.pool.start();
    rig.threads[0]!.ready();
    rig.threads[1]!.fail("servicesModule x.js cannot be loaded: no database");
    await expect(started).rejects.toThrow("[INVALID_ARGUMENT] servicesModule x.js cannot be loaded: no database");
    expect([rig.threads[0]!.seen.stops, rig.clock.pendingTimers]).toEqual([1, 0]);
  });

  it("fails when a thread ends before it has loaded them", async () => {
    const rig = new PoolRig(1);
    const started = rig.pool.start();
    rig.threads[0]!.end("it exited with code 13");
    await expect(started).rejects.toThrow(/thread 1 ended before it had loaded the handlers: it exited with code 13/);
  });
});

describe("ThreadPool", () => {
  it("P1 spreads calls by how many are in flight", async () => {
    const rig = await PoolRig.started(3);
    await rig.run(30);
    const even = rig.perThread();
    for (const { thread, call } of [...rig.running]) if (thread === 1) call.finish(OK);
    await settle();
    await rig.run(10);
    expect([even, rig.perThread()]).toEqual([
      [10, 10, 10],
      [10, 20, 10],
    ]);
  });

  it("R-08 threads that all compute for half a minute are told of, and what waits is refused as not run, until one pauses", async () => {
    const rig = await PoolRig.started(2);
    await rig.run(2);
    for (const thread of rig.threads) thread.setBusy(true);
    await rig.clock.advance(100);
    const [waiting] = await rig.run(1);
    await rig.clock.advance(25_000);
    expect([rig.refusals, waiting?.seen.ends]).toEqual([[], []]);
    await rig.clock.advance(10_000);
    expect(rig.refusals).toEqual(["NO_THREAD"]);
    expect(waiting?.seen.ends[0]?.message).toContain(
      "all 2 threads of the worker have computed for 30000 ms without a pause",
    );
    rig.threads[1]!.setBusy(false);
    await rig.clock.advance(100);
    expect(rig.refusals).toEqual(["NO_THREAD", undefined]);
    const begun = rig.running.length;
    await rig.run(1);
    expect(rig.running.length).toBe(begun + 1);
  });

  it("P1 gives a thread that computes no more calls, though it has the fewest", async () => {
    const rig = await PoolRig.started(2);
    await rig.run(4);
    for (const { thread, call } of [...rig.running]) if (thread === 0) call.finish(OK);
    await settle();
    await rig.run(1);
    rig.threads[0]!.setBusy(true);
    await rig.clock.advance(2 * BUSY_MS);
    await rig.run(5);
    expect(rig.perThread()[1]).toBe(2 + 5);
  });

  it("P1 lets calls wait while all threads compute, and the longest waiting goes first", async () => {
    const rig = await PoolRig.started(2);
    await rig.run(2);
    for (const thread of rig.threads) thread.setBusy(true);
    await rig.clock.advance(2 * BUSY_MS);
    const callers = Array.from({ length: 3 }, (_, index) => {
      const caller = new StubCaller();
      rig.pool.run({ ...caller.call, peer: `caller ${index}` });
      caller.send(Buffer.from("request"));
      caller.halfClose();
      return caller;
    });
    await settle();
    const begunMeanwhile = rig.running.length;
    callers[1]!.cancel();
    rig.threads[1]!.setBusy(false);
    await settle();
    await settle();
    const begun = rig.running.slice(2).map(({ thread, call }) => [thread, call.peer]);
    expect([begunMeanwhile, begun]).toEqual([
      2,
      [
        [1, "caller 0"],
        [1, "caller 2"],
      ],
    ]);
  });

  it("refuses calls with WORKER_FULL when 10,000 wait", async () => {
    const rig = await PoolRig.started(1);
    await rig.run(1);
    rig.threads[0]!.setBusy(true);
    await rig.clock.advance(2 * BUSY_MS);
    for (let count = 0; count < 10_000; count += 1) rig.pool.run(new StubCaller().call);
    const [late] = await rig.run(1);
    expect(late!.end).toMatch(/^8 \[WORKER_FULL\] all threads compute, and 10000 calls wait/);
  });

  it("P2 a thread that ends fails its own calls and no others, and is replaced", async () => {
    const rig = await PoolRig.started(2);
    const callers = await rig.run(4);
    rig.threads[0]!.end("no more memory");
    await settle();
    const ends = callers.map(({ end }) => end);
    await rig.clock.advance(100);
    rig.threads[2]!.ready();
    await settle();
    await rig.run(2);
    const lost = "14 [THREAD_LOST] thread 1 of the worker ended: no more memory";
    expect(ends.sort()).toEqual([lost, lost, undefined, undefined].sort());
    expect([rig.perThread(), rig.refusals]).toEqual([[2, 2, 2], []]);
  });

  it("P2 starts a thread that ends again and again ever later, and at once again after one that held", async () => {
    const rig = await PoolRig.started(1);
    const waits: number[] = [];
    for (let death = 0; death < 4; death += 1) {
      const { length } = rig.threads;
      rig.threads.at(-1)!.end("again");
      await settle();
      let waitedMs = 0;
      for (; rig.threads.length === length; waitedMs += 10) await rig.clock.advance(10);
      rig.threads.at(-1)!.ready();
      await settle();
      waits.push(waitedMs);
      if (death === 2) await rig.clock.advance(10_000);
    }
    expect(waits[1]).toBeGreaterThanOrEqual(waits[0]!);
    expect(waits[2]).toBeGreaterThan(waits[1]!);
    expect(waits[3]).toBeLessThanOrEqual(100);
  });

  it("P3 refuses calls while no thread is up, as not run, and says so", async () => {
    const rig = await PoolRig.started(1);
    await rig.run(1);
    rig.threads[0]!.setBusy(true);
    await rig.clock.advance(2 * BUSY_MS);
    const [waiting] = await rig.run(1);
    rig.threads[0]!.end("it exited with code 7");
    await settle();
    const [refused] = await rig.run(1);
    await rig.clock.advance(100);
    rig.threads[1]!.ready();
    await settle();
    await rig.run(1);
    const refusal = "14 [NO_THREAD] no thread of the worker is up: it exited with code 7";
    expect([waiting!.end, refused!.end, rig.refusals]).toEqual([refusal, refusal, ["NO_THREAD", undefined]]);
    expect(rig.running.map(({ thread }) => thread)).toEqual([0, 1]);
  });

  it("a call whose caller is gone counts until its thread lets go of it", async () => {
    const { thread, handle } = fakeThread(
      new ManualClock(),
      new Map([[PATH, (call: IncomingCall) => call.listen(DEAF)]]),
    );
    const caller = new StubCaller();
    handle.run(caller.call);
    await settle();
    thread.setBusy(true);
    caller.cancel();
    await settle();
    const meanwhile = handle.inFlight;
    thread.setBusy(false);
    await settle();
    expect([meanwhile, handle.inFlight]).toEqual([1, 0]);
  });

  it("a call that was cancelled before its thread came to it does not run", async () => {
    const rig = await PoolRig.started(1);
    rig.threads[0]!.setBusy(true);
    const [caller] = await rig.run(1);
    caller!.cancel();
    await settle();
    rig.threads[0]!.setBusy(false);
    await settle();
    expect(rig.running).toEqual([]);
  });

  it("a call that waits for a thread holds its caller back after the first message, until it has one", async () => {
    const rig = await PoolRig.started(1);
    const received: string[] = [];
    await rig.run(1);
    rig.threads[0]!.setBusy(true);
    await rig.clock.advance(2 * BUSY_MS);
    rig.begin = (call) => call.listen({ ...DEAF, message: (bytes) => received.push(Buffer.from(bytes).toString()) });
    const [caller] = await rig.run(1);
    caller!.send(Buffer.from("one"));
    const meanwhile = caller!.seen.paused;
    rig.threads[0]!.setBusy(false);
    await settle();
    await settle();
    caller!.send(Buffer.from("two"));
    await settle();
    expect([meanwhile, caller!.seen.paused, received]).toEqual([true, false, ["one", "two"]]);
  });

  it("stops by asking, ends after a second what does not, and leaves no timer", async () => {
    const rig = await PoolRig.started(2);
    await rig.run(2);
    rig.threads[1]!.setBusy(true);
    let stopped = false;
    const stopping = rig.pool.stop().finally(() => (stopped = true));
    await rig.clock.advance(999);
    const early = [stopped, rig.threads[1]!.seen.terminated];
    await rig.clock.advance(1);
    await stopping;
    expect([early, rig.threads.map(({ seen }) => seen.terminated)]).toEqual([
      [false, false],
      [false, true],
    ]);
    expect(rig.clock.pendingTimers).toBe(0);
  });

  it("has no timer when it has no calls", async () => {
    const rig = await PoolRig.started(2);
    rig.begin = (call) => call.finish(OK);
    await rig.run(5);
    await rig.clock.advance(2 * BUSY_MS);
    expect(rig.clock.pendingTimers).toBe(0);
  });
});

describe("What is under way between the threads", () => {
  it("is a window of requests and a message: a caller whose thread computes is held back, and let go on", async () => {
    const rig = await PoolRig.started(1);
    const [caller] = await rig.run(1);
    rig.threads[0]!.setBusy(true);
    let sentBytes = 0;
    for (; !caller!.seen.paused && sentBytes < FAR_TOO_MUCH; sentBytes += 1_000) caller!.send(Buffer.alloc(1_000));
    await settle();
    expect(sentBytes).toBeLessThanOrEqual(WINDOW_BYTES);
    rig.threads[0]!.setBusy(false);
    await settle();
    await settle();
    expect(caller!.seen.paused).toBe(false);
  });

  it("is a window of answers and a message: a handler whose caller reads slowly is told to wait, and when to go on", async () => {
    const rig = await PoolRig.started(1);
    let drained = 0;
    const sent = { bytes: 0, call: undefined as IncomingCall | undefined };
    rig.begin = (call) => {
      sent.call = call;
      call.listen({ message: () => {}, halfClosed: () => {}, cancelled: () => {}, drained: () => (drained += 1) });
    };
    const [caller] = await rig.run(1);
    caller!.takesMore = false;
    while (sent.bytes < FAR_TOO_MUCH && sent.call!.send(Buffer.alloc(1_000))) sent.bytes += 1_000;
    await settle();
    expect([sent.bytes <= WINDOW_BYTES, drained]).toEqual([true, 0]);
    caller!.drain();
    await settle();
    await settle();
    expect([drained, sent.call!.send(Buffer.alloc(1_000))]).toEqual([1, true]);
  });

  it("empty messages are counted too", async () => {
    const rig = await PoolRig.started(1);
    const [caller] = await rig.run(1);
    rig.threads[0]!.setBusy(true);
    let count = 0;
    for (; !caller!.seen.paused && count < 10_000; count += 1) caller!.send(Buffer.alloc(0));
    expect(count).toBeLessThan(1_000);
  });

  it("may be longer than the ring: messages that find no room are moved, and keep their order", async () => {
    const rig = await PoolRig.started(1);
    const received: number[] = [];
    rig.begin = (call) =>
      call.listen({
        message: (bytes) => received.push(bytes.length),
        halfClosed: () => call.finish(OK),
        cancelled: () => {},
      });
    const [caller] = await rig.run(1);
    const sizes = [10, 1 << 20, 20, ...Array.from({ length: 25 }, () => 60_000), 0, 3 << 20, 30];
    for (const size of sizes) caller!.send(Buffer.alloc(size));
    caller!.halfClose();
    await settle();
    await settle();
    expect([received, caller!.end]).toEqual([sizes, "0 "]);
  });

  it("carries who the caller is, and by which name it called", async () => {
    const rig = await PoolRig.started(1);
    const certificate = (name: string) => ({
      subject: { CN: name },
      issuer: { CN: "authority" },
      subjectaltname: `DNS:${name}`,
      fingerprint256: `print of ${name}`,
      serialNumber: "01",
      raw: Buffer.from(name),
    });
    const callers = [...Array.from({ length: 100 }, (_, index) => `caller ${index}`), "caller 99", "caller 0"];
    for (const name of callers) {
      rig.pool.run({ ...new StubCaller().call, authority: name, peerCertificate: () => certificate(name) });
      await settle();
    }
    expect(rig.running.map(({ call }) => [call.authority, call.peerCertificate?.()])).toEqual(
      callers.map((name) => [name, certificate(name)]),
    );
    await rig.run(1);
    const last = rig.running.at(-1)!.call;
    expect([last.authority, last.peerCertificate?.()]).toEqual([undefined, undefined]);
  });

  it("carries how the answer is to be compressed, and which of its messages are not", async () => {
    const rig = await PoolRig.started(1);
    rig.begin = (call) => {
      call.compress?.({ encoding: "gzip", compresses: (message) => message.length > 3 });
      for (const text of ["long", "no", "longer"]) call.send(Buffer.from(text));
      call.finish(OK);
    };
    const caller = new StubCaller();
    const seen: unknown[] = [];
    let compresses: MessageCompression["compresses"];
    rig.pool.run({
      ...caller.call,
      compress: (given) => {
        seen.push(given.encoding);
        compresses = given.compresses;
      },
      send: (bytes) => {
        seen.push([bytes.toString(), compresses?.(bytes)]);
        return true;
      },
    });
    await settle();
    expect(seen).toEqual(["gzip", ["long", true], ["no", false], ["longer", true]]);
  });

  it("carries metadata with bytes, order and what is sensitive both ways", async () => {
    const rig = await PoolRig.started(1);
    const metadata = new CallMetadata();
    metadata.append("x-a", "1");
    metadata.append("x-b-bin", Buffer.from([0, 255]));
    metadata.append("x-a", "2");
    metadata.markSensitive("x-a");
    rig.begin = (call) => {
      call.sendHeaders(call.metadata);
      call.finish({ ...OK, trailers: call.metadata });
    };
    const caller = new StubCaller();
    rig.pool.run({ ...caller.call, metadata });
    await settle();
    const seen = [...caller.seen.headers, ...caller.seen.ends.map(({ trailers }) => trailers)];
    expect(seen.map((each) => [each.entries(), each.sensitiveKeys])).toEqual([
      [metadata.entries(), ["x-a"]],
      [metadata.entries(), ["x-a"]],
    ]);
  });
});
