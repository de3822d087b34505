import fc from "fast-check";
import { Balancer } from "../../../src/balancing/balancer";
import { Dispatcher } from "../../../src/balancing/dispatcher";
import { forwardCall, type ConnectedEndpoint } from "../../../src/balancing/forward-call";
import { TrackedEndpoint } from "../../../src/balancing/tracked-endpoint";
import { RetryMemory } from "../../../src/balancing/retry-memory";
import { CallMetadata } from "../../../src/core/call-metadata";
import type { ErrorCode } from "../../../src/core/errors";
import { seededRandom } from "../../../src/core/random";
import { Status } from "../../../src/core/status";
import { ManualClock, settle } from "../../../src/testing/manual-clock";
import { StubCaller } from "../../support/stub-caller";
import { StubConnection, type StubCallee } from "../../support/stub-connection";

class StubWorker extends TrackedEndpoint implements ConnectedEndpoint {
  readonly connection: StubConnection;

  constructor(memberId: string, clock: ManualClock) {
    super(memberId, { services: ["a.B"] }, { clock, slowStartMs: 0 });
    this.connection = new StubConnection(`${memberId}:7000`);
  }
}

interface Options {
  readonly idempotent?: boolean;
  readonly timeoutMs?: number;
  readonly retryBufferBytes?: number;
  /** Default: empty, and without bound. */
  readonly retryMemory?: RetryMemory;
  /** Workers that are ready. Default 3. */
  readonly workers?: number;
}

function forward(options: Options = {}) {
  const clock = new ManualClock();
  const random = seededRandom(1);
  const balancer = new Balancer<StubWorker>({ random, policy: "round-robin" });
  const workers = ["w1", "w2", "w3"].slice(0, options.workers ?? 3).map((memberId) => new StubWorker(memberId, clock));
  const calls: StubCallee[] = [];
  for (const { connection } of workers) connection.onCall = (callee) => calls.push(callee);
  balancer.publish(workers);
  const dispatcher = new Dispatcher<StubWorker>({ balancer, clock, random });
  const caller = new StubCaller(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs });
  forwardCall(caller.arriving, {
    dispatcher,
    metadata: CallMetadata.of({ authorization: "secret" }),
    retryBufferBytes: options.retryBufferBytes ?? 100,
    retryMemory: options.retryMemory ?? new RetryMemory(Infinity),
    request: { method: "a.B/C", idempotent: options.idempotent ?? false },
  });
  const inFlight = () => workers.reduce((sum, worker) => sum + worker.inFlight, dispatcher.counts.inFlight);
  return { clock, caller, calls, workers, balancer, dispatcher, inFlight };
}

const bytes = (text: string) => Buffer.from(text);
const texts = (messages: readonly Uint8Array[]) => messages.map((each) => Buffer.from(each).toString());

describe("forwardCall", () => {
  it("F1 carries requests, headers, answers, status and trailers as they are", async () => {
    const { caller, calls } = forward();
    caller.send(bytes("one"), bytes("two"));
    caller.halfClose();
    calls[0]!.headers({ "x-model": "1" });
    calls[0]!.message("first");
    calls[0]!.message("second");
    calls[0]!.answer(Status.ABORTED, "changed meanwhile", { "x-cost": "3" });
    await settle();
    const { start, requests, halfClosed } = calls[0]!;
    expect([start.path, start.metadata.entries()]).toEqual(["/a.B/C", [["authorization", "secret"]]]);
    expect([texts(requests), halfClosed]).toEqual([["one", "two"], true]);
    expect(caller.seen.headers.map((headers) => headers.text("x-model"))).toEqual(["1"]);
    expect(texts(caller.seen.messages)).toEqual(["first", "second"]);
    expect(caller.seen.ends).toHaveLength(1);
    expect(caller.end).toBe("10 changed meanwhile");
    const { trailers } = caller.seen.ends[0]!;
    expect(["x-cost", "heddle-worker", "heddle-attempts"].map((key) => trailers.text(key))).toEqual(["3", "w2", "1"]);
  });

  describe("a worker that sees the deadline pass a moment before this process does", () => {
    async function answered(
      timeoutMs: number,
      afterMs: number,
      fail: (callee: StubCallee) => void,
      idempotent = false,
    ) {
      const { caller, calls, clock, inFlight } = forward({ timeoutMs, idempotent });
      await clock.advance(afterMs);
      fail(calls[0]!);
      await settle();
      const error = caller.seen.ends[0]?.trailers.text("heddle-error");
      return { end: caller.end, error, attempts: calls.length, isOver: inFlight() === 0 };
    }
    const itsAnswer = (callee: StubCallee) => callee.answer(Status.DEADLINE_EXCEEDED, "context deadline exceeded");
    const itsReset = (callee: StubCallee) => callee.fail("WORKER_LOST", "the worker reset the call (CANCEL)");
    const PASSED = {
      end: "4 [DEADLINE_EXCEEDED] a.B/C took too long",
      error: "DEADLINE_EXCEEDED",
      attempts: 1,
      isOver: true,
    };

    it.each([
      ["by its answer", 300, 250, itsAnswer],
      ["by its answer, at a tenth of a long time", 60_000, 54_500, itsAnswer],
      ["by a reset", 300, 295, itsReset],
    ])("says nothing of its own: %s", async (_how, timeoutMs, afterMs, fail) => {
      expect(await answered(timeoutMs, afterMs, fail)).toEqual(PASSED);
      expect(await answered(timeoutMs, afterMs, fail, true)).toEqual(PASSED);
    });

    it("but long before it the verdict is the worker's own, and a lost call is tried again", async () => {
      expect(await answered(60_000, 1_000, itsAnswer)).toMatchObject({
        end: "4 context deadline exceeded",
        attempts: 1,
      });
      expect(await answered(300, 100, itsReset, true)).toMatchObject({ end: undefined, attempts: 2 });
    });
  });

  it.each<[ErrorCode, boolean, number]>([
    ["WORKER_UNREACHABLE", false, 2],
    ["WORKER_DRAINING", false, 2],
    ["WORKER_FAILED", false, 2],
    ["WORKER_FULL", false, 2],
    ["WORKER_LOST", false, 1],
    ["WORKER_LOST", true, 2],
    ["REMOTE", true, 1],
    ["HANDLER_FAILED", true, 1],
    ["MESSAGE_TOO_LARGE", true, 1],
  ])(
    "tries another worker by what the error says of execution: %s, idempotent %s",
    async (code, idempotent, attempts) => {
      const { caller, calls, inFlight } = forward({ idempotent });
      caller.send(bytes("one"));
      caller.halfClose();
      calls[0]!.fail(code);
      await settle();
      calls[1]?.succeed();
      await settle();
      expect(calls.map(({ start }) => start.path)).toHaveLength(attempts);
      expect(caller.seen.ends[0]?.trailers.text("heddle-attempts")).toBe(String(attempts));
      expect([caller.seen.ends.length, inFlight()]).toEqual([1, 0]);
    },
  );

  it.each([
    ["headers", (callee: StubCallee) => callee.headers()],
    ["a message", (callee: StubCallee) => callee.message("first")],
  ])("F2 tries no other worker once %s went to the caller", async (_what, answer) => {
    const { caller, calls } = forward({ idempotent: true });
    caller.send(bytes("one"));
    caller.halfClose();
    answer(calls[0]!);
    calls[0]!.fail("WORKER_LOST", "the connection broke");
    await settle();
    expect([calls.length, caller.end]).toEqual([1, "14 [WORKER_LOST] worker w2: the connection broke"]);
  });

  it("sends all requests of a stream again, in order, and the half-close, wherever the attempt broke", async () => {
    for (const sentBefore of [0, 1, 2, 3]) {
      const { caller, calls } = forward();
      const requests = ["one", "two", "three"];
      caller.send(...requests.slice(0, sentBefore).map(bytes));
      calls[0]!.fail("WORKER_DRAINING");
      caller.send(...requests.slice(sentBefore).map(bytes));
      await settle();
      caller.halfClose();
      calls[1]!.succeed();
      await settle();
      expect([texts(calls[1]!.requests), calls[1]!.halfClosed, caller.end]).toEqual([requests, true, "0 "]);
    }
  });

  it("F3 a call that sent more than the buffer holds is not tried again", async () => {
    const { caller, calls } = forward({ retryBufferBytes: 10 });
    caller.send(bytes("12345"), bytes("67890"), bytes("x"));
    calls[0]!.fail("WORKER_DRAINING");
    await settle();
    expect([calls.length, caller.seen.ends[0]?.status]).toEqual([1, Status.UNAVAILABLE]);
  });

  it("F3 a call that sent just what the buffer holds is tried again with all of it", async () => {
    const { caller, calls } = forward({ retryBufferBytes: 10 });
    caller.send(bytes("12345"), bytes("67890"));
    calls[0]!.fail("WORKER_DRAINING");
    await settle();
    expect(texts(calls[1]!.requests)).toEqual(["12345", "67890"]);
  });

  it("F3 holds back a caller that sends more than the buffer while no worker is ready, and loses nothing of it", async () => {
    const { caller, calls, balancer, clock } = forward({ retryBufferBytes: 10, workers: 0 });
    caller.send(bytes("12345"));
    const early = caller.seen.paused;
    caller.send(bytes("67890"));
    const held = caller.seen.paused;
    const worker = new StubWorker("late", clock);
    worker.connection.onCall = (callee) => calls.push(callee);
    balancer.publish([worker]);
    await settle();
    expect([early, held, caller.seen.paused, texts(calls[0]!.requests)]).toEqual([
      false,
      true,
      false,
      ["12345", "67890"],
    ]);
  });

  it("F3 with the memory of all calls full, a call keeps nothing once it was sent, and is not tried again", async () => {
    const retryMemory = new RetryMemory(1_000);
    retryMemory.take(1_000);
    const { caller, calls } = forward({ retryMemory });
    caller.send(bytes("12345"));
    expect(retryMemory.bytes).toBe(1_000);
    calls[0]!.fail("WORKER_DRAINING");
    await settle();
    expect([calls.length, caller.seen.ends[0]?.status]).toEqual([1, Status.UNAVAILABLE]);
  });

  it("F3 with the memory of all calls full, a call that waits is held back at its first message, and sent whole", async () => {
    const retryMemory = new RetryMemory(1_000);
    retryMemory.take(1_000);
    const { caller, calls, balancer, clock } = forward({ retryMemory, workers: 0 });
    caller.send(bytes("12345"));
    expect(caller.seen.paused).toBe(true);
    const worker = new StubWorker("late", clock);
    worker.connection.onCall = (callee) => calls.push(callee);
    balancer.publish([worker]);
    await settle();
    expect([caller.seen.paused, texts(calls[0]!.requests), retryMemory.bytes]).toEqual([false, ["12345"], 1_000]);
  });

  it("F3 counts what it keeps while it may be tried again, chunk by chunk, and not after its end", async () => {
    const retryMemory = new RetryMemory(1_000_000);
    const { caller, calls } = forward({ retryMemory });
    caller.send(bytes("1"), bytes("2"));
    const kept = retryMemory.bytes;
    calls[0]!.fail("REMOTE");
    await settle();
    expect([kept, retryMemory.bytes]).toEqual([2 * 257, 0]);
  });

  it("F3 keeps no large read alive for a small part of it", async () => {
    const { caller, calls } = forward({ retryBufferBytes: 100_000 });
    const read = Buffer.alloc(65_536, "a");
    caller.send(read.subarray(100, 110));
    calls[0]!.fail("WORKER_DRAINING");
    await settle();
    const again = calls[1]!.requests[0]!;
    expect([texts([again]), again.buffer.byteLength < read.buffer.byteLength]).toEqual([["aaaaaaaaaa"], true]);
  });

  it("F4 a worker that reads slowly stops the caller, and lets it go on", async () => {
    const { caller, calls } = forward();
    calls[0]!.takesMore = false;
    caller.send(bytes("one"));
    const held = caller.seen.paused;
    calls[0]!.drain();
    await settle();
    expect([held, caller.seen.paused]).toEqual([true, false]);
  });

  it("F4 a worker that does not take the repeated requests holds the caller back", async () => {
    const { caller, calls, workers } = forward();
    for (const { connection } of workers) {
      connection.onCall = (callee) => {
        callee.takesMore = false;
        calls.push(callee);
      };
    }
    caller.send(bytes("one"), bytes("two"));
    calls[0]!.fail("WORKER_DRAINING");
    await settle();
    expect(caller.seen.paused).toBe(true);
    calls[1]!.drain();
    expect(caller.seen.paused).toBe(false);
  });

  it("F4 a caller that reads slowly stops the worker, and lets it go on", () => {
    const { caller, calls } = forward();
    caller.takesMore = false;
    calls[0]!.message("first");
    const held = calls[0]!.paused;
    caller.drain();
    expect([held, calls[0]!.paused]).toEqual([true, false]);
  });

  it("gives each attempt what is left of the deadline", async () => {
    const { clock, calls } = forward({ timeoutMs: 1_000 });
    await clock.advance(300);
    calls[0]!.fail("WORKER_DRAINING");
    await settle();
    expect(calls.map(({ start }) => start.timeoutMs)).toEqual([1_000, 700]);
  });

  it.each([
    ["while it waits for a worker", 0, () => {}],
    ["before an answer", 3, () => {}],
    ["after part of the answer", 3, (calls: readonly StubCallee[]) => calls[0]!.message("first")],
  ])("ends with DEADLINE_EXCEEDED at the deadline: %s", async (_when, workers, act) => {
    const { clock, caller, calls, inFlight } = forward({ timeoutMs: 1_000, workers });
    act(calls);
    await clock.advance(999);
    const early = caller.end;
    await clock.advance(1);
    expect([early, caller.seen.ends.length, caller.seen.ends[0]?.status]).toEqual([
      undefined,
      1,
      Status.DEADLINE_EXCEEDED,
    ]);
    expect([inFlight(), clock.pendingTimers]).toEqual([0, 0]);
    expect(calls.every(({ isOver }) => isOver)).toBe(true);
  });

  it("says after a refusal by every worker which was the last, and how many were asked", async () => {
    const { caller, calls, clock } = forward();
    for (let attempt = 0; attempt < 5; attempt += 1) {
      await clock.advance(2_000);
      calls[attempt]!.fail("WORKER_DRAINING", "leaving");
    }
    await settle();
    expect(caller.end).toMatch(/^14 \[WORKER_DRAINING\] /);
    expect(caller.seen.ends[0]?.trailers.text("heddle-attempts")).toBe("5");
  });

  it("keeps the trailer of a director further on that says which worker answered", async () => {
    const { caller, calls } = forward();
    calls[0]!.succeed({ "heddle-worker": "the-real-one", "heddle-attempts": "2" });
    await settle();
    expect(caller.seen.ends[0]?.trailers.text("heddle-worker")).toBe("the-real-one");
  });

  const event = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom("request", "answer") },
    {
      weight: 1,
      arbitrary: fc.constantFrom("half-close", "headers", "cancel", "refuse", "lose", "succeed", "reject", "time"),
    },
    { weight: 2, arbitrary: fc.constantFrom("settle", "slow-worker", "worker-drains", "slow-caller", "caller-drains") },
  );

  it("F1 ends exactly once and leaves nothing behind, whatever happens in whatever order", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 40 }), fc.boolean(), async (events, idempotent) => {
        const { clock, caller, calls, inFlight, dispatcher } = forward({
          timeoutMs: 5_000,
          idempotent,
          retryBufferBytes: 30,
        });
        const sent: string[] = [];
        let cancelled = false;
        let halfClosed = false;
        let answered = 0;
        for (const each of events) {
          const callee = calls.at(-1)!;
          if (each === "request" && !halfClosed && !caller.isOver && !cancelled && !caller.seen.paused) {
            const text = `request-${sent.length}`;
            sent.push(text);
            caller.send(bytes(text));
          } else if (each === "answer" && !callee.isOver) {
            answered += 1;
            callee.message(`answer-${answered}`);
          } else if (each === "half-close" && !halfClosed) {
            halfClosed = true;
            caller.halfClose();
          } else if (each === "cancel" && !cancelled && !caller.isOver) {
            cancelled = true;
            caller.cancel();
          } else if (each === "headers" && !callee.isOver) callee.headers();
          else if (each === "refuse") callee.fail("WORKER_DRAINING");
          else if (each === "lose") callee.fail("WORKER_LOST");
          else if (each === "succeed") callee.succeed();
          else if (each === "reject") callee.answer(Status.NOT_FOUND, "no");
          else if (each === "time") await clock.advance(700);
          else if (each === "settle") await settle();
          else if (each === "slow-worker") callee.takesMore = false;
          else if (each === "worker-drains") callee.drain();
          else if (each === "slow-caller") caller.takesMore = false;
          else if (each === "caller-drains") caller.drain();
          // Every worker that ran the call saw a beginning of what the caller sent: no gap, no repeat.
          for (const { requests } of calls) expect(texts(requests)).toEqual(sent.slice(0, requests.length));
        }
        const last = calls.at(-1)!;
        await settle();
        expect(last.isOver || cancelled || texts(last.requests).length === sent.length).toBe(true);
        await clock.advance(10_000);
        expect(caller.seen.ends).toHaveLength(1);
        expect([inFlight(), clock.pendingTimers, dispatcher.counts.queued]).toEqual([0, 0, 0]);
        const { started, ok, failed, cancelled: ended } = dispatcher.counts;
        expect(ok + failed + ended).toBe(started);
        // What the caller saw is the answer of one worker.
        expect(texts(caller.seen.messages)).toEqual(
          Array.from({ length: caller.seen.messages.length }, (_, index) => `answer-${index + 1}`),
        );
      }),
      { numRuns: 300 },
    );
  });
});
