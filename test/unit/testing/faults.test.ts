import { rawDefinition, service } from "../../../src/api/worker";
import type { FabricError } from "../../../src/core/errors";
import { createTestCluster, expectConverged, type TestCluster, type TestClusterOptions } from "../../../src/testing";
import { HostClock } from "../../../src/testing/host-clock";
import { ManualClock } from "../../../src/testing/manual-clock";

const EMPTY = Buffer.alloc(0);
const JOBS = rawDefinition("jobs.Jobs", { once: {}, again: { idempotent: true } });

describe("A fault of a test cluster", () => {
  let cluster: TestCluster;
  const finished: string[] = [];

  /** Workers whose jobs take 1 s of virtual time. */
  const open = async (options: TestClusterOptions = {}) => {
    finished.length = 0;
    cluster = await createTestCluster({
      services: ({ name, clock }) => {
        const job = async () => {
          await clock.sleep(1_000);
          finished.push(name);
          return Buffer.from(name);
        };
        return [service(JOBS, { once: job, again: job })];
      },
      ...options,
    });
    return cluster.client("client", { mode: "direct" }).client(JOBS);
  };
  const codeOf = (call: Promise<unknown>) =>
    cluster.outcome(
      call.then(
        () => "answered",
        (error: FabricError) => error.code,
      ),
    );
  /** Milliseconds until the call is answered. */
  const timed = async (call: Promise<unknown>) => {
    const startedMs = cluster.nowMs;
    await cluster.outcome(call);
    return cluster.nowMs - startedMs;
  };

  afterEach(() => cluster.close());

  it("drop: nothing is missing, but what is lost comes 200 ms later or more", async () => {
    const jobs = await open();
    await timed(jobs.once(EMPTY));
    const good = await timed(jobs.once(EMPTY));
    cluster.network.degrade({ dropRatio: 0.2 });
    const bad = await Promise.all(Array.from({ length: 20 }, () => jobs.once(EMPTY)).map(timed));
    expect(good).toBeLessThan(1_010);
    expect([finished.length, Math.max(...bad) > 1_200]).toEqual([22, true]);
  });

  it("lose answer: a call that may not run twice runs once and fails; one that may is run again", async () => {
    const jobs = await open();
    await cluster.outcome(jobs.once(EMPTY));
    cluster.network.degrade({ loseAnswerRatio: 1 });
    finished.length = 0;
    expect([await codeOf(jobs.once(EMPTY)), finished.length]).toEqual(["WORKER_LOST", 1]);
    const again = jobs.again(EMPTY);
    await cluster.until("it has run twice", () => finished.length === 3);
    cluster.network.degrade({ loseAnswerRatio: 0 });
    expect(await codeOf(again)).toBe("answered");
  });

  it("reset: both ends learn that the connection is gone, and a new one is made", async () => {
    const jobs = await open();
    await cluster.outcome(jobs.once(EMPTY));
    for (const from of cluster.workers) cluster.network.degrade({ resetRatio: 0.2 }, { from, to: "client" });
    const codes: string[] = [];
    for (let call = 0; call < 20; call += 1) codes.push(await codeOf(jobs.once(EMPTY)));
    expect(new Set(codes)).toEqual(new Set(["answered", "WORKER_LOST"]));
    cluster.network.heal();
    await expectConverged(cluster);
    expect(await codeOf(jobs.again(EMPTY))).toBe("answered");
  });

  it("block, one way: requests arrive and run, answers are held back until it ends", async () => {
    const jobs = await open({ workers: 1 });
    await cluster.outcome(jobs.once(EMPTY));
    cluster.network.block("worker-1", "client");
    const call = jobs.once(EMPTY);
    await cluster.advance(1_500);
    expect(finished).toHaveLength(2);
    const heldMs = cluster.nowMs;
    cluster.network.unblock("worker-1", "client");
    expect([await timed(call), cluster.nowMs - heldMs < 20]).toEqual([cluster.nowMs - heldMs, true]);
  });

  it("freeze: what was sent is delivered, what arrives waits, timers run when it thaws", async () => {
    const jobs = await open({ workers: 1 });
    await cluster.outcome(jobs.once(EMPTY));
    const call = jobs.once(EMPTY);
    await cluster.until("it has arrived", () => cluster.arrivals.length === 2);
    cluster.worker(1).freeze();
    const late = jobs.once(EMPTY);
    await cluster.advance(1_500);
    expect([finished.length, cluster.arrivals.length]).toEqual([1, 2]);
    cluster.worker(1).thaw();
    await cluster.advance(5);
    expect([finished.length, cluster.arrivals.length]).toEqual([2, 3]);
    await cluster.outcome(Promise.all([call, late]));
  });

  it("kill: nothing that it had begun goes on, and its callers are told at once", async () => {
    const jobs = await open({ workers: 1 });
    const call = codeOf(jobs.once(EMPTY));
    await cluster.until("it has arrived", () => cluster.arrivals.length === 1);
    const killedMs = cluster.nowMs;
    await cluster.worker(1).kill();
    expect([await call, cluster.nowMs - killedMs < 10]).toEqual(["WORKER_LOST", true]);
    await cluster.advance(5_000);
    expect(finished).toEqual([]);
  });

  it("kill, silently: its callers learn by keepalive only, or when the machine is there again", async () => {
    const jobs = await open({ workers: 1 });
    const call = codeOf(jobs.once(EMPTY));
    await cluster.until("it has arrived", () => cluster.arrivals.length === 1);
    const killedMs = cluster.nowMs;
    await cluster.worker(1).kill({ silently: true });
    expect([await call, cluster.nowMs - killedMs > 1_000]).toEqual(["WORKER_LOST", true]);
  });

  it("restart: it is the same worker in a new life", async () => {
    const jobs = await open({ workers: 1 });
    await cluster.worker(1).restart();
    await expectConverged(cluster);
    expect(await codeOf(jobs.again(EMPTY))).toBe("answered");
  });

  it("the store out of reach of one director: that one's leases run out, its calls and those of the others go on", async () => {
    await open({ directors: 2 });
    cluster.network.partition("director-1", cluster.store);
    await cluster.advance(30_000);
    const lost = cluster.log.filter((line) => line.includes("director-1 warn: the lease in the store was lost"));
    expect(lost).toHaveLength(1);
    for (const director of cluster.directors) {
      const client = cluster.client(`to-${director.name}`, { mode: "proxy", directors: [director.address] });
      expect(await codeOf(client.client(JOBS).again(EMPTY))).toBe("answered");
    }
    cluster.network.heal();
    await expectConverged(cluster);
  });

  it("leases lost at the store: the director learns of it within a third of their time, and gets new ones", async () => {
    await open({ directors: 2 });
    await cluster.store.loseLeases("director-1");
    await cluster.until(
      "it knows",
      () => cluster.log.some((line) => line.includes("director-1 warn: the lease in the store was lost")),
      3_400,
    );
    await expectConverged(cluster);
  });

  it("store: refuses in an outage, waits while frozen, and calls go on in both", async () => {
    const jobs = await open();
    const setPolicy = () => codeOf(cluster.director(1).rpc.setBalancing({ policy: "random" }));
    cluster.store.beginOutage();
    expect([await setPolicy(), await codeOf(jobs.again(EMPTY))]).toEqual(["STORE_UNAVAILABLE", "answered"]);
    cluster.store.endOutage();
    cluster.store.freeze();
    const frozenMs = cluster.nowMs;
    expect([await setPolicy(), await codeOf(jobs.again(EMPTY))]).toEqual(["STORE_UNAVAILABLE", "answered"]);
    expect(cluster.nowMs - frozenMs).toBeGreaterThanOrEqual(3_000);
    cluster.store.thaw();
    await expectConverged(cluster);
    expect(await setPolicy()).toBe("answered");
  });

  it("store, lose answer: what was refused may have been done", async () => {
    await open({ directors: 2 });
    cluster.store.degrade({ loseAnswerRatio: 1 });
    expect(await codeOf(cluster.director(1).rpc.setBalancing({ policy: "random" }))).toBe("STORE_UNAVAILABLE");
    cluster.store.degrade({ loseAnswerRatio: 0 });
    const { policy } = await cluster.outcome(cluster.director(2).rpc.getBalancing({}));
    expect(policy).toBe("random");
  });

  it("wall clock: a step moves the dates of one machine, a drift all of its time, and no other machine's", async () => {
    await open({ workers: 0 });
    const base = new ManualClock();
    const [clock, other] = [new HostClock(base), new HostClock(base)];
    clock.stepWall(-3_600_000);
    clock.drift(0.5);
    let ranAtMs = 0;
    clock.after(300, () => (ranAtMs = base.monotonicMs()));
    await base.advance(1_000);
    expect([clock.monotonicMs(), clock.wallMs() - other.wallMs(), ranAtMs]).toEqual([1_500, 500 - 3_600_000, 200]);
    clock.drift(0);
    await base.advance(1_000);
    expect([clock.monotonicMs(), other.monotonicMs()]).toEqual([2_500, 2_000]);
  });
});
