import { rawDefinition, service } from "../../../src/api/worker";
import { AgentServiceDefinition, ComputeServiceDefinition } from "../../../src/wire/contract";
import {
  ClusterAssertionError,
  createTestCluster,
  expectConverged,
  expectDrainedWithin,
  expectRoutedTo,
  heddleMatchers,
  type TestCluster,
  type TestClusterOptions,
} from "../../../src/testing";

const ECHO = { task: "echo" };
const sleepFor = (ms: number) => ({ task: "sleep", parameters: new Map([["ms", String(ms)]]) });

describe("A test cluster", () => {
  let cluster: TestCluster;

  const open = async (options: TestClusterOptions = {}) => {
    cluster = await createTestCluster(options);
    return cluster;
  };
  const computeOf = (name = "client", mode: "proxy" | "direct" = "proxy") =>
    cluster.client(name, { mode }).client(ComputeServiceDefinition);

  afterEach(() => cluster.close());

  it("is ready when it is made: every director gives calls to every worker", async () => {
    await open({ directors: 3, workers: 4 });
    for (const director of cluster.directors) {
      expect(await director.ready()).toEqual(["worker-1", "worker-2", "worker-3", "worker-4"]);
    }
    const homes = (await cluster.director(1).members()).map(({ home }) => home);
    expect(homes).toEqual(["director-1", "director-2", "director-3", "director-1"]);
  });

  it("serves services of one's own, made for each worker with virtual time", async () => {
    const definition = rawDefinition("my.Clock", { wait: { idempotent: true } });
    await open({
      services: ({ name, clock }) => [
        service(definition, {
          wait: async () => {
            await clock.sleep(5_000);
            return Buffer.from(name);
          },
        }),
      ],
    });
    const client = cluster.client().client(definition);
    const startedMs = cluster.nowMs;
    expect(Buffer.from(await cluster.outcome(client.wait(Buffer.alloc(0)))).toString()).toMatch(/^worker-[12]$/);
    expect(cluster.nowMs - startedMs).toBeGreaterThanOrEqual(5_000);
  });

  it("runs agents on its workers, told where, and moves those of a worker that is killed", async () => {
    const begun: string[] = [];
    await open({ onAgent: ({ name }, on) => void begun.push(`${name} on ${on.name}`) });
    const agents = cluster.client().client(AgentServiceDefinition);
    const { agent } = await cluster.outcome(agents.assignAgent({ name: "crawler" }));
    const here = agent!.memberId;
    await cluster.until("it runs", () => begun.length === 1);
    await cluster.worker(here).kill();
    await cluster.until("it runs elsewhere", () => begun.length === 2);
    expect(begun).toEqual([`crawler on ${here}`, `crawler on ${here === "worker-1" ? "worker-2" : "worker-1"}`]);
  });

  it("kills a worker in the middle of a call, which goes on at another one", async () => {
    await open({ workers: 2 });
    const call = computeOf().execute(sleepFor(2_000));
    await cluster.until("the call has arrived", () => cluster.arrivals.length === 1);
    const [first] = cluster.arrivals;
    await cluster.worker(first!.worker).kill();
    const { workerLabel } = await cluster.outcome(call);
    expect(workerLabel).not.toBe(first!.worker);
    expect(cluster.arrivals.map(({ worker }) => worker)).toEqual([first!.worker, workerLabel]);
    await cluster.worker(first!.worker).start();
    await expectConverged(cluster);
  });

  it("kills a director in the middle of a call, and the client goes on with the next", async () => {
    await open({ directors: 2 });
    const compute = computeOf();
    await cluster.outcome(compute.execute(ECHO));
    const call = compute.execute(sleepFor(1_000));
    await cluster.advance(100);
    await cluster.director(1).kill();
    expect((await cluster.outcome(call)).workerLabel).toMatch(/^worker-/);
    await cluster.director(1).start();
    await expectConverged(cluster);
  });

  it("freezes a worker: it is given no calls until it thaws, and is the same one then", async () => {
    await open();
    const worker = cluster.worker(1);
    worker.freeze();
    await cluster.until("it is not given calls", async () => !(await cluster.director(1).ready()).includes("worker-1"));
    worker.thaw();
    await expectConverged(cluster, 5_000);
    expect([worker.state, (await cluster.director(1).members())[0]?.state]).toEqual(["running", "alive"]);
  });

  it("drains a worker that is stopped, without a failed call", async () => {
    await open();
    const compute = computeOf();
    const calls = [1, 2, 3, 4].map(() => compute.execute(sleepFor(3_000)));
    await cluster.until("all have arrived", () => cluster.arrivals.length === 4);
    const stopped = cluster.worker(1).stop();
    await expectDrainedWithin(cluster.worker(1), 4_000);
    await cluster.outcome(Promise.all([stopped, ...calls]));
    await expectRoutedTo(cluster.worker(2), () => compute.execute(ECHO));
  });

  it("says the seed and the last lines of the log when an expectation does not hold", async () => {
    await open({ seed: 42 });
    const compute = computeOf();
    await cluster.worker(2).kill();
    const failure = await expectRoutedTo(cluster.worker(2), () => compute.execute(ECHO)).catch((error: Error) => error);
    expect(failure).toBeInstanceOf(ClusterAssertionError);
    const { message } = failure as Error;
    expect(message).toContain("A call that was to go to worker-2 went to worker-1: answered after");
    expect(message).toContain("seed: 42");
    expect(message).toMatch(/\d+ arrived worker-1 \/heddle\.compute\.v1\.ComputeService\/Execute/);
    await expect(expectDrainedWithin(cluster.worker(1), 100)).rejects.toThrow(
      "worker-1 runs 0 calls and is given calls by director-1",
    );
    cluster.network.partition(cluster.worker(1), cluster.director(1));
    await cluster.advance(10_000);
    await expect(expectConverged(cluster, 1_000)).rejects.toThrow(
      "All directors, within 1000 ms, give calls to [worker-1]: they do not: director-1 gives calls to []",
    );
  });

  it("has the expectations as matchers", async () => {
    await open();
    const compute = computeOf();
    await cluster.worker(2).kill();
    const { toRouteTo, toDrainWithin, toConvergeWithin } = heddleMatchers;
    const results = [
      await toRouteTo(() => compute.execute(ECHO), cluster.worker(1)),
      await toRouteTo(() => compute.execute(ECHO), cluster.worker(2)),
      await toDrainWithin(cluster.worker(2), 20_000),
      await toConvergeWithin(cluster),
    ];
    expect(results.map(({ pass }) => pass)).toEqual([true, false, true, true]);
    expect(results[1]!.message()).toContain("seed: 1");
  });

  it("refuses what cannot be, and says what could", async () => {
    await open({ workers: 1 });
    expect(() => cluster.worker(2)).toThrow("there is no worker-2 in this cluster; there is worker-1");
    expect(() => cluster.worker(1).thaw()).toThrow("worker-1 cannot thaw: it is running, and would have to be frozen");
    await expect(cluster.worker(1).start()).rejects.toThrow("worker-1 cannot start: it is running");
    await expect(createTestCluster({ directors: 0 })).rejects.toThrow(
      "directors is 0; it must be a whole number from 1",
    );
    await expect(createTestCluster({ network: { dropRatio: 1 } })).rejects.toThrow(
      "network dropRatio is 1; it must be",
    );
    await expect(createTestCluster({ seed: 0.5 })).rejects.toThrow("seed is 0.5");
  });

  it("says that virtual time passed in vain when a handler waits in real time", async () => {
    const definition = rawDefinition("my.Stuck", { wait: {} });
    await open({ workers: 1, services: [service(definition, { wait: () => new Promise<Buffer>(() => {}) })] });
    const call = cluster.client("client", { callTimeoutMs: 0 }).client(definition).wait(Buffer.alloc(0));
    await expect(cluster.outcome(call, 1_000)).rejects.toThrow("Not answered within 1000 ms of virtual time");
  });
});
