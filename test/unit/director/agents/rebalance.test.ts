import { IntentKind } from "../../../../generated/heddle/v1/member";
import { AgentCluster } from "../../../support/agent-cluster";

describe("Rebalancing agents (G-04, H-06)", () => {
  let cluster: AgentCluster;

  beforeEach(async () => {
    cluster = await AgentCluster.open();
  });
  afterEach(() => cluster.close());

  const memory = () => cluster.memory;

  /** Twelve agents on w1, and then w2 and w3, who have none. */
  const lopsided = async (options: Parameters<AgentCluster["director"]>[1] = {}) => {
    await cluster.director("director-1", options);
    await cluster.workers("w1");
    await cluster.assignMany(12);
    await cluster.worker("w2");
    await cluster.worker("w3");
    await memory().untilReady(cluster.first, ["w1", "w2", "w3"]);
  };

  const rebalance = async (request: Parameters<typeof cluster.first.agents.rebalanceAgents>[0] = {}) =>
    (await memory().outcome(cluster.first.agents.rebalanceAgents(request))).moves;

  const settled = () =>
    memory().until("none is on its way", async () =>
      (await cluster.list()).every((agent) => agent.previousMemberId === ""),
    );

  it("moves as few as bring the members within one of each other, each running there before it stops here", async () => {
    await lopsided();
    const moves = await rebalance({ reason: "new machines" });
    expect(moves).toHaveLength(8);
    expect(moves[0]).toEqual({
      name: "a1",
      fromMemberId: "w1",
      toMemberId: "w2",
      reason: "new machines (rebalanced: w1 has 12 agents, w2 0)",
    });
    await settled();
    expect(await cluster.spread()).toEqual({ w1: 4, w2: 4, w3: 4 });
    expect(cluster.code("w1").names).toHaveLength(4);
    expect(await rebalance()).toEqual([]);
  });

  it("moves no more than asked, and nothing when it is only to say what it would do", async () => {
    await lopsided();
    expect(await rebalance({ movesMax: 3, dryRun: true })).toHaveLength(3);
    expect(await cluster.spread()).toEqual({ w1: 12 });
    expect(await rebalance({ movesMax: 3 })).toHaveLength(3);
    expect((await cluster.spread())["w1"]).toBe(9);
    await expect(rebalance({ movesMax: 1_001 })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });

  it("what is released while others are moved stays released, and is not said to have been moved", async () => {
    await lopsided();
    const last = (await rebalance({ dryRun: true })).at(-1)!.name;
    const released = cluster.first.agents.releaseAgent({ name: last });
    const moves = await rebalance();
    expect([await released, moves.length]).toEqual([{ released: true }, 7]);
    expect(moves.map(({ name }) => name)).not.toContain(last);
    await expect(cluster.get(last)).rejects.toMatchObject({ code: "AGENT_NOT_FOUND" });
  });

  it("leaves what may only run there, and gives nothing to standbys and to whom cannot have it", async () => {
    await cluster.director();
    await cluster.workers("w1");
    for (const name of ["a", "b"]) await cluster.assign(name, { memberId: "w1" });
    for (const name of ["c", "d"]) await cluster.assign(name, { match: "label!=w2" });
    for (const name of ["a", "b", "c", "d"]) await cluster.untilRuns(name, "w1");
    await cluster.worker("w2");
    await cluster.worker("w3");
    await memory().untilReady(cluster.first, ["w1", "w2", "w3"]);
    await memory().outcome(cluster.first.rpc.setIntent({ memberId: "w3", kind: IntentKind.STANDBY }));
    expect(await rebalance()).toEqual([]);
    await memory().outcome(cluster.first.rpc.setIntent({ memberId: "w3", kind: IntentKind.SERVING }));
    expect((await rebalance()).map(({ name, toMemberId }) => `${name} ${toMemberId}`)).toEqual(["c w3", "d w3"]);
  });

  it("by the share of what each takes: a member with room for nine has three times what one with room for three has", async () => {
    await cluster.director();
    await cluster.worker("w1", { agentsMax: 9 });
    await memory().untilReady(cluster.first, ["w1"]);
    await cluster.assignMany(8);
    await cluster.worker("w2", { agentsMax: 3 });
    await memory().untilReady(cluster.first, ["w1", "w2"]);
    await rebalance();
    await settled();
    expect(await cluster.spread()).toEqual({ w1: 6, w2: 2 });
  });

  it("by itself only where it is set: then every so often, ten moves at most each time", async () => {
    await lopsided({ agentRebalanceMs: 60_000 });
    await memory().clock.advance(30_000);
    expect(await cluster.spread()).toEqual({ w1: 12 });
    await memory().clock.advance(40_000);
    await settled();
    expect(await cluster.spread()).toEqual({ w1: 4, w2: 4, w3: 4 });
  });

  it("never by itself otherwise", async () => {
    await lopsided();
    await memory().clock.advance(200_000);
    expect(await cluster.spread()).toEqual({ w1: 12 });
  });
});
