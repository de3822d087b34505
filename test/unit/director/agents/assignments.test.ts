import { AgentState, type Agent } from "../../../../src/wire/contract";
import type { PlacedAgent } from "../../../../src/worker/agents/agent-handler";
import { MemoryCluster, type RunningDirector, type WorkerOptions } from "../../../../src/testing/memory-cluster";

const D1 = "director-1:61000";
const COMPUTE = "heddle.compute.v1.ComputeService";

/** What a worker's code was told, and what runs there now. */
class Host {
  readonly begun: string[] = [];
  readonly running = new Map<string, PlacedAgent>();
  failWith: string | undefined;

  readonly onAgent = (agent: PlacedAgent) => {
    const { name, generation } = agent;
    this.begun.push(`${name}@${generation}`);
    if (this.failWith !== undefined) throw new Error(this.failWith);
    this.running.set(name, agent);
    return () => void this.running.delete(name);
  };

  get names(): string[] {
    return [...this.running.keys()].sort();
  }
}

describe("Agents (G-04)", () => {
  let cluster: MemoryCluster;
  let director: RunningDirector;
  const hosts = new Map<string, Host>();

  beforeEach(async () => {
    cluster = await MemoryCluster.open();
    director = await cluster.director();
    hosts.clear();
  });
  afterEach(() => cluster.close());

  const host = (name: string) => hosts.get(name)!;

  const worker = async (name: string, options: WorkerOptions = {}, directors = [D1]) => {
    const each = new Host();
    hosts.set(name, each);
    return await cluster.worker(name, directors, { onAgent: each.onAgent, ...options });
  };

  const workers = async (...names: string[]) => {
    for (const name of names) await worker(name);
    await cluster.untilReady(director, names);
  };

  const assign = async (name: string, wish: Parameters<RunningDirector["agents"]["assignAgent"]>[0] = {}) => {
    const { agent, created } = await cluster.outcome(director.agents.assignAgent({ name, ...wish }));
    return { ...agent!, created };
  };

  const get = async (name: string, at = director): Promise<Agent> =>
    (await cluster.outcome(at.agents.getAgent({ name }))).agent!;

  const untilRuns = (name: string, at: string) =>
    cluster.until(`${name} runs at ${at}`, async () => {
      const { state, memberId } = await get(name);
      return state === AgentState.RUNNING && memberId === at && host(at).running.has(name);
    });

  it("an agent goes to a worker that has its services, runs there with its parameters, and is durable before the answer", async () => {
    await worker("other", { serves: "given", services: [] });
    await worker("w1");
    await cluster.untilReady(director, ["w1"]);
    const agent = await assign("a", { services: [COMPUTE], parameters: new Map([["zone", "north"]]) });
    expect([agent.created, agent.memberId, Number(agent.generation)]).toEqual([true, "w1", 1]);
    expect(await cluster.outcome(cluster.store.get("cluster/agents/a"))).toBeDefined();
    await untilRuns("a", "w1");
    expect({ ...host("w1").running.get("a")!.parameters }).toEqual({ zone: "north" });
  });

  it("the same name and needs again are the same agent; other needs are refused and change nothing", async () => {
    await workers("w1");
    await assign("a", { services: [COMPUTE] });
    expect((await assign("a", { services: [COMPUTE] })).created).toBe(false);
    await expect(assign("a")).rejects.toMatchObject({ code: "AGENT_EXISTS" });
    expect((await get("a")).services).toEqual([COMPUTE]);
  });

  it("a released agent stops, its name is free again, and releasing it twice is no error", async () => {
    await workers("w1");
    await assign("a");
    await untilRuns("a", "w1");
    expect(await cluster.outcome(director.agents.releaseAgent({ name: "a", reason: "done" }))).toEqual({
      released: true,
    });
    await cluster.until("it has stopped", () => host("w1").running.size === 0);
    expect(await cluster.outcome(director.agents.releaseAgent({ name: "a" }))).toEqual({ released: false });
    await expect(get("a")).rejects.toMatchObject({ code: "AGENT_NOT_FOUND" });
    expect((await assign("a", { match: "label=w1" })).created).toBe(true);
    await untilRuns("a", "w1");
  });

  it("an agent that nobody can take is pending, says why, and runs as soon as there is somebody", async () => {
    await worker("w1", {});
    await cluster.untilReady(director, ["w1"]);
    const { state, reason } = await assign("a", { match: "gpu=true" });
    expect([state, reason]).toEqual([
      AgentState.PENDING,
      "none of 1 members can take it (w1: it does not match gpu=true)",
    ]);
    await worker("w2", { tags: { gpu: "true" } });
    await untilRuns("a", "w2");
  });
});
