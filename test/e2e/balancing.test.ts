import { type CallMetadata, ComputeServiceDefinition, type FabricClient } from "../../src/api/index";
import { Cluster, STORES, type Started } from "../support/cluster";
import { eventually } from "../support/processes";

jest.setTimeout(60_000);

const SPELLINGS = [
  ["RoundRobin", "round-robin"],
  ["round_robin", "round-robin"],
  ["LeastConnections", "least-connections"],
  ["least-connections", "least-connections"],
  ["Random", "random"],
  ["least-loaded", "least-loaded"],
  ["LEAST_AGENTS", "least-agents"],
  ["weighted", "weighted"],
  ["p2c", "power-of-two-choices"],
  ["peak-ewma", "peak-ewma"],
  ["ConsistentHash", "consistent-hash"],
] as const;

describe.each(STORES)("balancing, on %s", (store) => {
  let cluster: Cluster;
  let director: Started;
  let client: FabricClient;

  beforeAll(async () => {
    cluster = await Cluster.open(store);
    director = await cluster.director({ env: { HEDDLE_SLOW_START_MS: "0", HEDDLE_QUEUE_TIMEOUT_MS: "500" } });
    client = cluster.connect();
    await cluster.worker("a", { env: { WORKER_TAGS: "gpu=true,zone=n" } });
    await cluster.worker("b", { env: { WORKER_TAGS: "zone=n" } });
    await cluster.worker("c", { env: { WORKER_TAGS: "gpu=true,zone=s", WORKER_SLOTS: "2" } });
    await cluster.whenReady(client, ["a", "b", "c"]);
  });

  afterAll(async () => {
    await cluster.close();
  });

  /** Who answers this many calls, one after the other. */
  async function answering(calls: number, metadata: Record<string, string>, through = client): Promise<string[]> {
    const compute = through.client(ComputeServiceDefinition);
    const labels: string[] = [];
    for (let call = 0; call < calls; call += 1) {
      labels.push((await compute.execute({ task: "echo" }, { metadata, timeoutMs: 5_000 })).workerLabel);
    }
    return labels;
  }

  it.each(SPELLINGS)("R-07 G-03 SetBalancing takes %s for %s, at run time", async (spelling, name) => {
    expect(await client.director.setBalancing({ policy: spelling })).toEqual({ policy: name });
    expect((await client.director.getBalancing({})).policy).toBe(name);
    expect(new Set(await answering(3, {})).size).toBeGreaterThanOrEqual(1);
  });

  it("R-07 an unknown policy is refused with the list of those there are, and nothing is changed", async () => {
    await client.director.setBalancing({ policy: "round-robin" });
    await expect(client.director.setBalancing({ policy: "best" })).rejects.toThrow(
      /\[INVALID_ARGUMENT\] balancing policy is "best": use one of .*round-robin.*least-connections/,
    );
    expect((await client.director.getBalancing({})).policy).toBe("round-robin");
    await expect(answering(1, { "heddle-policy": "best" })).rejects.toThrow(/balancing policy is "best"/);
  });

  it("R-07 round-robin goes round, and the switch to it outlives the director", async () => {
    await client.director.setBalancing({ policy: "RoundRobin" });
    const counts = (labels: string[]) => ["a", "b", "c"].map((label) => labels.filter((one) => one === label).length);
    expect(counts(await answering(9, {}))).toEqual([3, 3, 3]);
    await director.process.kill();
    director = await cluster.director({
      address: director.address,
      env: { HEDDLE_SLOW_START_MS: "0", HEDDLE_QUEUE_TIMEOUT_MS: "500" },
    });
    await cluster.whenReady(client, ["a", "b", "c"]);
    expect((await client.director.getBalancing({})).policy).toBe("round-robin");
    expect(counts(await answering(9, {}))).toEqual([3, 3, 3]);
  });

  it("R-07 connection counts go up while calls run, and down to zero however they end", async () => {
    const compute = client.client(ComputeServiceDefinition);
    const cancel = new AbortController();
    const sleeping = (ms: string) => ({ task: "sleep", parameters: new Map([["ms", ms]]) });
    const calls = [
      compute.execute(sleeping("30000"), { signal: cancel.signal }),
      compute.execute(sleeping("30000"), { timeoutMs: 1_500 }),
      compute.execute(sleeping("1500")),
      compute.execute({ task: "fail" }),
    ].map((call) =>
      call.then(
        () => "ok",
        (error: Error) => error.message,
      ),
    );
    const inFlight = async () => (await client.director.getStats({})).perMember.map((member) => member.inFlight);
    await eventually("one call is on each worker", async () => (await inFlight()).join() === "1,1,1");
    cancel.abort();
    const [cancelled, late, slept, failed] = await Promise.all(calls);
    expect([slept, cancelled, late, failed]).toEqual([
      "ok",
      expect.stringContaining("[CANCELLED]"),
      expect.stringContaining("[DEADLINE_EXCEEDED]"),
      expect.stringContaining("this task always fails"),
    ]);
    await eventually("no call is counted any more", async () => (await inFlight()).join() === "0,0,0");
  });

  it("R-09 a selector in heddle-match chooses among the tags, through the director and in direct mode", async () => {
    const direct = cluster.connect({ mode: "direct" });
    await eventually("the client is connected to all three", () => direct.workers.length === 3);
    for (const through of [client, direct]) {
      const chosen = async (match: string) => [
        ...new Set(await answering(9, { "heddle-match": match, "heddle-policy": "round-robin" }, through)),
      ];
      expect((await chosen("gpu=true")).sort()).toEqual(["a", "c"]);
      expect(await chosen("gpu=true,zone=n")).toEqual(["a"]);
      expect((await chosen("zone in (n)")).sort()).toEqual(["a", "b"]);
      expect(await chosen("!gpu")).toEqual(["b"]);
      await expect(chosen("gpu in")).rejects.toThrow(/\[INVALID_ARGUMENT\]/);
    }
  });

  it("R-09 a call that no worker's tags match waits and then names each worker with its reason", async () => {
    await expect(answering(1, { "heddle-match": "zone=moon" })).rejects.toThrow(
      /\[NO_READY_WORKER\] No workers available for .*Execute: 3 workers exist: a \(its tags do not match zone=moon\), b \(.*\), c \(/,
    );
  });

  it("metadata chooses the worker, keeps a key on one worker, and the trailers tell who answered at which attempt", async () => {
    let trailers: CallMetadata | undefined;
    const compute = client.client(ComputeServiceDefinition);
    const answer = await compute.execute(
      { task: "echo" },
      { metadata: { "heddle-worker": "b" }, onTrailers: (received) => (trailers = received) },
    );
    expect(answer.workerLabel).toBe("b");
    expect(trailers?.text("heddle-worker")).toBe("b");
    expect(trailers?.text("heddle-attempts")).toBe("1");
    const sticky = { "heddle-policy": "consistent-hash", "heddle-affinity": "session-7" };
    expect(new Set(await answering(12, sticky)).size).toBe(1);
    const keys = Array.from({ length: 24 }, (_, index) => ({ ...sticky, "heddle-affinity": `session-${index}` }));
    const homes = await Promise.all(keys.map((metadata) => answering(1, metadata)));
    expect(new Set(homes.flat()).size).toBe(3);
  });

  it("no worker gets more calls at once than its slots while others are free", async () => {
    const compute = client.client(ComputeServiceDefinition);
    const sleeping = { task: "sleep", parameters: new Map([["ms", "300"]]) };
    const answers = await Promise.all(Array.from({ length: 12 }, () => compute.execute(sleeping)));
    const labels = answers.map(({ workerLabel }) => workerLabel);
    expect(labels.filter((label) => label === "c").length).toBeLessThanOrEqual(2);
    expect(labels).toHaveLength(12);
  });
});
