import { ComputeServiceDefinition, type FabricClient } from "../../src/api/index";
import { Cluster, STORES, type Started } from "../support/cluster";
import { eventually } from "../support/processes";

jest.setTimeout(60_000);

/** Three seconds before the simulated failure. */
const BEFORE_FAILURE = { WORKER_FAILURE_ENABLED: "true", HEDDLE_FAILURE_PHASE_MS: "10000" };

describe.each(STORES)("failover, on %s", (store) => {
  let cluster: Cluster;
  let director: Started;
  let client: FabricClient;

  beforeEach(async () => {
    cluster = await Cluster.open(store);
    director = await cluster.director({ env: { HEDDLE_QUEUE_TIMEOUT_MS: "1000" } });
    client = cluster.connect();
  });

  afterEach(async () => {
    await cluster.close();
  });

  it("R-05 a simulated failure writes its four lines, refuses calls, ends streams, and the client goes on elsewhere", async () => {
    const failing = await cluster.worker("failing", { env: BEFORE_FAILURE });
    await cluster.whenReady(client, ["failing"]);
    const program = await cluster.processes.heddle("heddle-client", { env: { DIRECTOR_ADDR: director.address } });
    await failing.process.whenLogs("🎬 [failing] Streaming handler invoked");
    const steady = await cluster.worker("steady");
    await cluster.whenReady(client, ["failing", "steady"]);
    const load = cluster.load(client);

    await failing.process.whenLogs("💥 [failing] Worker failed!");
    await program.whenLogs("⚠️  worker failed - will request new worker from director");
    await eventually("the director gives it no more calls", async () =>
      (await client.director.listMembers({})).members.some(({ memberId, ready }) => memberId === "failing" && !ready),
    );
    const answer = await client.director.assignWorker({ connectionId: "x", prompt: "" });
    expect(answer.workerLabel).toBe("steady");
    await client.director.releaseAssignment({ assignmentId: answer.assignmentId });
    const direct = client.client(ComputeServiceDefinition);
    await expect(
      direct.execute({ task: "echo" }, { metadata: { "heddle-worker": "failing" }, timeoutMs: 5_000 }),
    ).rejects.toThrow(/NO_READY_WORKER.* failing \(/);
    await steady.process.whenLogs("🎬 [steady] Streaming handler invoked");
    await failing.process.whenLogsInOrder([
      "⚠️  [failing] Simulating worker failure in 3 seconds...",
      "💥 [failing] Worker failed!",
      "🔄 [failing] Worker recovering...",
      "✅ [failing] Worker recovered and ready to serve!",
    ]);
    await cluster.whenReady(client, ["failing", "steady"]);
    await load.more(20);
    const report = await load.stop();
    expect(report.failures).toEqual([]);
    expect([...report.perWorker.keys()].sort()).toEqual(["failing", "steady"]);

    await program.whenLogsInOrder([
      "🔄 worker confirmed connection",
      "⚠️  worker failed - will request new worker from director",
      "🔄 returning to director for new worker assignment",
      "🔍 asking director for worker assignment",
      "🔀 director assigned worker - establishing direct connection",
      "🔄 worker confirmed connection",
      "📦 received token",
    ]);
    await program.stop();
    await program.whenLogs(/👋 client stopped .*failovers=1 lost=0 repeated=0/);
  });

  it("R-06 a hard kill of a worker fails no call, neither through the director nor direct, and no stream", async () => {
    const workers = await Promise.all(["a", "b", "c"].map((label) => cluster.worker(label)));
    const direct = cluster.connect({ mode: "direct" });
    await cluster.whenReady(client, ["a", "b", "c"]);
    await eventually("the client is connected to all three", () => direct.workers.length === 3);
    const loads = [cluster.load(client), cluster.load(direct)];
    const streams = [client, direct].map((through) => tokensOf(through, 40));
    await Promise.all(loads.map((load) => load.more(50)));

    await workers[0]?.process.kill();
    await Promise.all(loads.map((load) => load.more(100)));
    await cluster.worker("a", { address: workers[0]?.address ?? "" });
    await cluster.whenReady(client, ["a", "b", "c"]);
    await workers[1]?.process.kill();
    await Promise.all(loads.map((load) => load.more(100)));

    const sequence = Array.from({ length: 40 }, (_, index) => BigInt(index + 1));
    expect(await Promise.all(streams)).toEqual([sequence, sequence]);
    const reports = await Promise.all(loads.map((load) => load.stop()));
    expect(reports.map(({ failures }) => failures)).toEqual([[], []]);
  });

  it("a direct client goes on while every director is down, and finds the workers of the next one", async () => {
    await Promise.all(["a", "b", "c"].map((label) => cluster.worker(label)));
    const direct = cluster.connect({ mode: "direct" });
    await eventually("the client is connected to all three", () => direct.workers.length === 3);
    const load = cluster.load(direct);
    await load.more(20);
    await director.process.kill();
    await load.more(200);
    director = await cluster.director({ address: director.address });
    await cluster.worker("d");
    await cluster.whenReady(client, ["a", "b", "c", "d"]);
    await eventually("the client learns of d", () => direct.workers.length === 4);
    await load.more(50);
    expect((await load.stop()).failures).toEqual([]);
  });

  it("a client through the director waits out the director's restart, within its deadline", async () => {
    await cluster.worker("a");
    await cluster.whenReady(client, ["a"]);
    await director.process.kill();
    const answer = client.client(ComputeServiceDefinition).execute({ task: "echo" }, { timeoutMs: 20_000 });
    const settled = answer.then(
      ({ workerLabel }) => workerLabel,
      (error: Error) => error.message,
    );
    director = await cluster.director({ address: director.address });
    expect(await settled).toBe("a");
  });
});

/** The sequence numbers of an answer of this many tokens. */
async function tokensOf(client: FabricClient, maxTokens: number): Promise<bigint[]> {
  const sequence: bigint[] = [];
  for await (const token of client.generate({ prompt: "p", maxTokens, tokenIntervalMs: 25 })) {
    sequence.push(token.sequence);
  }
  return sequence;
}
