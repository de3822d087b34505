import fc from "fast-check";
import { Balancer } from "../../../src/balancing/balancer";
import type { DispatchRequest } from "../../../src/balancing/dispatch";
import type { DispatcherOptions } from "../../../src/balancing/dispatcher";
import { RetryBudget } from "../../../src/balancing/retry-budget";
import { TrackedEndpoint, type EndpointTraits } from "../../../src/balancing/tracked-endpoint";
import { FabricError, type ErrorCode } from "../../../src/core/errors";
import { seededRandom } from "../../../src/core/random";
import { ManualClock, settle } from "../../../src/testing/manual-clock";
import { PromisedDispatcher, type Attempt } from "../../support/promised-dispatcher";

const REQUEST: DispatchRequest = { method: "a.B/C", idempotent: false };

type Options = Partial<DispatcherOptions<TrackedEndpoint>>;

function open(memberIds: readonly string[], options: Options = {}, traits: Partial<EndpointTraits> = {}) {
  const clock = new ManualClock();
  const random = seededRandom(1);
  const balancer = new Balancer<TrackedEndpoint>({ random, policy: "round-robin" });
  const endpoints = memberIds.map(
    (memberId) => new TrackedEndpoint(memberId, { services: ["a.B"], ...traits }, { clock, slowStartMs: 0 }),
  );
  balancer.publish(endpoints);
  const dispatcher = new PromisedDispatcher<TrackedEndpoint>({ balancer, clock, random, ...options });
  return { clock, balancer, dispatcher, endpoints };
}

/** An attempt whose end the test decides. */
function controlled() {
  const calls: { memberId: string; number: number; answer: (text: string) => void; fail: (error: unknown) => void }[] =
    [];
  const attempt: Attempt<TrackedEndpoint, string> = ({ memberId }, { number }) =>
    new Promise((answer, fail) => calls.push({ memberId, number, answer, fail }));
  return { calls, attempt };
}

/** An attempt that fails with each of `codes` in turn and then answers with the names of the workers it was on. */
function failing(...codes: readonly ErrorCode[]) {
  const tried: string[] = [];
  const attempt: Attempt<TrackedEndpoint, readonly string[]> = ({ memberId }) => {
    tried.push(memberId);
    const code = codes[tried.length - 1];
    return code ? Promise.reject(new FabricError(code, `from ${memberId}`)) : Promise.resolve(tried);
  };
  return { tried, attempt };
}

/** What became of a promise, once everything that is ready has settled. */
function watch<T>(promise: Promise<T>) {
  const seen: { value?: T; error?: FabricError; settled: boolean } = { settled: false };
  promise.then(
    (value) => Object.assign(seen, { value, settled: true }),
    (error: unknown) => Object.assign(seen, { error, settled: true }),
  );
  return seen;
}

const inFlight = (endpoints: readonly TrackedEndpoint[]) => endpoints.map((each) => each.inFlight);

describe("Dispatcher", () => {
  it("D1 counts a call on its worker before the next one is picked, and until it has ended", async () => {
    const { dispatcher, endpoints, balancer } = open(["w1", "w2", "w3"]);
    balancer.setPolicy("least-connections");
    const { calls, attempt } = controlled();
    const all = [1, 2, 3].map(() => dispatcher.dispatch(REQUEST, attempt));
    expect(inFlight(endpoints)).toEqual([1, 1, 1]);
    calls[0]!.answer("done");
    expect(await all[0]).toBe("done");
    expect(inFlight(endpoints).reduce((sum, each) => sum + each)).toBe(2);
    expect(dispatcher.counts).toMatchObject({ started: 3, ok: 1, inFlight: 2 });
  });

  describe("retries", () => {
    it.each(["WORKER_UNREACHABLE", "WORKER_DRAINING", "WORKER_FAILED", "WORKER_FULL"] as const)(
      "a call that %s proves was not executed goes to other workers, for any method",
      async (code) => {
        const { dispatcher, endpoints } = open(["w1", "w2", "w3"]);
        const { tried, attempt } = failing(code, code);
        await dispatcher.dispatch(REQUEST, attempt);
        expect([...tried].sort()).toEqual(["w1", "w2", "w3"]);
        expect(dispatcher.counts).toMatchObject({ started: 1, ok: 1, failed: 0, retries: 2, inFlight: 0 });
        expect(inFlight(endpoints)).toEqual([0, 0, 0]);
      },
    );

    it("D3 a call that may have run fails at once unless its method is idempotent", async () => {
      const { dispatcher } = open(["w1", "w2", "w3"]);
      const once = failing("WORKER_LOST");
      await expect(dispatcher.dispatch(REQUEST, once.attempt)).rejects.toMatchObject({ code: "WORKER_LOST" });
      expect(once.tried).toHaveLength(1);
      const again = failing("WORKER_LOST");
      await dispatcher.dispatch({ ...REQUEST, idempotent: true }, again.attempt);
      expect(new Set(again.tried).size).toBe(2);
    });

    it("D3 a call is not retried once its response has begun", async () => {
      const { dispatcher } = open(["w1", "w2"]);
      const attempt: Attempt<TrackedEndpoint, never> = (_endpoint, { commit }) => {
        commit();
        return Promise.reject(new FabricError("WORKER_LOST", ""));
      };
      await expect(dispatcher.dispatch({ ...REQUEST, idempotent: true }, attempt)).rejects.toThrow("WORKER_LOST");
      expect(dispatcher.counts).toMatchObject({ retries: 0, failed: 1 });
    });

    it("end after three attempts that may have run, and after five that did not", async () => {
      const { dispatcher } = open(["w1", "w2", "w3", "w4", "w5", "w6", "w7"]);
      const lost = failing(...new Array<ErrorCode>(9).fill("WORKER_LOST"));
      await expect(dispatcher.dispatch({ ...REQUEST, idempotent: true }, lost.attempt)).rejects.toThrow("WORKER_LOST");
      expect(new Set(lost.tried).size).toBe(3);
      const refused = failing(...new Array<ErrorCode>(9).fill("WORKER_DRAINING"));
      await expect(dispatcher.dispatch(REQUEST, refused.attempt)).rejects.toThrow("WORKER_DRAINING");
      expect(new Set(refused.tried).size).toBe(5);
    });

    it("stop when the budget is spent, so that an outage does not multiply the calls", async () => {
      const budget = new RetryBudget(new ManualClock(), { retryBudgetPerSecond: 0 });
      const { dispatcher } = open(["w1", "w2"], { retryBudget: budget });
      let attempts = 0;
      const attempt = () => {
        attempts += 1;
        return Promise.reject(new FabricError("WORKER_LOST", ""));
      };
      for (let call = 0; call < 100; call += 1) {
        await expect(dispatcher.dispatch({ ...REQUEST, idempotent: true }, attempt)).rejects.toThrow();
      }
      expect(attempts).toBeLessThanOrEqual(100 * 1.2 + 10);
    });

    it("cost the workers less than a quarter more calls while the whole pool loses all it takes, with the defaults", async () => {
      const { dispatcher, clock } = open(["w1", "w2", "w3"]);
      let attempts = 0;
      const attempt = () => {
        attempts += 1;
        return Promise.reject(new FabricError("WORKER_LOST", ""));
      };
      const seconds = 20;
      for (let second = 0; second < seconds; second += 1) {
        const calls = Array.from({ length: 500 }, () =>
          dispatcher.dispatch({ ...REQUEST, idempotent: true }, attempt).catch(() => {}),
        );
        await clock.advance(1_000);
        await Promise.all(calls);
      }
      expect(attempts / (seconds * 500)).toBeLessThan(1.25);
      expect(attempts / (seconds * 500)).toBeGreaterThan(1.15); // it is used
    });

    it("of two dispatchers that share a budget draw on the same one", async () => {
      const budget = new RetryBudget(new ManualClock(), { retryBudgetPerSecond: 0 });
      let attempts = 0;
      for (const dispatcher of [1, 2].map(() => open(["w1", "w2"], { retryBudget: budget }).dispatcher)) {
        for (let call = 0; call < 20; call += 1) {
          const attempt = () => {
            attempts += 1;
            return Promise.reject(new FabricError("WORKER_LOST", ""));
          };
          await expect(dispatcher.dispatch({ ...REQUEST, idempotent: true }, attempt)).rejects.toThrow();
        }
      }
      expect(attempts).toBeLessThanOrEqual(40 * 1.2 + 10);
    });

    it("wait a little before they come to a worker a second time", async () => {
      const { clock, dispatcher } = open(["w1"]);
      const { tried, attempt } = failing("WORKER_UNREACHABLE", "WORKER_UNREACHABLE");
      const call = watch(dispatcher.dispatch(REQUEST, attempt));
      await settle();
      expect(tried).toHaveLength(2);
      await clock.advance(50);
      expect(tried).toHaveLength(3);
      expect(call.settled).toBe(true);
    });

    it("go to a worker that joined meanwhile, and hold the call while there is none", async () => {
      const { clock, balancer, dispatcher } = open(["w1"]);
      const { tried, attempt } = failing("WORKER_UNREACHABLE");
      balancer.onPublish(() => {});
      const call = dispatcher.dispatch(REQUEST, (endpoint, context) => {
        if (tried.length === 0) balancer.publish([]);
        return attempt(endpoint, context);
      });
      await clock.advance(1_000);
      expect(dispatcher.counts.queued).toBe(1);
      balancer.publish([new TrackedEndpoint("w2", { services: ["a.B"] }, { clock })]);
      expect(await call).toEqual(["w1", "w2"]);
    });

    it("end at the deadline, with the failure that is known", async () => {
      const { clock, dispatcher } = open(["w1"]);
      const { attempt } = failing(...new Array<ErrorCode>(5).fill("WORKER_UNREACHABLE"));
      const call = watch(dispatcher.dispatch({ ...REQUEST, timeoutMs: 20 }, attempt));
      await clock.advance(0);
      expect(call.error?.code).toBe("WORKER_UNREACHABLE");
    });

    it("treat what an attempt throws as an answer, never tried again, and its slot is free", async () => {
      const { dispatcher, endpoints } = open(["w1", "w2"]);
      const call = dispatcher.dispatch({ ...REQUEST, idempotent: true }, () => {
        throw new TypeError("oops");
      });
      await expect(call).rejects.toMatchObject({ code: "REMOTE", message: "[REMOTE] oops" });
      expect(inFlight(endpoints)).toEqual([0, 0]);
    });
  });

  describe("what an attempt's end says of its worker", () => {
    it.each([
      ["ok", undefined, { ok: 1, failed: 0, cancelled: 0 }],
      ["a lost connection", "WORKER_LOST", { ok: 0, failed: 1, cancelled: 0 }],
      ["a bad request", "INVALID_ARGUMENT", { ok: 1, failed: 0, cancelled: 0 }],
      ["a cancelled call", "CANCELLED", { ok: 0, failed: 0, cancelled: 1 }],
      ["a missed deadline", "DEADLINE_EXCEEDED", { ok: 0, failed: 1, cancelled: 0 }],
    ] as const)("%s", async (_title, code, counts) => {
      const { dispatcher, endpoints } = open(["w1"]);
      const attempt = () => (code ? Promise.reject(new FabricError(code, "")) : Promise.resolve("done"));
      await dispatcher.dispatch(REQUEST, attempt).catch(() => {});
      expect(endpoints[0]!.counts).toEqual({ started: 1, ...counts });
    });

    it("nothing, when it broke because the caller cancelled", async () => {
      const { dispatcher, endpoints } = open(["w1"]);
      const abort = new AbortController();
      const attempt: Attempt<TrackedEndpoint, never> = (_endpoint, { signal }) =>
        new Promise((_resolve, reject) => signal!.addEventListener("abort", () => reject(new Error("stream reset"))));
      const call = dispatcher.dispatch({ ...REQUEST, signal: abort.signal }, attempt);
      abort.abort();
      await expect(call).rejects.toMatchObject({ code: "CANCELLED" });
      expect(endpoints[0]!.counts).toMatchObject({ failed: 0, cancelled: 1 });
      expect(dispatcher.counts).toMatchObject({ cancelled: 1, failed: 0, inFlight: 0 });
    });
  });

  describe("waiting", () => {
    it("holds a call until a worker is published", async () => {
      const { clock, balancer, dispatcher, endpoints } = open(["w1"]);
      balancer.publish([]);
      const call = dispatcher.dispatch(REQUEST, ({ memberId }) => Promise.resolve(memberId));
      await clock.advance(4_999);
      balancer.publish(endpoints);
      expect(await call).toBe("w1");
      expect(clock.pendingTimers).toBe(0);
    });

    it("fails it with an explanation when none comes within the queue timeout", async () => {
      const { clock, dispatcher } = open([], {
        unready: { explain: () => new FabricError("NO_READY_WORKER", "3 workers: 2 suspect, 1 draining") },
      });
      const call = watch(dispatcher.dispatch(REQUEST, () => Promise.resolve()));
      await clock.advance(4_999);
      expect(call.settled).toBe(false);
      await clock.advance(1);
      expect(call.error?.message).toBe("[NO_READY_WORKER] 3 workers: 2 suspect, 1 draining");
      expect(dispatcher.counts).toMatchObject({ failed: 1, queued: 0 });
    });

    it("fails it at its deadline if that comes first, and says what it waited for", async () => {
      const { clock, dispatcher } = open([]);
      const call = watch(dispatcher.dispatch({ ...REQUEST, timeoutMs: 1_000 }, () => Promise.resolve()));
      await clock.advance(1_000);
      expect(call.error?.code).toBe("DEADLINE_EXCEEDED");
      expect(call.error?.message).toContain("no worker is ready for a.B/C");
    });

    it("waits for ready until the deadline, where the call says so", async () => {
      const { clock, balancer, dispatcher, endpoints } = open(["w1"], { queueTimeoutMs: 1_000 });
      balancer.publish([]);
      const { tried, attempt } = failing();
      const patient = { ...REQUEST, waitForReady: true };
      const [served, late] = [
        watch(dispatcher.dispatch(patient, attempt)),
        watch(dispatcher.dispatch({ ...patient, timeoutMs: 2_000 }, attempt)),
      ];
      await clock.advance(3_000);
      expect(late.error).toMatchObject({ code: "DEADLINE_EXCEEDED" });
      expect(served.settled).toBe(false);
      balancer.publish(endpoints);
      await settle();
      expect([served.settled, tried]).toEqual([true, ["w1"]]);
    });

    it("waits for nobody where the call says so", async () => {
      const { balancer, dispatcher } = open(["w1"]);
      balancer.publish([]);
      const seen = watch(dispatcher.dispatch({ ...REQUEST, waitForReady: false }, failing().attempt));
      await settle();
      expect(seen.error).toMatchObject({ code: "NO_READY_WORKER" });
      expect(dispatcher.counts).toMatchObject({ failed: 1, queued: 0 });
    });

    it("does not hold a call that the callback refuses", async () => {
      const refusal = new FabricError("UNKNOWN_SERVICE", "a.B");
      const { dispatcher } = open([], { unready: { refuse: () => refusal, explain: () => refusal } });
      await expect(dispatcher.dispatch(REQUEST, () => Promise.resolve())).rejects.toBe(refusal);
    });

    it("refuses more calls than the queue holds", async () => {
      const { clock, dispatcher } = open([], { queueMax: 2 });
      const held = [1, 2].map(() => watch(dispatcher.dispatch(REQUEST, () => Promise.resolve())));
      await expect(dispatcher.dispatch(REQUEST, () => Promise.resolve())).rejects.toMatchObject({ code: "QUEUE_FULL" });
      await clock.advance(5_000);
      expect(held.map(({ error }) => error?.code)).toEqual(["NO_READY_WORKER", "NO_READY_WORKER"]);
    });

    it("D4 gives slots that are freed to those who wait, in the order in which they came", async () => {
      const { dispatcher, endpoints } = open(["w1"], {}, { slots: 1 });
      const { calls, attempt } = controlled();
      const order: number[] = [];
      const all = [1, 2, 3, 4].map((name) => dispatcher.dispatch(REQUEST, attempt).then(() => order.push(name)));
      expect(dispatcher.counts).toMatchObject({ inFlight: 1, queued: 3 });
      for (let call = 0; call < 4; call += 1) {
        calls[call]!.answer("done");
        await settle();
        expect(endpoints[0]!.inFlight).toBe(call < 3 ? 1 : 0);
      }
      await Promise.all(all);
      expect(order).toEqual([1, 2, 3, 4]);
    });

    it("D4 lets no new call overtake those who wait, even to a slot that appeared without notice", async () => {
      const { dispatcher, endpoints } = open(["w1"], {}, { slots: 1 });
      const { calls, attempt } = controlled();
      const order: string[] = [];
      const start = (name: string) =>
        dispatcher.dispatch(REQUEST, (endpoint, context) => {
          order.push(name);
          return attempt(endpoint, context);
        });
      const all = [start("first"), start("second")];
      endpoints[0]!.update({ slots: 2 });
      all.push(start("third"));
      await settle();
      expect(order).toEqual(["first", "second"]);
      calls[0]!.answer("done");
      await settle();
      expect(order).toEqual(["first", "second", "third"]);
      for (const { answer } of calls) answer("done");
      await Promise.all(all);
    });

    it("lets a call for another service pass those who wait", async () => {
      const { clock, balancer, dispatcher } = open([]);
      const waiting = watch(dispatcher.dispatch(REQUEST, () => Promise.resolve()));
      balancer.publish([new TrackedEndpoint("w9", { services: ["x.Y"] }, { clock })]);
      const other = dispatcher.dispatch({ ...REQUEST, method: "x.Y/Z" }, ({ memberId }) => Promise.resolve(memberId));
      expect(await other).toBe("w9");
      expect(waiting.settled).toBe(false);
    });

    it("ends when the caller cancels, and leaves nothing behind", async () => {
      const { clock, dispatcher } = open([]);
      const abort = new AbortController();
      const call = dispatcher.dispatch({ ...REQUEST, signal: abort.signal }, () => Promise.resolve());
      abort.abort();
      await expect(call).rejects.toMatchObject({ code: "CANCELLED" });
      expect(dispatcher.counts).toMatchObject({ cancelled: 1, queued: 0 });
      expect(clock.pendingTimers).toBe(0);
    });

    it("D1 starts a call that waits in the very tick in which there is a worker for it", async () => {
      const { balancer, dispatcher, endpoints } = open(["w1"], {}, { slots: 1 });
      balancer.publish([]);
      const { calls, attempt } = controlled();
      const call = dispatcher.dispatch(REQUEST, attempt);
      balancer.publish(endpoints);
      expect([calls.length, ...inFlight(endpoints)]).toEqual([1, 1]);
      calls[0]!.answer("done");
      expect(await call).toBe("done");
    });

    it("ends when the dispatcher closes, which lets attempts in flight go on", async () => {
      const { clock, dispatcher } = open(["w1"], {}, { slots: 1 });
      const { calls, attempt } = controlled();
      const running = dispatcher.dispatch(REQUEST, attempt);
      const waiting = dispatcher.dispatch(REQUEST, attempt);
      const stopping = new FabricError("DIRECTOR_STOPPING", "bye");
      dispatcher.close(stopping);
      await expect(waiting).rejects.toBe(stopping);
      await expect(dispatcher.dispatch(REQUEST, attempt)).rejects.toBe(stopping);
      calls[0]!.answer("done");
      expect(await running).toBe("done");
      expect(clock.pendingTimers).toBe(0);
    });
  });

  it.each([
    ["a deadline that has passed", { timeoutMs: 0 }, "DEADLINE_EXCEEDED"],
    ["a signal that was aborted", { signal: AbortSignal.abort() }, "CANCELLED"],
    ["an unknown policy", { policy: "fastest" }, "INVALID_ARGUMENT"],
    ["a broken selector", { match: "gpu=1," }, "INVALID_ARGUMENT"],
  ])("makes no attempt for %s", async (_title, given, code) => {
    const { dispatcher, endpoints } = open(["w1"]);
    await expect(dispatcher.dispatch({ ...REQUEST, ...given }, () => Promise.resolve())).rejects.toMatchObject({
      code,
    });
    expect(endpoints[0]!.counts.started).toBe(0);
  });

  it("D2 R-07 every begin is finished exactly once, whatever calls, cancels, failures and publishes come together", async () => {
    const codes: readonly (ErrorCode | undefined)[] = [
      undefined,
      "WORKER_LOST",
      "WORKER_DRAINING",
      "WORKER_FULL",
      "REMOTE",
    ];
    const step = fc.oneof(
      fc.record({ kind: fc.constant("call" as const), idempotent: fc.boolean() }),
      fc.record({ kind: fc.constant("end" as const), which: fc.nat(), code: fc.constantFrom(...codes) }),
      fc.record({ kind: fc.constant("cancel" as const), which: fc.nat() }),
      fc.record({ kind: fc.constant("publish" as const), mask: fc.nat(7) }),
      fc.record({ kind: fc.constant("advance" as const), ms: fc.integer({ min: 1, max: 3_000 }) }),
    );
    const property = fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const { clock, balancer, dispatcher, endpoints } = open(["w1", "w2", "w3"], { queueMax: 4 }, { slots: 2 });
      const { calls, attempt } = controlled();
      const aborts: AbortController[] = [];
      const results: { settled: boolean }[] = [];
      const run = async (each: typeof step extends fc.Arbitrary<infer S> ? S : never) => {
        switch (each.kind) {
          case "call": {
            const abort = new AbortController();
            aborts.push(abort);
            const request = { ...REQUEST, idempotent: each.idempotent, signal: abort.signal };
            results.push(watch(dispatcher.dispatch(request, attempt)));
            return;
          }
          case "end": {
            const call = calls[each.which % Math.max(1, calls.length)];
            if (each.code) call?.fail(new FabricError(each.code, ""));
            else call?.answer("done");
            return;
          }
          case "cancel":
            aborts[each.which % Math.max(1, aborts.length)]?.abort();
            return;
          case "publish":
            balancer.publish(endpoints.filter((_, index) => each.mask & (1 << index)));
            return;
          case "advance":
            await clock.advance(each.ms);
        }
      };
      for (const each of steps) {
        await run(each);
        expect(endpoints.every(({ inFlight: count }) => count <= 2)).toBe(true);
      }
      for (let round = 0; round < 6; round += 1) {
        for (const call of calls) call.fail(new FabricError("WORKER_LOST", ""));
        await clock.advance(6_000);
      }
      expect(results.every(({ settled }) => settled)).toBe(true);
      expect(inFlight(endpoints)).toEqual([0, 0, 0]);
      const { started, ok, failed, cancelled, ...now } = dispatcher.counts;
      expect(started).toBe(ok + failed + cancelled);
      expect(now).toMatchObject({ inFlight: 0, queued: 0 });
      const counts = endpoints.map((each) => each.counts);
      expect(counts.map((each) => each.ok + each.failed + each.cancelled)).toEqual(counts.map((each) => each.started));
      expect(counts.reduce((sum, each) => sum + each.started, 0)).toBeGreaterThanOrEqual(calls.length);
      expect(clock.pendingTimers).toBe(0);
    });
    await fc.assert(property, { numRuns: 60 });
  });
});
