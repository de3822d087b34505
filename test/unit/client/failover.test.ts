import type { FabricError } from "../../../src/core/errors";
import { seededRandom } from "../../../src/core/random";
import { ComputeServiceDefinition, InferenceServiceDefinition } from "../../../src/wire/contract";
import { MemoryCluster } from "../../../src/testing/memory-cluster";

const D1 = "director-1:61000";
const D2 = "director-2:61000";
const ECHO = { task: "echo", input: Buffer.from("x") };
const sleepFor = (ms: number) => ({ task: "sleep", parameters: new Map([["ms", String(ms)]]) });

describe("A client on a simulated network", () => {
  let cluster: MemoryCluster;

  beforeEach(async () => {
    cluster = await MemoryCluster.open();
  });

  afterEach(() => cluster.close());

  it.each(["direct", "proxy", "auto"] as const)("is told which worker answered, in mode %s", async (mode) => {
    const director = await cluster.director();
    await cluster.worker("w1", [D1]);
    await cluster.untilReady(director, ["w1"]);
    const client = cluster.client([D1], { mode });
    const trailers: (string | undefined)[] = [];
    const answer = client
      .client(ComputeServiceDefinition)
      .execute(ECHO, { onTrailers: (given) => void trailers.push(given.text("heddle-worker")) });
    expect((await cluster.outcome(answer)).workerLabel).toBe("w1");
    expect(trailers).toEqual(["w1"]);
  });

  it("goes on in direct mode while every director is down", async () => {
    const director = await cluster.director();
    await cluster.worker("w1", [D1]);
    await cluster.worker("w2", [D1]);
    await cluster.untilReady(director, ["w1", "w2"]);
    const client = cluster.client([D1], { mode: "direct" });
    const compute = client.client(ComputeServiceDefinition);
    await cluster.outcome(client.whenReady());
    await cluster.crash("director-1");
    await cluster.clock.advance(20_000);
    await cluster.crash("w1");
    await cluster.clock.advance(100);
    const answers = await cluster.outcome(Promise.all([1, 2, 3, 4].map(() => compute.execute(ECHO))));
    expect(new Set(answers.map(({ workerLabel }) => workerLabel))).toEqual(new Set(["w2"]));
  });

  it("moves to the next director in proxy mode when one dies in the middle of calls", async () => {
    const first = await cluster.director("director-1");
    const second = await cluster.director("director-2");
    await cluster.worker("w1", [D2]);
    await cluster.untilReady(first, ["w1"]);
    await cluster.untilReady(second, ["w1"]);
    const compute = cluster.client([D1, D2], { mode: "proxy" }).client(ComputeServiceDefinition);
    await cluster.outcome(compute.execute(ECHO));
    const running = [1, 2, 3].map(() => compute.execute(sleepFor(500)));
    await cluster.clock.advance(100);
    await cluster.crash("director-1");
    const answers = await cluster.outcome(Promise.all([...running, compute.execute(ECHO)]));
    expect(answers.map(({ workerLabel }) => workerLabel)).toEqual(["w1", "w1", "w1", "w1"]);
  });

  it("does not run a call twice that is not idempotent, when its worker dies", async () => {
    const director = await cluster.director();
    const arrived: string[] = [];
    for (const name of ["w1", "w2"])
      await cluster.worker(name, [D1], { onCall: (path) => arrived.push(`${name}${path}`) });
    await cluster.untilReady(director, ["w1", "w2"]);
    const inference = cluster.client([D1], { mode: "proxy" }).client(InferenceServiceDefinition);
    const read = async () => {
      for await (const _ of inference.generate([{ prompt: "p" }]));
    };
    const failure = read().catch((error: FabricError) => error.code);
    await cluster.until("it has arrived", () => arrived.length === 1);
    await cluster.crash(arrived[0]!.slice(0, 2));
    expect(await cluster.outcome(failure)).toBe("WORKER_LOST");
    expect(arrived).toHaveLength(1);
  });

  it.each(["direct", "proxy"] as const)(
    "never has more calls on a worker than it has slots, in mode %s",
    async (mode) => {
      const director = await cluster.director();
      const workers = [await cluster.worker("w1", [D1], { slots: 2 }), await cluster.worker("w2", [D1], { slots: 2 })];
      await cluster.untilReady(director, ["w1", "w2"]);
      const client = cluster.client([D1], { mode });
      await cluster.outcome(client.whenReady());
      const compute = client.client(ComputeServiceDefinition);
      let most = 0;
      let answered = 0;
      const calls = Array.from({ length: 12 }, () => compute.execute(sleepFor(300)).then(() => (answered += 1)));
      await cluster.until("all are answered", () => {
        most = Math.max(most, ...workers.map(({ worker }) => worker.inFlight));
        return answered === calls.length;
      });
      expect(most).toBe(2);
      expect(workers.map(({ worker }) => worker.inFlight)).toEqual([0, 0]);
    },
  );

  it("says who is missing, and why, when nobody can take a call", async () => {
    const director = await cluster.director();
    await cluster.worker("w1", [D1]);
    await cluster.untilReady(director, ["w1"]);
    await cluster.crash("w1");
    const compute = cluster.client([D1], { mode: "proxy" }).client(ComputeServiceDefinition);
    const error = await cluster.outcome(compute.execute(ECHO).catch((failure: FabricError) => failure));
    expect(error).toMatchObject({ code: "NO_READY_WORKER" });
    expect((error as FabricError).message).toMatch(/1 worker exists: w1 \(/);
  });

  it("releases those who wait for a worker when it is closed", async () => {
    const client = cluster.client([D1], { mode: "direct" });
    const ready = client.whenReady();
    await cluster.clock.advance(100);
    await cluster.outcome(client.close());
    await cluster.outcome(ready, 1_000);
  });

  it("leaves no slot taken after twenty calls are cancelled at once", async () => {
    const director = await cluster.director();
    const { worker } = await cluster.worker("w1", [D1]);
    await cluster.untilReady(director, ["w1"]);
    const compute = cluster.client([D1], { mode: "proxy" }).client(ComputeServiceDefinition);
    const abort = new AbortController();
    const calls = Array.from({ length: 20 }, () =>
      compute.execute(sleepFor(10_000), { signal: abort.signal }).catch((error: FabricError) => error.code),
    );
    await cluster.until("they run", () => worker.inFlight === 20);
    abort.abort();
    expect(new Set(await cluster.outcome(Promise.all(calls)))).toEqual(new Set(["CANCELLED"]));
    await cluster.clock.advance(50);
    const stats = await cluster.outcome(director.rpc.getStats({}));
    expect([worker.inFlight, stats.perMember[0]?.inFlight]).toEqual([0, 0]);
  });
});

describe("A stream of tokens, while workers are killed at moments of chance", () => {
  const TOKENS = 60;

  async function run(seed: number, mode: "direct" | "proxy") {
    const cluster = await MemoryCluster.open(seed);
    const chance = seededRandom(seed * 7_919);
    const director = await cluster.director();
    const names = ["w1", "w2", "w3"];
    for (const name of names) await cluster.worker(name, [D1]);
    await cluster.untilReady(director, names);
    const client = cluster.client([D1], { mode });
    const sequences: bigint[] = [];
    let failovers = 0;
    const read = async () => {
      const tokens = client.generate({ prompt: "p", maxTokens: TOKENS, onFailover: () => (failovers += 1) });
      for await (const { sequence } of tokens) sequences.push(sequence);
    };
    let done = false;
    const reading = read().finally(() => (done = true));
    reading.catch(() => {});
    for (let kill = 0; kill < 6 && !done; kill += 1) {
      await cluster.clock.advance(200 + chance.below(900));
      const name = names[chance.below(names.length)]!;
      await cluster.crash(name);
      await cluster.clock.advance(50 + chance.below(300));
      await cluster.worker(name, [D1]);
    }
    await cluster.outcome(reading);
    await cluster.close();
    return { sequences, failovers, log: cluster.network.log };
  }

  const EXPECTED = Array.from({ length: TOKENS }, (_, index) => BigInt(index + 1));

  it.each([1, 2, 3, 5, 6, 7])(
    "R-06 has no gap and no repeat, directly and through a director (seed %i)",
    async (seed) => {
      const direct = await run(seed, "direct");
      const proxied = await run(seed, "proxy");
      expect(direct.sequences).toEqual(EXPECTED);
      expect(proxied.sequences).toEqual(EXPECTED);
      expect(direct.failovers + proxied.failovers).toBeGreaterThan(0);
    },
  );

  it("the same seed gives the same history, and another seed another", async () => {
    const [first, again, other] = [await run(11, "proxy"), await run(11, "proxy"), await run(12, "proxy")];
    expect(again.log).toEqual(first.log);
    expect(other.log).not.toEqual(first.log);
  });
});
