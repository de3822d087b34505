import fc from "fast-check";

import { IntentKind } from "../../../generated/heddle/v1/member";
import { service, type CallContext } from "../../../src/api/index";
import { rawDefinition } from "../../../src/rpc/service/raw-definition";
import { typedClient } from "../../../src/rpc/service/typed-client";
import { MemoryCluster, type RunningDirector } from "../../../src/testing/memory-cluster";

const Work = rawDefinition("test.Work", { run: {} });
const ADDRESSES = ["director-1:61000", "director-2:61000"];
const CALL_MS = 100;

describe("Standby workers (G-02)", () => {
  let cluster: MemoryCluster;
  let director: RunningDirector;
  /** Calls that each worker runs now, and how many it ever got. */
  let running: Map<string, number>;
  let taken: Map<string, number>;

  beforeEach(async () => {
    cluster = await MemoryCluster.open();
    running = new Map();
    taken = new Map();
    director = await cluster.director("director-1", { queueTimeoutMs: 60_000, queueMax: 1_000 });
  });

  afterEach(() => cluster.close());

  async function worker(name: string, options: { slots?: number; standby?: boolean; role?: string } = {}) {
    const work = service(Work, {
      run: async (_request: Uint8Array, { signal }: CallContext) => {
        running.set(name, (running.get(name) ?? 0) + 1);
        taken.set(name, (taken.get(name) ?? 0) + 1);
        await cluster.clock.sleep(CALL_MS, signal).finally(() => running.set(name, running.get(name)! - 1));
        return new Uint8Array();
      },
    });
    return cluster.worker(name, ADDRESSES, { services: [work], slots: 2, ...options });
  }

  function caller({ address }: RunningDirector = director) {
    const connection = cluster.network.connect(cluster.network.host("caller"), address, { keepaliveMs: 0 });
    return () => typedClient(Work, connection).run(new Uint8Array());
  }

  const calls = (count: number, from = caller()) => Array.from({ length: count }, () => from());
  const isRunning = (name: string, count: number) =>
    cluster.until(`${name} runs ${count}`, () => Promise.resolve(running.get(name) === count), 5_000);
  const intentOf = async (name: string) => (await cluster.member(director, name))?.intent?.kind;

  it("get no call while a serving worker has a free slot, and the surplus when none has", async () => {
    await worker("w1");
    await worker("s1", { standby: true });
    await cluster.untilReady(director, ["s1", "w1"]);
    const call = caller();
    for (let count = 0; count < 20; count += 1) await cluster.outcome(Promise.all(calls(2, call)));
    expect([taken.get("w1"), taken.get("s1")]).toEqual([40, undefined]);
    await cluster.outcome(Promise.all(calls(3, call)));
    expect([taken.get("w1"), taken.get("s1")]).toEqual([42, 1]);
    await cluster.outcome(Promise.all(calls(2, call)));
    expect([taken.get("w1"), taken.get("s1")]).toEqual([44, 1]);
  });

  it("are used before a call waits; what comes when they are full too waits, and goes to whoever is free first", async () => {
    await worker("w1");
    await worker("s1", { standby: true });
    await cluster.untilReady(director, ["s1", "w1"]);
    const all = Promise.all(calls(5));
    await isRunning("s1", 2);
    expect((await cluster.outcome(director.rpc.getStats({}))).queued).toBe(1);
    await cluster.outcome(all);
    expect(taken.get("w1")! + taken.get("s1")!).toBe(5);
  });

  it("take over while no serving worker is there, and give back when one is", async () => {
    await worker("w1");
    await worker("s1", { role: "standby" });
    await cluster.untilReady(director, ["s1", "w1"]);
    await cluster.crash("w1");
    await cluster.untilReady(director, ["s1"], 5_000);
    await cluster.outcome(caller()());
    expect(taken.get("s1")).toBe(1);
    await worker("w1");
    await cluster.untilReady(director, ["s1", "w1"], 5_000);
    for (let count = 0; count < 5; count += 1) await cluster.outcome(caller()());
    expect(taken.get("s1")).toBe(1);
  });

  it("are standbys by their own wish until an operator says otherwise, which is kept over restarts", async () => {
    await worker("w1");
    await worker("s1", { standby: true });
    await cluster.untilReady(director, ["s1", "w1"]);
    expect(await intentOf("s1")).toBe(IntentKind.STANDBY);
    await cluster.outcome(
      director.rpc.setIntent({ memberId: "s1", kind: IntentKind.SERVING, reason: "", setBy: "ops" }),
    );
    expect(await intentOf("s1")).toBe(IntentKind.SERVING);
    for (let count = 0; count < 4; count += 1) await cluster.outcome(Promise.all(calls(2)));
    expect(taken.get("s1")).toBeGreaterThan(0);
    await cluster.crash("s1");
    await cluster.untilReady(director, ["w1"], 5_000);
    await worker("s1", { standby: true });
    await cluster.untilReady(director, ["s1", "w1"], 5_000);
    expect(await intentOf("s1")).toBe(IntentKind.SERVING);
  });

  it("are held back in Explain for as long as another can take the call", async () => {
    await worker("w1");
    await worker("s1", { standby: true });
    await cluster.untilReady(director, ["s1", "w1"]);
    const explain = () => cluster.outcome(director.rpc.explain({ method: "test.Work/run" }));
    expect(await explain()).toMatchObject({
      pickedMemberId: "w1",
      candidates: [
        { memberId: "s1", eligible: false, excludedBecause: "standby: another worker can take the call" },
        { memberId: "w1", eligible: true },
      ],
    });
    const all = Promise.all(calls(2));
    await isRunning("w1", 2);
    expect(await explain()).toMatchObject({
      pickedMemberId: "s1",
      candidates: [
        { memberId: "s1", eligible: true },
        { memberId: "w1", eligible: false, excludedBecause: "all 2 slots are in use" },
      ],
    });
    await cluster.outcome(all);
  });

  it("are not used for long where another director has the free slots of those that serve", async () => {
    const second = await cluster.director("director-2", { queueTimeoutMs: 60_000, queueMax: 1_000 });
    await worker("w1", { slots: 8 });
    await worker("s1", { slots: 8, standby: true });
    for (const each of [director, second]) await cluster.untilReady(each, ["s1", "w1"]);
    await cluster.clock.advance(2_000);
    const call = caller();
    const steadily = async (): Promise<void> => {
      for (let count = 0; count < 50; count += 1) await call();
    };
    await cluster.outcome(Promise.all(Array.from({ length: 6 }, steadily)));
    const early = taken.get("s1") ?? 0;
    await cluster.outcome(Promise.all(Array.from({ length: 6 }, steadily)));
    expect((taken.get("s1") ?? 0) - early).toBeLessThan(30);
  });

  it("never have a call while a serving worker had a free slot when it came, whatever the load", async () => {
    await worker("w1", { slots: 2 });
    await worker("w2", { slots: 1 });
    await worker("s1", { slots: 2, standby: true });
    await cluster.untilReady(director, ["s1", "w1", "w2"]);
    const call = caller();
    const bursts = fc.array(
      fc.record({ calls: fc.integer({ min: 1, max: 6 }), pauseMs: fc.integer({ min: 0, max: 150 }) }),
      {
        maxLength: 6,
      },
    );
    await fc.assert(
      fc.asyncProperty(bursts, async (steps) => {
        const all: Promise<unknown>[] = [];
        let inFlight = 0;
        let allowed = 0;
        const before = taken.get("s1") ?? 0;
        for (const { calls: count, pauseMs } of steps) {
          for (let each = 0; each < count; each += 1) {
            inFlight += 1;
            if (inFlight > 3) allowed += 1;
            all.push(call().finally(() => (inFlight -= 1)));
          }
          await cluster.clock.advance(pauseMs);
        }
        await cluster.outcome(Promise.all(all));
        expect((taken.get("s1") ?? 0) - before).toBeLessThanOrEqual(allowed);
      }),
      { numRuns: 30 },
    );
  });
});
