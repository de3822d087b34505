import { seededRandom } from "../../../src/core/random";
import { SlotCredits } from "../../../src/director/capacity/slot-credits";
import { NO_RELAYS } from "../../../src/director/relays";
import type { PooledEndpoint } from "../../../src/director/worker-pool";
import { typedClient } from "../../../src/rpc/service/typed-client";
import { rawDefinition } from "../../../src/rpc/service/raw-definition";
import {
  MemoryCluster,
  type RunningDirector,
  type RunningWorker,
  type WorkerOptions,
} from "../../../src/testing/memory-cluster";
import { service, type CallContext } from "../../../src/api/index";

const SLOTS = 8;
const CALL_MS = 100;
const Work = rawDefinition("test.Work", { run: {} });
const DIRECTORS = ["director-1", "director-2", "director-3"] as const;
const ADDRESSES = DIRECTORS.map((name) => `${name}:61000`);

/** What the handler of a worker saw. */
class Seen {
  running = 0;
  runningMax = 0;
  ended = 0;
  busyMs = 0;
}

describe("A worker's slots among several directors", () => {
  let cluster: MemoryCluster;
  let directors: RunningDirector[];
  let seen: Seen;

  beforeEach(async () => {
    cluster = await MemoryCluster.open();
    seen = new Seen();
    directors = [];
    for (const name of DIRECTORS) {
      directors.push(await cluster.director(name, { queueMax: 10_000, queueTimeoutMs: 3_600_000 }));
    }
  });

  afterEach(() => cluster.close());

  async function startWorker(options: WorkerOptions = {}): Promise<RunningWorker> {
    const { clock } = cluster;
    const work = service(Work, {
      run: async (_request: Uint8Array, { signal }: CallContext) => {
        seen.running += 1;
        seen.runningMax = Math.max(seen.runningMax, seen.running);
        await clock.sleep(CALL_MS, signal).finally(() => (seen.running -= 1));
        seen.busyMs += CALL_MS;
        seen.ended += 1;
        return new Uint8Array();
      },
    });
    const started = await cluster.worker("w1", ADDRESSES, { slots: SLOTS, services: [work], ...options });
    for (const director of directors) if (!director.host.dead) await cluster.untilReady(director, ["w1"]);
    return started;
  }

  /** So many callers call through the director, one call after the other each, until `calls` have been begun or one fails. */
  function load({ address }: RunningDirector, callers: number, calls = Infinity) {
    const connection = cluster.network.connect(cluster.network.host("caller"), address, { keepaliveMs: 0 });
    const { run } = typedClient(Work, connection);
    const outcome = { begun: 0, ok: 0, failed: [] as string[] };
    const caller = async () => {
      while (outcome.begun < calls && outcome.failed.length === 0) {
        outcome.begun += 1;
        try {
          await run(new Uint8Array());
          outcome.ok += 1;
        } catch (error) {
          outcome.failed.push(String(error));
        }
      }
    };
    const done = Promise.all(Array.from({ length: callers }, caller));
    const stop = () => {
      calls = 0;
    };
    return { outcome, done, stop };
  }

  /** Lets time pass until it is so, in steps that suit a load of some minutes. */
  async function pass(isSo: () => boolean): Promise<void> {
    const deadlineMs = cluster.clock.monotonicMs() + 120_000;
    while (!isSo()) {
      if (cluster.clock.monotonicMs() > deadlineMs) throw new Error(`not within two minutes: ${String(isSo)}`);
      await cluster.clock.advance(250);
    }
  }

  /** A call that the worker refused is tried again. */
  async function retries(): Promise<number> {
    const stats = await Promise.all(directors.map(({ rpc }) => cluster.outcome(rpc.getStats({}))));
    return stats.reduce((sum, each) => sum + Number(each.retries), 0);
  }

  it("R-06 H-01 5,000 calls through 3 directors: never more than 8 run, more than 90 % of slot-time is used, none is refused", async () => {
    await startWorker();
    const loads = directors.map((director) => load(director, 12, Math.ceil(5_000 / 3)));
    await pass(() => seen.ended > 100);
    const [startedMs, busyMs] = [cluster.clock.monotonicMs(), seen.busyMs];
    await pass(() => loads.some(({ outcome }) => outcome.begun > 1_600));
    const elapsedMs = cluster.clock.monotonicMs() - startedMs;
    expect((seen.busyMs - busyMs) / (SLOTS * elapsedMs)).toBeGreaterThan(0.9);
    await pass(() => seen.ended >= 5_000);
    await cluster.outcome(Promise.all(loads.map(({ done }) => done)));
    expect(seen.runningMax).toBe(SLOTS);
    for (const { outcome } of loads) expect(outcome.failed).toEqual([]);
    expect(await retries()).toBe(0);
  });

  /** Calls of each director that run now, as it counts them. */
  const inFlight = () =>
    Promise.all(
      directors
        .filter(({ host }) => !host.dead && !host.frozen)
        .map(async ({ rpc }) => (await cluster.outcome(rpc.getStats({}))).inFlight),
    );

  it("H-01 the slots go to the director that has calls, and to another when the calls do", async () => {
    await startWorker();
    const first = load(directors[0]!, 20);
    await cluster.until("the first has them all", async () => String(await inFlight()) === "8,0,0", 2_000);
    first.stop();
    await cluster.outcome(first.done);
    const second = load(directors[1]!, 20);
    await cluster.until("the second has them all", async () => String(await inFlight()) === "0,8,0", 2_000);
    const third = load(directors[2]!, 20);
    await cluster.until("two share them", async () => String(await inFlight()) === "0,4,4", 2_000);
    second.stop();
    third.stop();
    await cluster.outcome(Promise.all([second.done, third.done]));
    expect([seen.runningMax, await retries()]).toEqual([SLOTS, 0]);
  });

  it("H-01 a director with nothing to do for long begins a call at once, when no other lacks slots", async () => {
    await startWorker();
    const first = load(directors[0]!, 20);
    await pass(() => seen.ended > 50);
    first.stop();
    await cluster.outcome(first.done);
    await cluster.clock.advance(1_000);
    for (const director of directors) {
      const { candidates } = await cluster.outcome(director.rpc.explain({ method: "/test.Work/Run" }));
      expect(candidates.map(({ excludedBecause }) => excludedBecause)).toEqual([""]);
    }
  });

  it("H-01 a director that dies gives its slots back at once", async () => {
    await startWorker();
    load(directors[0]!, 20);
    const second = load(directors[1]!, 20);
    await cluster.until("both have some", async () => String(await inFlight()) === "4,4,0", 2_000);
    await cluster.crash("director-1");
    await cluster.until("the other has all", async () => String(await inFlight()) === "8,0", 2_000);
    second.stop();
    await cluster.outcome(second.done);
    expect(seen.runningMax).toBe(SLOTS);
  });

  it("H-01 a director that stands still keeps its slots for two seconds from when others lack them, and shares again afterwards", async () => {
    const { lines } = await startWorker();
    const first = load(directors[0]!, 20);
    await cluster.until("the first has them all", async () => String(await inFlight()) === "8,0,0", 2_000);
    cluster.network.freeze("director-1");
    await cluster.clock.advance(500);
    const second = load(directors[1]!, 20);
    const takenMs = cluster.clock.monotonicMs();
    await cluster.until("the other has all", async () => String(await inFlight()) === "8,0", 10_000);
    expect(cluster.clock.monotonicMs() - takenMs).toBeGreaterThan(2_000);
    expect(cluster.clock.monotonicMs() - takenMs).toBeLessThan(4_000);
    expect(lines.join("\n")).toContain("a director's share of the slots goes to the others");
    cluster.network.thaw("director-1");
    await cluster.until("both have some", async () => String(await inFlight()) === "4,4,0", 20_000);
    first.stop();
    second.stop();
    await cluster.outcome(second.done);
    expect(seen.runningMax).toBe(SLOTS);
  });

  it("H-01 a worker that starts anew shares its slots afresh", async () => {
    await startWorker();
    for (const director of directors) load(director, 10);
    await pass(() => seen.ended > 20);
    await cluster.crash("w1");
    seen = new Seen();
    await startWorker();
    const loads = directors.map((director) => load(director, 10));
    await pass(() => seen.ended > 50);
    expect([...(await inFlight())].sort()).toEqual([2, 3, 3]);
    for (const { stop } of loads) stop();
    expect(seen.runningMax).toBe(SLOTS);
  });

  it("H-01 directors at rest say nothing, and the streams neither count as calls nor hold up the worker's leaving", async () => {
    const { worker } = await startWorker();
    await cluster.clock.advance(5_000);
    expect(worker.inFlight).toBe(0);
    const { length } = cluster.network.log;
    const timers = cluster.clock.pendingTimers;
    await cluster.clock.advance(900);
    expect(cluster.network.log.slice(length).filter((line) => line.includes("CapacityService"))).toEqual([]);
    expect(cluster.clock.pendingTimers).toBe(timers);
    const member = await cluster.member(directors[0]!, "w1");
    expect(member?.services).not.toContain("heddle.v1.CapacityService");
    const leftMs = cluster.clock.monotonicMs();
    await cluster.outcome(worker.stop());
    expect(cluster.clock.monotonicMs() - leftMs).toBeLessThan(200);
  });

  it("H-01 a worker that does not say that it shares its slots is not asked, and used with all of them", () => {
    const openCapacity = jest.fn();
    const never = () => {
      throw new Error("nothing is to be asked");
    };
    const credits = new SlotCredits({
      clock: cluster.clock,
      random: seededRandom(1),
      directorId: "d1",
      openCapacity,
      relays: NO_RELAYS,
      dispatcher: never,
      isPublished: never,
      drainChanged: never,
      settled: never,
    });
    credits.added({ memberId: "w1", record: { sharesSlots: false } } as PooledEndpoint);
    expect(credits.usable("w1")).toBe(Infinity);
    expect(openCapacity).not.toHaveBeenCalled();
    credits.close();
  });

  it("H-06 a worker that leaves is picked by no director before it refuses calls, though the store is away", async () => {
    const { worker } = await startWorker();
    cluster.beginStoreOutage();
    const leaving = worker.stop();
    await cluster.clock.advance(20);
    for (const director of directors) {
      const { candidates } = await cluster.outcome(director.rpc.explain({ method: "/test.Work/Run" }));
      expect(candidates.map(({ memberId, eligible }) => [memberId, eligible])).toEqual([["w1", false]]);
    }
    await cluster.outcome(leaving);
  });

  it("H-06 a worker that leaves waits for a director that does not confirm, and for a second at most", async () => {
    const { worker } = await startWorker();
    cluster.network.block("director-3", "w1");
    let isGone = false;
    const leaving = worker.stop().then(() => (isGone = true));
    await cluster.clock.advance(950);
    expect(isGone).toBe(false);
    await cluster.outcome(leaving, 3_000);
  });
});
