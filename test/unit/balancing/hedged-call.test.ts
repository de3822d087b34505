import { Balancer } from "../../../src/balancing/balancer";
import { Dispatcher } from "../../../src/balancing/dispatcher";
import type { ConnectedEndpoint } from "../../../src/balancing/forward-call";
import { hedged } from "../../../src/balancing/hedge-request";
import { LatencyQuantiles } from "../../../src/balancing/latency-quantile";
import { RetryBudget } from "../../../src/balancing/retry-budget";
import { RetryMemory } from "../../../src/balancing/retry-memory";
import { TrackedEndpoint } from "../../../src/balancing/tracked-endpoint";
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
  readonly hedge?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly workers?: number;
  readonly idempotent?: boolean;
  readonly requestStream?: boolean;
  readonly resumable?: boolean;
  readonly budget?: RetryBudget;
  readonly retryBufferBytes?: number;
  readonly timeoutMs?: number;
}

function rig({ workers: count = 3, budget, retryBufferBytes = 1_000, ...options }: Options = {}) {
  const clock = new ManualClock();
  const random = seededRandom(1);
  const balancer = new Balancer<StubWorker>({ random, policy: "round-robin" });
  const workers = ["w1", "w2", "w3"].slice(0, count).map((memberId) => new StubWorker(memberId, clock));
  const calls: (StubCallee & { at?: string })[] = [];
  for (const { connection, memberId } of workers) {
    connection.onCall = (callee) => calls.push(Object.assign(callee, { at: memberId }));
  }
  balancer.publish(workers);
  const dispatcher = new Dispatcher<StubWorker>({ balancer, clock, random, ...(budget && { retryBudget: budget }) });
  const retryMemory = new RetryMemory(Infinity);
  const latencies = new LatencyQuantiles();
  const parts = { clock, budget: dispatcher.retryBudget, latencies, attemptsMax: 3, retryBufferBytes, retryMemory };
  const call = ({ hedge = "50ms", metadata = {}, timeoutMs }: Options = options) => {
    const caller = new StubCaller({
      metadata: { "heddle-hedge": hedge, ...metadata },
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    });
    const { arriving } = caller;
    const { requestStream = false, resumable = false, idempotent = true } = options;
    const plan = {
      dispatcher,
      retryBufferBytes,
      retryMemory,
      metadata: arriving.metadata,
      request: { method: "a.B/C", idempotent },
    };
    hedged(arriving, { requestStream, responseStream: true, idempotent, resumable }, plan, parts);
    caller.send(Buffer.from("asked"));
    caller.halfClose();
    return caller;
  };
  const left = () => [
    ...workers.map(({ inFlight }) => inFlight),
    dispatcher.counts.inFlight,
    clock.pendingTimers,
    retryMemory.bytes,
  ];
  return { clock, calls, call, latencies, left };
}

const texts = (messages: readonly Uint8Array[]) => messages.map((each) => Buffer.from(each).toString());

describe("A hedged call", () => {
  it("G1 goes to another worker after the delay and not before, with the same requests", async () => {
    const { call, calls, clock } = rig();
    call();
    await clock.advance(49);
    const before = calls.length;
    await clock.advance(1);
    expect([before, calls.length, new Set(calls.map(({ at }) => at)).size]).toEqual([1, 2, 2]);
    expect(calls.map(({ requests, halfClosed }) => [texts(requests), halfClosed])).toEqual([
      [["asked"], true],
      [["asked"], true],
    ]);
    await clock.advance(1_000);
    expect(calls).toHaveLength(2);
  });

  it("G1 makes as many attempts as are asked for, each on a worker of its own", async () => {
    const { call, calls, clock } = rig({ metadata: { "heddle-hedge-attempts": "3" } });
    call();
    await clock.advance(500);
    expect(calls.map(({ at }) => at).sort()).toEqual(["w1", "w2", "w3"]);
  });

  it("G1 makes none where there is no other worker, and the first one's answer counts", async () => {
    const { call, calls, clock, left } = rig({ workers: 1 });
    const caller = call();
    await clock.advance(500);
    calls[0]!.message("answer");
    calls[0]!.succeed();
    await settle();
    expect([calls.length, texts(caller.seen.messages), caller.end]).toEqual([1, ["answer"], "0 "]);
    expect(left()).toEqual([0, 0, 0, 0]);
  });

  it("G1 makes none beyond the budget, nor when the request was too long to be kept", async () => {
    const spent = new RetryBudget(new ManualClock(), { retryBudgetPerSecond: 0, retryBudgetRatio: 0 });
    const poor = rig({ budget: spent });
    poor.call();
    const short = rig({ retryBufferBytes: 3 });
    short.call();
    await Promise.all([poor, short].map(({ clock }) => clock.advance(500)));
    expect([poor.calls.length, short.calls.length]).toEqual([1, 1]);
  });

  it.each(["first", "second"] as const)(
    "G2 the %s answer to begin is the answer; the other is cancelled, its slot free",
    async (who) => {
      const { call, calls, clock, left } = rig();
      const caller = call();
      await clock.advance(50);
      const [winner, loser] = who === "first" ? calls : [...calls].reverse();
      winner!.headers({ "x-by": winner!.at! });
      expect([winner!.cancelled, loser!.cancelled]).toEqual([false, true]);
      loser!.message("late");
      winner!.message("answer");
      winner!.succeed();
      await settle();
      expect(texts(caller.seen.messages)).toEqual(["answer"]);
      const { trailers } = caller.seen.ends[0]!;
      expect([trailers.text("heddle-worker"), trailers.text("heddle-attempts")]).toEqual([winner!.at, "2"]);
      expect([caller.seen.ends.length, ...left()]).toEqual([1, 0, 0, 0, 0, 0, 0]);
    },
  );

  it("G2 a status that a handler chose decides too", async () => {
    const { call, calls, clock, left } = rig();
    const caller = call();
    await clock.advance(50);
    calls[1]!.answer(Status.NOT_FOUND, "no such thing");
    await settle();
    expect([caller.end, calls[0]!.cancelled]).toEqual(["5 no such thing", true]);
    expect(left()).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it("G3 a leg that is lost is replaced at once, and the call fails with the last one", async () => {
    const { call, calls, left } = rig({ hedge: "1000ms" });
    const caller = call();
    for (let number = 0; number < 3; number += 1) {
      calls[number]!.fail("WORKER_LOST");
      await settle();
    }
    expect([new Set(calls.map(({ at }) => at)).size, caller.end]).toEqual([3, expect.stringContaining("WORKER_LOST")]);
    expect(left()).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it("a worker's pushback puts the next attempt off, or ends hedging where it is no time", async () => {
    const later = rig();
    later.call();
    later.calls[0]!.fail("THREAD_LOST", "busy", { "grpc-retry-pushback-ms": "700" });
    await later.clock.advance(699);
    const before = later.calls.length;
    await later.clock.advance(1);
    expect([before, later.calls.length]).toEqual([1, 2]);
    const never = rig();
    const caller = never.call();
    never.calls[0]!.fail("THREAD_LOST", "busy", { "grpc-retry-pushback-ms": "-1" });
    await never.clock.advance(1_000);
    expect([never.calls.length, caller.end]).toEqual([1, expect.stringContaining("THREAD_LOST")]);
  });

  it("is over on all workers when its caller cancels, or its deadline passes", async () => {
    const cancelled = rig();
    const caller = cancelled.call();
    await cancelled.clock.advance(50);
    caller.cancel();
    await settle();
    expect([cancelled.calls.map((call) => call.cancelled), cancelled.left()]).toEqual([
      [true, true],
      [0, 0, 0, 0, 0, 0],
    ]);
    const late = rig({ timeoutMs: 200 });
    const waiting = late.call();
    await late.clock.advance(200);
    await settle();
    expect([waiting.end, late.left()]).toEqual([expect.stringContaining("DEADLINE_EXCEEDED"), [0, 0, 0, 0, 0, 0]]);
    expect(late.calls[1]!.start.timeoutMs).toBe(150);
  });

  it.each<[string, Options, RegExp]>([
    ["a method that may not run twice", { idempotent: false }, /heddle-hedge cannot be had for .*idempotency_level/],
    ["a stream of requests", { requestStream: true }, /stream of requests/],
    ["a resumable method", { resumable: true }, /resumable/],
    ["a call with a key", { metadata: { "heddle-idempotency-key": "k" } }, /heddle-idempotency-key/],
    ["a delay that is none", { hedge: "soon" }, /heddle-hedge is "soon": use "p95", or whole milliseconds/],
    ["too long a delay", { hedge: "60001ms" }, /heddle-hedge is "60001ms"/],
    ["one attempt", { metadata: { "heddle-hedge-attempts": "1" } }, /heddle-hedge-attempts is "1": .*from 2 to 5/],
  ])("is refused for %s, and nothing is sent", async (_what, options, message) => {
    const { call, calls, left } = rig(options);
    const caller = call();
    await settle();
    expect(caller.end).toMatch(/^3 \[INVALID_ARGUMENT\]/);
    expect(caller.end).toMatch(message);
    expect([calls.length, ...left()]).toEqual([0, 0, 0, 0, 0, 0, 0]);
  });

  it("p95: begins to hedge when it knows how long the method takes, and then after that", async () => {
    const { call, calls, clock, latencies } = rig({ hedge: "p95" });
    for (let number = 0; number < 20; number += 1) {
      call();
      await clock.advance(10);
      calls[number]!.headers();
      calls[number]!.succeed();
      await settle();
    }
    expect([calls.length, latencies.p95Ms("a.B/C")]).toEqual([20, expect.closeTo(10)]);
    call();
    await clock.advance(9);
    const before = calls.length;
    await clock.advance(2);
    expect([before, calls.length]).toEqual([21, 22]);
  });
});

describe("LatencyQuantiles", () => {
  it.each([
    ["even", (unit: number) => 10 + 90 * unit, 95.5],
    ["long-tailed", (unit: number) => -20 * Math.log(1 - unit), 59.9],
  ])(
    "finds the 95th percentile of %s latencies within a fifth, and follows when they change",
    (_what, latency, p95) => {
      const random = seededRandom(7);
      const latencies = new LatencyQuantiles();
      const settleAt = (factor: number) => {
        for (let count = 0; count < 5_000; count += 1) latencies.observe("m", factor * latency(random.unit()));
        let sum = 0;
        for (let count = 0; count < 2_000; count += 1) {
          latencies.observe("m", factor * latency(random.unit()));
          sum += latencies.p95Ms("m")!;
        }
        return sum / 2_000;
      };
      expect(settleAt(1) / p95).toBeCloseTo(1, 0.4);
      expect(settleAt(10) / p95 / 10).toBeCloseTo(1, 0.4);
    },
  );

  it("knows nothing of a method that was not observed enough", () => {
    const latencies = new LatencyQuantiles();
    for (let count = 0; count < 19; count += 1) latencies.observe("m", 5);
    expect([latencies.p95Ms("m"), latencies.p95Ms("other")]).toEqual([undefined, undefined]);
  });
});
