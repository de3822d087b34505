import type { Store } from "../../../../src/store/store";
import type { RunningDirector } from "../../../../src/testing/memory-cluster";
import { AgentCluster } from "../../../support/agent-cluster";

const D1 = "director-1:61000";
const D2 = "director-2:61000";

/** The same store, which tells what changes only when `told` has settled. */
const late = (store: Store, told: () => Promise<void>): Store => ({
  engine: store.engine,
  get: (key) => store.get(key),
  list: (prefix) => store.list(prefix),
  commit: (transaction) => store.commit(transaction),
  put: (key, value, session) => store.put(key, value, session),
  delete: (key) => store.delete(key),
  openSession: (options) => store.openSession(options),
  isAvailable: () => store.isAvailable(),
  close: () => Promise.resolve(),
  async *watch(prefix, signal) {
    for await (const event of store.watch(prefix, signal)) {
      await told();
      yield event;
    }
  },
});

describe("Agents of which one director hears late (G-04)", () => {
  let cluster: AgentCluster;
  let told = Promise.resolve();
  let tell = () => {};
  let prompt: RunningDirector;
  let behind: RunningDirector;

  const hold = () => void (told = new Promise((resolve) => (tell = resolve)));

  beforeEach(async () => {
    cluster = await AgentCluster.open(1, {
      store: ({ name }) => late(cluster.memory.store, () => (name === "director-2" ? told : Promise.resolve())),
    });
    prompt = await cluster.director("director-1");
    behind = await cluster.director("director-2");
  });
  afterEach(async () => {
    tell();
    await cluster.close();
  });

  const release = async (director: RunningDirector) => {
    const { released } = await cluster.memory.outcome(director.agents.releaseAgent({ name: "a" }));
    // A store in memory takes no time.
    await cluster.memory.clock.advance(1);
    return released;
  };

  it("it releases what another was told to assign", async () => {
    hold();
    await cluster.assign("a", {}, prompt);
    expect(await release(behind)).toBe(true);
    await expect(cluster.get("a", prompt)).rejects.toMatchObject({ code: "AGENT_NOT_FOUND" });
  });

  it("it assigns anew what another was told to release, as a later generation, with other needs too", async () => {
    const first = await cluster.assign("a", {}, prompt);
    await cluster.memory.until("both know it", () => cluster.get("a", behind).then(() => true));
    hold();
    expect(await release(prompt)).toBe(true);
    const second = await cluster.assign("a", { match: "label=w1" }, behind);
    expect(second.created).toBe(true);
    expect(second.generation).toBeGreaterThan(first.generation);
    expect(await cluster.get("a", prompt)).toMatchObject({ match: "label=w1", generation: second.generation });
  });

  it("an agent that was assigned and released without its knowledge has a later generation when it assigns it", async () => {
    hold();
    const first = await cluster.assign("a", {}, prompt);
    await release(prompt);
    expect((await cluster.assign("a", {}, behind)).generation).toBeGreaterThan(first.generation);
  });

  it("while the store is away it says neither that an agent exists nor that there is none", async () => {
    await cluster.assign("a", {}, prompt);
    cluster.memory.beginStoreOutage();
    const refused = { code: "STORE_UNAVAILABLE" };
    await expect(cluster.assign("a", {}, prompt)).rejects.toMatchObject(refused);
    await expect(cluster.memory.outcome(prompt.agents.releaseAgent({ name: "b" }))).rejects.toMatchObject(refused);
  });
});

describe("Agents with several directors, and with a store that fails (G-04, G-05)", () => {
  let cluster: AgentCluster;

  beforeEach(async () => {
    cluster = await AgentCluster.open();
  });
  afterEach(() => cluster.close());

  const memory = () => cluster.memory;

  const pair = async (): Promise<readonly [RunningDirector, RunningDirector]> => {
    const one = await cluster.director("director-1");
    const two = await cluster.director("director-2");
    await cluster.worker("w1", {}, [D1, D2]);
    await cluster.worker("w2", {}, [D2, D1]);
    await memory().untilReady(one, ["w1", "w2"]);
    await memory().untilReady(two, ["w1", "w2"]);
    return [one, two];
  };

  const leaderOf = async (director: RunningDirector) => {
    let leader = "";
    await memory().until("there is a leader", async () => {
      leader = (await director.rpc.getLeader({})).directorId;
      return leader !== "";
    });
    return leader;
  };

  it("any director takes an assignment and answers for it; both at once make one agent", async () => {
    const [one, two] = await pair();
    const [first, second] = await memory().outcome(
      Promise.all([one.agents.assignAgent({ name: "a" }), two.agents.assignAgent({ name: "a" })]),
    );
    expect([first.created, second.created].sort()).toEqual([false, true]);
    expect(first.agent!.memberId).toBe(second.agent!.memberId);
    await cluster.untilRuns("a", first.agent!.memberId, two);
    expect([...cluster.code("w1").begun, ...cluster.code("w2").begun]).toHaveLength(1);
  });

  it("both at once with different needs: one is refused", async () => {
    const [one, two] = await pair();
    const asked = [one.agents.assignAgent({ name: "a" }), two.agents.assignAgent({ name: "a", match: "label=w1" })];
    const outcomes = await memory().outcome(Promise.allSettled(asked));
    expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  });

  it("the leader dies together with a worker: the next leader moves its agents", async () => {
    const [one, two] = await pair();
    const leader = await leaderOf(one);
    const other = leader === "director-1" ? two : one;
    const [dying, kept] = leader === "director-1" ? ["w1", "w2"] : ["w2", "w1"];
    for (const name of ["a", "b", "c", "d"]) await cluster.assign(name, {}, other);
    expect((await cluster.spread(other))[dying]).toBeGreaterThan(0);
    await memory().crash(leader);
    await memory().crash(dying);
    for (const name of ["a", "b", "c", "d"]) await cluster.untilRuns(name, kept, other, 60_000);
    expect(await leaderOf(other)).not.toBe(leader);
  });

  it("while the store is away assignments are refused and agents go on; what dies meanwhile is moved after it", async () => {
    await cluster.director("director-1");
    await cluster.workers("w1", "w2");
    await cluster.assign("a", { match: "label=w1" });
    await cluster.untilRuns("a", "w1");
    await cluster.assign("b");
    const { memberId } = await cluster.get("b");
    await cluster.untilRuns("b", memberId);
    memory().beginStoreOutage();
    await expect(cluster.assign("c")).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    await expect(memory().outcome(cluster.first.agents.releaseAgent({ name: "a" }))).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
    });
    await memory().clock.advance(20_000);
    expect([cluster.code("w1").names.includes("a"), cluster.code(memberId).names.includes("b")]).toEqual([true, true]);
    await memory().crash(memberId);
    await memory().clock.advance(10_000);
    memory().endStoreOutage();
    await cluster.untilRuns("b", memberId === "w1" ? "w2" : "w1");
  });

  it("a director that is started anew has its agents, and they go on without an interruption", async () => {
    const director = await cluster.director("director-1");
    await cluster.workers("w1", "w2");
    const spread = await cluster.assignMany(4);
    await memory().outcome(director.director.stop());
    await memory().clock.advance(3_000);
    await cluster.director("director-1");
    await memory().untilReady(cluster.first, ["w1", "w2"]);
    await memory().clock.advance(30_000);
    expect(await cluster.spread()).toEqual(spread);
    const list = await cluster.list();
    expect(list.map(({ name, generation }) => cluster.placement(name, generation))).toEqual([1, 1, 1, 1]);
    expect([...cluster.code("w1").begun, ...cluster.code("w2").begun]).toHaveLength(4);
  });

  it("a director that dies and comes back: agents of workers that came back go on, those of one that did not are moved", async () => {
    await cluster.director("director-1");
    await cluster.workers("w1", "w2");
    await cluster.assignMany(4);
    await memory().crash("director-1");
    await memory().crash("w1");
    await memory().clock.advance(3_000);
    await cluster.director("director-1");
    await memory().until("all run at w2", () => cluster.code("w2").names.length === 4, 60_000);
    expect((await cluster.list()).map(({ memberId }) => memberId)).toEqual(["w2", "w2", "w2", "w2"]);
  });

  it("on a store that is slow, refuses, loses answers and breaks watches every agent ends up running, once", async () => {
    await pair();
    memory().degradeStore({ refuseRatio: 0.1, loseAnswerRatio: 0.1, cutRatio: 0.1, delayMaxMs: 50 });
    const names = Array.from({ length: 20 }, (_, index) => `a${index}`);
    for (const name of names) {
      // Repeating it is harmless: that is what one does with STORE_UNAVAILABLE.
      await memory().until(`${name} is assigned`, () =>
        cluster.first.agents.assignAgent({ name }).then(
          () => true,
          () => false,
        ),
      );
    }
    await memory().crash("w1");
    memory().degradeStore({ refuseRatio: 0, loseAnswerRatio: 0, cutRatio: 0, delayMaxMs: 0 });
    await memory().until("all run at w2", () => cluster.code("w2").running.size === 20, 60_000);
    expect(cluster.code("w2").names).toEqual([...names].sort());
  });
});
