import { IntentKind, MemberState } from "../../../generated/heddle/v1/member";
import { ComputeServiceDefinition, InferenceServiceDefinition } from "../../../src/wire/contract";
import { MemoryCluster } from "../../../src/testing/memory-cluster";

const D1 = "director-1:61000";
const D2 = "director-2:61000";

describe("A worker among real directors, on a simulated network", () => {
  let cluster: MemoryCluster;

  beforeEach(async () => {
    cluster = await MemoryCluster.open();
  });

  afterEach(() => cluster.close());

  it("attaches to a director that comes late", async () => {
    await cluster.worker("w1", [D1]);
    await cluster.clock.advance(10_000);
    await cluster.untilReady(await cluster.director(), ["w1"], 3_000);
  });

  it("attaches again after its Attach stream broke, as the life that it is", async () => {
    const director = await cluster.director();
    await cluster.worker("w1", [D1]);
    await cluster.untilReady(director, ["w1"]);
    const before = await cluster.member(director, "w1");
    cluster.network.cut("w1", "director-1");
    await cluster.untilReady(director, []);
    expect(await cluster.untilReady(director, ["w1"])).toBeLessThan(1_000);
    expect((await cluster.member(director, "w1"))?.incarnation).toBe(before?.incarnation);
  });

  it("attaches again as a new life after it was judged dead", async () => {
    const director = await cluster.director();
    await cluster.worker("w1", [D1]);
    await cluster.untilReady(director, ["w1"]);
    const before = await cluster.member(director, "w1");
    cluster.network.partition("w1", "director-1");
    await cluster.until("dead", async () => {
      const { members } = await director.rpc.listMembers({});
      return members[0]?.state === MemberState.DEAD;
    });
    cluster.network.heal();
    await cluster.untilReady(director, ["w1"], 20_000);
    expect((await cluster.member(director, "w1"))!.incarnation).toBeGreaterThan(before!.incarnation);
  });

  it("goes to the next director when its own dies, as the life that it is", async () => {
    const first = await cluster.director("director-1");
    const second = await cluster.director("director-2");
    await cluster.worker("w1", [D1, D2]);
    await cluster.untilReady(second, ["w1"]);
    const before = await cluster.member(first, "w1");
    await cluster.crash("director-1");
    await cluster.until(
      "the second has it",
      async () => (await cluster.member(second, "w1"))?.homeDirectorId === "director-2",
      5_000,
    );
    await cluster.untilReady(second, ["w1"]);
    await cluster.clock.advance(30_000);
    const after = await cluster.member(second, "w1");
    expect([after?.incarnation, after?.state, after?.homeDirectorId]).toEqual([
      before?.incarnation,
      MemberState.ALIVE,
      "director-2",
    ]);
  });

  it("leaves a director that accepts but does not speak for the next one", async () => {
    await cluster.director("director-1");
    const second = await cluster.director("director-2");
    await cluster.worker("w1", [D1, D2]);
    await cluster.untilReady(second, ["w1"]);
    cluster.network.freeze("director-1");
    await cluster.until(
      "the second has it",
      async () => (await cluster.member(second, "w1"))?.homeDirectorId === "director-2",
      20_000,
    );
  });

  it("drains in order: announces, is picked no more, refuses, finishes, says goodbye", async () => {
    const director = await cluster.director();
    const { worker } = await cluster.worker("w1", [D1]);
    await cluster.worker("w2", [D1]);
    await cluster.untilReady(director, ["w1", "w2"]);
    const client = cluster.client([D1], { mode: "proxy" });
    const compute = client.client(ComputeServiceDefinition);
    const running = [1, 2, 3, 4].map(() =>
      compute.execute({ task: "sleep", parameters: new Map([["ms", "3000"]]) }).then(({ workerLabel }) => workerLabel),
    );
    await cluster.until("calls are in flight", () => worker.inFlight === 2);
    let stopped = false;
    void worker.stop().then(() => (stopped = true));
    await cluster.untilReady(director, ["w2"], 1_000);
    // Refuses who comes directly; the director sends it nobody.
    const late = await cluster.outcome(compute.execute({ task: "echo" }, { metadata: { "heddle-policy": "random" } }));
    expect([late.workerLabel, worker.inFlight, stopped]).toEqual(["w2", 2, false]);
    expect((await cluster.member(director, "w1"))?.state).toBe(MemberState.DRAINING);
    expect((await cluster.outcome(Promise.all(running))).sort()).toEqual(["w1", "w1", "w2", "w2"]);
    await cluster.until("stopped", () => stopped, 3_000);
    expect((await cluster.member(director, "w1"))?.state).toBe(MemberState.LEFT);
  });

  it("ends what does not finish within the grace, and says that it was lost", async () => {
    const director = await cluster.director();
    const { worker } = await cluster.worker("w1", [D1]);
    await cluster.untilReady(director, ["w1"]);
    const inference = cluster.client([D1], { mode: "proxy" }).client(InferenceServiceDefinition);
    const read = async () => {
      for await (const _ of inference.generate([{ prompt: "p" }]));
    };
    const long = read().catch((error: { code: string }) => error.code);
    await cluster.until("in flight", () => worker.inFlight === 1);
    await cluster.outcome(worker.stop({ graceMs: 1_000 }));
    expect(await cluster.outcome(long)).toBe("WORKER_LOST");
    expect(worker.inFlight).toBe(0);
  });

  it("fails and recovers in the fixed cycle of 10 s, 3 s and 5 s, and is not picked while it has failed", async () => {
    const director = await cluster.director();
    const { lines } = await cluster.worker("w1", [D1], { failureEnabled: true });
    const startedMs = cluster.clock.monotonicMs();
    await cluster.untilReady(director, ["w1"]);
    const seenMs = new Map<string, number>();
    await cluster.until("a whole cycle", () => {
      for (const line of lines) {
        if (!seenMs.has(line)) seenMs.set(line, cluster.clock.monotonicMs() - startedMs);
      }
      return seenMs.has("✅ [w1] Worker recovered and ready to serve!");
    });
    const at = (text: string) => Math.round((seenMs.get(text) ?? 0) / 100) / 10;
    expect([
      at("⚠️  [w1] Simulating worker failure in 3 seconds..."),
      at("💥 [w1] Worker failed!"),
      at("✅ [w1] Worker recovered and ready to serve!"),
    ]).toEqual([10, 13, 18]);
    await cluster.untilReady(director, ["w1"], 100);
    await cluster.clock.advance(13_000);
    await cluster.untilReady(director, [], 100);
  });

  const setIntent = async (rpc: Awaited<ReturnType<MemoryCluster["director"]>>["rpc"], kind: IntentKind) =>
    cluster.outcome(rpc.setIntent({ memberId: "w1", kind, reason: "patching", setBy: "ops" }));

  it("is drained and undrained by an operator", async () => {
    const director = await cluster.director();
    await cluster.worker("w1", [D1]);
    await cluster.untilReady(director, ["w1"]);
    const { member } = await setIntent(director.rpc, IntentKind.DRAINING);
    expect([member?.ready, member?.notReadyReason, member?.state]).toEqual([
      false,
      "operator: draining (patching)",
      MemberState.ALIVE,
    ]);
    await cluster.clock.advance(5_000);
    await cluster.untilReady(director, [], 10);
    await setIntent(director.rpc, IntentKind.SERVING);
    await cluster.untilReady(director, ["w1"], 2_000);
  });

  it("serves again when its drain was ended while it was away", async () => {
    const director = await cluster.director();
    await cluster.worker("w1", [D1]);
    await cluster.untilReady(director, ["w1"]);
    await setIntent(director.rpc, IntentKind.DRAINING);
    await cluster.clock.advance(2_000);
    cluster.network.freeze("w1");
    await cluster.clock.advance(500);
    cluster.network.cut("w1", "director-1");
    await cluster.clock.advance(100);
    await setIntent(director.rpc, IntentKind.SERVING);
    cluster.network.thaw("w1");
    await cluster.untilReady(director, ["w1"], 5_000);
  });

  it("serves again when it comes back after a drain and a removal", async () => {
    const director = await cluster.director();
    await cluster.worker("w1", [D1]);
    await cluster.untilReady(director, ["w1"]);
    await setIntent(director.rpc, IntentKind.DRAINING);
    await cluster.clock.advance(2_000);
    await cluster.outcome(director.rpc.removeMember({ memberId: "w1", reason: "mistake" }));
    await cluster.untilReady(director, ["w1"], 5_000);
  });

  it("comes back after a restart on a machine whose clock was set back by an hour", async () => {
    const director = await cluster.director();
    await cluster.worker("w1", [D1]);
    await cluster.untilReady(director, ["w1"]);
    await cluster.crash("w1");
    cluster.clock.stepWall(-3_600_000);
    await cluster.clock.advance(5_000);
    await cluster.worker("w1", [D1]);
    await cluster.untilReady(director, ["w1"], 30_000);
  });

  it("refuses a second worker of the same name while the first lives, and leaves the first alone", async () => {
    const director = await cluster.director();
    await cluster.worker("w1", [D1]);
    await cluster.untilReady(director, ["w1"]);
    const other = await cluster.worker("w2", [D1], { memberId: "w1" });
    await cluster.clock.advance(10_000);
    await cluster.untilReady(director, ["w1"], 10);
    expect((await cluster.member(director, "w1"))?.address).toBe("w1:7000");
    expect(other.lines.filter((line) => line.includes("refused this worker"))).toHaveLength(1);
  });

  it("tells its user what happens in the cluster", async () => {
    const director = await cluster.director();
    const { events } = await cluster.worker("w1", [D1]);
    await cluster.untilReady(director, ["w1"]);
    await cluster.worker("w2", [D1]);
    await cluster.untilReady(director, ["w1", "w2"]);
    await cluster.crash("w2");
    await cluster.clock.advance(20_000);
    const told = events.filter(({ memberId }) => memberId === "w2").map(({ kind }) => kind);
    expect(told).toEqual(["node-joined", "node-updated", "node-suspected", "node-failed"]);
  });
});
