import { IntentKind } from "../../../../generated/heddle/v1/member";
import { AgentState } from "../../../../src/wire/contract";
import { AgentCluster } from "../../../support/agent-cluster";

const COMPUTE = "heddle.compute.v1.ComputeService";

describe("Agents (G-04)", () => {
  let cluster: AgentCluster;

  beforeEach(async () => {
    cluster = await AgentCluster.open();
    await cluster.director();
  });
  afterEach(() => cluster.close());

  const memory = () => cluster.memory;
  const agents = () => cluster.first.agents;

  it("an agent goes to a worker that has its services, runs there with its parameters, and is durable before the answer", async () => {
    await cluster.worker("other", { serves: "given", services: [] });
    await cluster.worker("w1");
    await memory().untilReady(cluster.first, ["w1"]);
    const agent = await cluster.assign("a", { services: [COMPUTE], parameters: new Map([["zone", "north"]]) });
    expect([agent.created, agent.memberId]).toEqual([true, "w1"]);
    expect(await memory().outcome(memory().store.get("cluster/agents/a"))).toBeDefined();
    await cluster.untilRuns("a", "w1");
    expect({ ...cluster.code("w1").running.get("a")!.parameters }).toEqual({ zone: "north" });
  });

  it("the same name and needs again are the same agent; other needs are refused and change nothing", async () => {
    await cluster.workers("w1");
    await cluster.assign("a", { services: [COMPUTE] });
    expect((await cluster.assign("a", { services: [COMPUTE] })).created).toBe(false);
    await expect(cluster.assign("a")).rejects.toMatchObject({ code: "AGENT_EXISTS" });
    expect((await cluster.get("a")).services).toEqual([COMPUTE]);
  });

  it("what is malformed is refused with every mistake in it, and nothing is written", async () => {
    const parameters = new Map([["data", "x".repeat(4_093)]]);
    const services = Array.from({ length: 65 }, (_, index) => `s${index}`);
    await expect(cluster.assign("a/b", { parameters, services })).rejects.toThrow(
      'name is "a/b": use 1 to 128 characters of letters, digits and . _ : -; services has 65: at most 64; parameters are 4097 bytes: at most 4096',
    );
    await cluster.assign("a");
    await expect(cluster.assign("b", { match: "gpu=(" })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect(cluster.assign("b", { memberId: "nobody" })).rejects.toMatchObject({ code: "MEMBER_NOT_FOUND" });
    expect((await cluster.list()).map(({ name }) => name)).toEqual(["a"]);
  });

  it("a released agent stops, its name is free again, and releasing it twice is no error", async () => {
    await cluster.workers("w1");
    await cluster.assign("a");
    await cluster.untilRuns("a", "w1");
    expect(await memory().outcome(agents().releaseAgent({ name: "a", reason: "done" }))).toEqual({ released: true });
    await memory().until("it has stopped", () => cluster.code("w1").running.size === 0);
    expect(await memory().outcome(agents().releaseAgent({ name: "a" }))).toEqual({ released: false });
    await expect(cluster.get("a")).rejects.toMatchObject({ code: "AGENT_NOT_FOUND" });
    expect((await cluster.assign("a", { match: "label=w1" })).created).toBe(true);
    await cluster.untilRuns("a", "w1");
  });

  it("one that was released and assigned again while its worker was away is begun anew there, as a later generation", async () => {
    await cluster.workers("w1");
    const first = await cluster.assign("a", { memberId: "w1" });
    await cluster.untilRuns("a", "w1");
    memory().network.partition("w1", "director-1");
    await memory().outcome(agents().releaseAgent({ name: "a" }));
    const second = await cluster.assign("a", { memberId: "w1", parameters: new Map([["zone", "south"]]) });
    expect(second.generation).toBeGreaterThan(first.generation);
    memory().network.heal();
    const zone = () => cluster.code("w1").running.get("a")?.parameters["zone"];
    await memory().until("it runs with its new parameters", () => zone() === "south");
  });

  it("an agent that nobody can take is pending, says why, and runs as soon as there is somebody", async () => {
    await cluster.workers("w1");
    const { state, reason } = await cluster.assign("a", { match: "gpu=true" });
    expect([state, reason]).toEqual([
      AgentState.PENDING,
      "none of 1 members can take it (w1: it does not match gpu=true)",
    ]);
    await cluster.worker("w2", { tags: { gpu: "true" } });
    await cluster.untilRuns("a", "w2");
  });

  it("a worker takes as many agents as it has places for, whatever its slots for calls; the rest waits", async () => {
    await cluster.worker("w1", { agentsMax: 2, slots: 1 });
    await memory().untilReady(cluster.first, ["w1"]);
    await cluster.assign("a");
    await cluster.assign("b");
    const { state, reason } = await cluster.assign("c");
    expect([state, reason]).toEqual([
      AgentState.PENDING,
      "none of 1 members can take it (w1: it has all 2 agents that it takes)",
    ]);
    expect(await memory().member(cluster.first, "w1")).toMatchObject({ takesAgents: true, agents: 2, agentsMax: 2 });
    await memory().outcome(agents().releaseAgent({ name: "a" }));
    await cluster.untilRuns("c", "w1");
  });

  it("without a number of its own a worker takes as many agents as it has slots", async () => {
    await cluster.worker("w1", { slots: 1 });
    await memory().untilReady(cluster.first, ["w1"]);
    await cluster.assign("a");
    expect((await cluster.assign("b")).state).toBe(AgentState.PENDING);
  });

  it("a worker that does not say that it takes agents is given none", async () => {
    await memory().worker("old", ["director-1:61000"]);
    await memory().untilReady(cluster.first, ["old"]);
    expect((await cluster.assign("a")).reason).toBe("none of 1 members can take it (old: it takes no agents)");
  });

  it("the policy of the cluster decides, as it does for calls: the fewest agents, or each in turn", async () => {
    await cluster.workers("w1", "w2", "w3");
    for (const policy of ["least-agents", "round-robin", "least-loaded"]) {
      await memory().outcome(cluster.first.rpc.setBalancing({ policy }));
      expect([policy, await cluster.assignMany(6)]).toEqual([policy, { w1: 2, w2: 2, w3: 2 }]);
      for (const { name } of await cluster.list()) await memory().outcome(agents().releaseAgent({ name }));
    }
  });

  it("a standby gets agents only when nobody else can take them; one that is cordoned gets none and keeps its own", async () => {
    await cluster.workers("w1", "w2");
    await memory().outcome(cluster.first.rpc.setIntent({ memberId: "w2", kind: IntentKind.STANDBY }));
    expect(await cluster.assignMany(2)).toEqual({ w1: 2 });
    await memory().outcome(cluster.first.rpc.setIntent({ memberId: "w1", kind: IntentKind.CORDONED }));
    await cluster.assign("b");
    await cluster.untilRuns("b", "w2");
    expect(await cluster.spread()).toEqual({ w1: 2, w2: 1 });
  });

  it("a member without an agent of ours has services by name and by tag, and what is placed on it counts as running", async () => {
    const registered = { memberId: "node", address: "10.0.0.1:80", services: ["wrapper"], slots: 1 };
    const tags = new Map([["service.code-review", "true"]]);
    await memory().outcome(cluster.first.rpc.registerMember({ ...registered, tags }));
    const { memberId, state } = await cluster.assign("a", { services: ["wrapper", "code-review"] });
    expect([memberId, state]).toEqual(["node", AgentState.RUNNING]);
    expect((await cluster.assign("b", { services: ["wrapper"] })).state).toBe(AgentState.PENDING);
  });

  it("a worker hears of hundreds of agents at once, and all run", async () => {
    const names = Array.from({ length: 300 }, (_, index) => `agent-${index}`);
    await memory().outcome(Promise.all(names.map((name) => agents().assignAgent({ name }))));
    await cluster.worker("w1");
    await memory().until("all run", () => cluster.code("w1").running.size === 300);
    expect(cluster.code("w1").begun).toHaveLength(300);
  });
});
