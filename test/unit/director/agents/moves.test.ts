import { IntentKind } from "../../../../generated/heddle/v1/member";
import { AgentState, DrainPhase, type DrainMemberResponse } from "../../../../src/wire/contract";
import { AgentCluster } from "../../../support/agent-cluster";

describe("Agents whose worker goes (G-04, H-06)", () => {
  let cluster: AgentCluster;

  beforeEach(async () => {
    cluster = await AgentCluster.open();
    await cluster.director();
  });
  afterEach(() => cluster.close());

  const memory = () => cluster.memory;

  /** Where agent `a` runs, of two workers, and the other. */
  const placed = async () => {
    await cluster.workers("w1", "w2");
    const { memberId } = await cluster.assign("a");
    await cluster.untilRuns("a", memberId);
    return { here: memberId, there: memberId === "w1" ? "w2" : "w1" };
  };

  const verdict = (memberId: string) =>
    memory().until(`${memberId} is judged dead`, () =>
      memory()
        .member(cluster.first, memberId)
        .then((member) => member?.stateReason !== undefined && [4, undefined].includes(member.state)),
    );

  it("an orphan of a worker that died runs elsewhere within a second of the verdict, as the next generation, with an event that says why", async () => {
    const { here, there } = await placed();
    const events: string[] = [];
    const follow = async () => {
      for await (const { event } of cluster.first.rpc.watchEvents({ afterRevision: 1n })) {
        if (event!.agent !== "") events.push(`${event!.kind} ${event!.agent} ${event!.memberId} ${event!.detail}`);
      }
    };
    void follow().catch(() => {});
    await memory().crash(here);
    await verdict(here);
    expect(await cluster.untilRuns("a", there, cluster.first, 1_000)).toBeLessThan(1_000);
    const { generation, moves } = await cluster.get("a");
    expect([cluster.placement("a", generation), moves]).toEqual([2, 1]);
    await memory().until("the event is told", () => events.some((event) => event.includes("from")));
    expect(events.at(-1)).toMatch(new RegExp(`^12 a ${there} from ${here} to ${there}: ${here} was judged dead: `));
  });

  it("with a hundred orphans too: all run elsewhere within two seconds of the verdict, spread as the policy says", async () => {
    await cluster.workers("w1", "w2", "w3");
    await memory().outcome(cluster.first.rpc.setBalancing({ policy: "least-agents" }));
    expect(await cluster.assignMany(150)).toEqual({ w1: 50, w2: 50, w3: 50 });
    await memory().crash("w1");
    await verdict("w1");
    const running = () => cluster.code("w2").running.size + cluster.code("w3").running.size;
    await memory().until("all 150 run", () => running() === 150, 2_000);
    expect(await cluster.spread()).toEqual({ w2: 75, w3: 75 });
  });

  it("a worker that crashes and is back before the verdict keeps its agents, and starts them anew", async () => {
    const { here } = await placed();
    await memory().crash(here);
    await cluster.worker(here);
    await cluster.untilRuns("a", here);
    expect(cluster.begun(here)).toEqual(["a@1"]);
  });

  it("drained: the agent runs at the new place before it stops at the old one", async () => {
    const { here, there } = await placed();
    const code = cluster.code(there);
    let start = () => {};
    code.before = new Promise((resolve) => (start = resolve));
    await memory().outcome(
      cluster.first.rpc.setIntent({ memberId: here, kind: IntentKind.DRAINING, reason: "kernel" }),
    );
    await memory().until("it begins there", () => code.begun.length === 1);
    await memory().clock.advance(5_000);
    expect([cluster.code(here).names, code.names]).toEqual([["a"], []]);
    expect(await cluster.get("a")).toMatchObject({
      state: AgentState.STARTING,
      memberId: there,
      previousMemberId: here,
      reason: `${here} is in draining: kernel`,
    });
    start();
    await memory().until("it has stopped here", () => cluster.code(here).running.size === 0);
    expect(code.names).toEqual(["a"]);
    expect((await cluster.get("a")).previousMemberId).toBe("");
  });

  it("a drain is complete only when the agents run elsewhere, and says what it waits for", async () => {
    const { here, there } = await placed();
    let start = () => {};
    cluster.code(there).before = new Promise((resolve) => (start = resolve));
    const told: DrainMemberResponse[] = [];
    const watch = async () => {
      for await (const message of cluster.first.rpc.drainMember({ memberId: here })) told.push(message);
    };
    const watched = watch();
    await memory().clock.advance(10_000);
    expect(told.at(-1)).toMatchObject({
      phase: DrainPhase.FINISHING,
      detail: "an agent goes on there until it runs elsewhere",
    });
    start();
    await memory().outcome(watched);
    expect(told.at(-1)!.phase).toBe(DrainPhase.COMPLETE);
    await memory().until("it has stopped here", () => cluster.code(here).running.size === 0);
  });

  it("in maintenance with nobody else to take it: it stops and waits, and comes back with the worker", async () => {
    await cluster.workers("w1");
    await cluster.assign("a");
    await cluster.untilRuns("a", "w1");
    await memory().outcome(cluster.first.rpc.setIntent({ memberId: "w1", kind: IntentKind.MAINTENANCE }));
    await memory().until("it has stopped", () => cluster.code("w1").running.size === 0);
    expect((await cluster.get("a")).reason).toBe(
      "taken off w1: w1 is in maintenance; none of 1 members can take it (w1: operator: maintenance)",
    );
    await memory().outcome(cluster.first.rpc.setIntent({ memberId: "w1", kind: IntentKind.SERVING }));
    await cluster.untilRuns("a", "w1");
  });

  it("a worker that stops hands its agents over before it leaves", async () => {
    await cluster.workers("w1");
    const leaving = await cluster.worker("w2");
    await memory().untilReady(cluster.first, ["w1", "w2"]);
    await cluster.assign("a", { memberId: "w2" }).then(() => cluster.untilRuns("a", "w2"));
    await cluster.assign("b", { match: "label=w2" });
    await cluster.untilRuns("b", "w2");
    await cluster.assign("c", { match: "label" }).then(({ memberId }) => cluster.untilRuns("c", memberId));
    const stopped = leaving.worker.stop();
    await memory().outcome(stopped);
    expect(cluster.code("w2").names).toEqual([]);
    await cluster.untilRuns("c", "w1");
    // Nobody else can have these.
    expect((await cluster.get("a")).state).toBe(AgentState.PENDING);
    expect((await cluster.get("b")).state).toBe(AgentState.PENDING);
  });

  it("a worker that comes back without the service loses the agent to one that has it", async () => {
    await cluster.workers("w1", "w2");
    const { memberId: here } = await cluster.assign("a", { services: ["heddle.compute.v1.ComputeService"] });
    await cluster.untilRuns("a", here);
    await memory().crash(here);
    await cluster.worker(here, { serves: "given", services: [] });
    const there = here === "w1" ? "w2" : "w1";
    await cluster.untilRuns("a", there);
    await memory().until("it has stopped here", () => cluster.code(here).running.size === 0);
    expect((await cluster.get("a")).reason).toMatch(/^w\d cannot have it any more: it does not serve heddle/);
  });

  it("an agent that fails is tried elsewhere, with pauses that grow, and both are told as events", async () => {
    await cluster.workers("w1", "w2");
    for (const name of ["w1", "w2"]) cluster.code(name).failWith = "no disk";
    await cluster.assign("a");
    await memory().clock.advance(20_000);
    const begun = [...cluster.begun("w1"), ...cluster.begun("w2")];
    // After 0, 1, 3, 7 and 15 s.
    expect(begun.sort()).toEqual(["a@1", "a@2", "a@3", "a@4", "a@5"]);
    expect(Math.abs(cluster.code("w1").begun.length - cluster.code("w2").begun.length)).toBe(1);
    expect(await cluster.get("a")).toMatchObject({ state: AgentState.FAILED, failures: 5 });
    expect((await cluster.get("a")).reason).toMatch(/^w[12]: no disk$/);
    cluster.code("w1").failWith = undefined;
    cluster.code("w2").failWith = undefined;
    await memory().until("it runs", async () => (await cluster.get("a")).state === AgentState.RUNNING);
  });

  it("an agent that failed at the only worker for it, which takes one, is stopped and tried there again", async () => {
    await cluster.worker("w1", { agentsMax: 1 });
    await memory().untilReady(cluster.first, ["w1"]);
    const code = cluster.code("w1");
    for (const wish of [{}, { memberId: "w1" }]) {
      await cluster.assign("a", wish);
      await cluster.untilRuns("a", "w1");
      code.running.get("a")!.failed(new Error("lost its queue"));
      await memory().until("it has stopped", () => code.running.size === 0);
      await cluster.untilRuns("a", "w1");
      expect(await cluster.get("a")).toMatchObject({ failures: 1, moves: 0 });
      await memory().outcome(cluster.first.agents.releaseAgent({ name: "a" }));
      await memory().until("it has stopped", () => code.running.size === 0);
    }
  });

  it("an agent that says that it has failed is stopped there, and runs elsewhere", async () => {
    const { here, there } = await placed();
    cluster.code(here).running.get("a")!.failed(new Error("lost its queue"));
    await cluster.untilRuns("a", there);
    expect([cluster.code(here).names, (await cluster.get("a")).reason]).toEqual([
      [],
      `it failed at ${here}: lost its queue`,
    ]);
  });

  it("a worker that does not say within a minute that an agent runs has failed to run it", async () => {
    const { here, there } = await placed();
    cluster.code(there).before = new Promise(() => {});
    await memory().outcome(cluster.first.rpc.setIntent({ memberId: here, kind: IntentKind.CORDONED }));
    await cluster.assign("b");
    await memory().clock.advance(59_000);
    expect((await cluster.get("b")).state).toBe(AgentState.STARTING);
    await memory().until("it has failed", async () => (await cluster.get("b")).state === AgentState.FAILED);
    expect((await cluster.get("b")).reason).toBe(`${there}: it did not say within 60 s that it runs`);
  });

  it("a worker that no director answers stops its agents after a minute, and gets back those that are still its own", async () => {
    await cluster.worker("w1", { agentsAloneMs: 60_000 });
    await memory().untilReady(cluster.first, ["w1"]);
    await cluster.assign("a");
    await cluster.untilRuns("a", "w1");
    memory().network.partition("w1", "director-1");
    const code = cluster.code("w1");
    await memory().clock.advance(55_000);
    expect(code.names).toEqual(["a"]);
    await memory().until("it has stopped", () => code.running.size === 0, 10_000);
    memory().network.heal();
    await cluster.untilRuns("a", "w1");
  });

  it("a worker that was cut off and comes back stops what runs elsewhere by now", async () => {
    const { here, there } = await placed();
    memory().network.partition(here, "director-1");
    await cluster.untilRuns("a", there);
    expect(cluster.code(here).names).toEqual(["a"]);
    memory().network.heal();
    await memory().until("it has stopped", () => cluster.code(here).running.size === 0);
    expect((await cluster.get("a")).memberId).toBe(there);
  });
});
