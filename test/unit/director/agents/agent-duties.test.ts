import type { BalancingPolicy } from "../../../../src/balancing/picker";
import { createPolicyRegistry } from "../../../../src/balancing/policy-registry";
import type { AgentRecord } from "../../../../src/core/agent";
import { SILENT_LOGGER } from "../../../../src/core/logger";
import type { MemberRecord } from "../../../../src/core/member";
import { NO_RESOURCES } from "../../../../src/core/member";
import { seededRandom } from "../../../../src/core/random";
import { AgentDuties } from "../../../../src/director/agents/agent-duties";
import { AgentIndex } from "../../../../src/director/agents/agent-index";
import { AgentPlaces } from "../../../../src/director/agents/agent-places";
import { ClusterView } from "../../../../src/director/cluster-view";
import { encodeRecord, KEYS, readFact } from "../../../../src/director/records";
import { openStore } from "../../../../src/store/open-store";
import type { Condition, Store } from "../../../../src/store/store";
import { ManualClock } from "../../../../src/testing/manual-clock";

const errors: string[] = [];
const logger = { ...SILENT_LOGGER, error: (message: string) => void errors.push(message) };

const memberOf = (memberId: string, over: Partial<MemberRecord> = {}): MemberRecord => ({
  memberId,
  label: memberId,
  address: `${memberId}:7000`,
  incarnation: 1,
  services: ["s.v1.S"],
  descriptorSetHash: "",
  slots: 0,
  tags: {},
  resources: NO_RESOURCES,
  role: "worker",
  version: "",
  dataKeepalive: true,
  liveness: { kind: "attached" },
  takesAgents: true,
  state: "alive",
  stateReason: "",
  stateSinceUnixMs: 0,
  joinedAtUnixMs: 0,
  homeDirectorId: "d",
  ...over,
});

const agentOf = (name: string, over: Partial<AgentRecord> = {}): AgentRecord => ({
  name,
  services: [],
  match: "",
  onlyMemberId: "",
  parameters: {},
  state: "running",
  reason: "",
  memberId: "w1",
  generation: 1,
  createdAtUnixMs: 0,
  assignedAtUnixMs: 0,
  moves: 0,
  failures: 0,
  ...over,
});

const badStart: BalancingPolicy = () => {
  throw new Error("no such table");
};
const badEnd: BalancingPolicy = (endpoints) => ({
  pick: () => ({ kind: "picked", endpoint: endpoints[0]! }),
  close: () => {
    throw new Error("closed already");
  },
});

describe("A leader's care for agents", () => {
  const clock = new ManualClock();
  const stop = new AbortController();
  let store: Store;
  let view: ClusterView;
  let fence: Condition | undefined;
  let policy = "least-agents";
  let fault: Error | undefined;

  beforeAll(async () => {
    store = await openStore({ engine: "embedded" }, { clock, random: seededRandom(1), logger });
    await store.put("leader", Buffer.from("me"));
    view = new ClusterView(store, logger);
    void view.run(stop.signal);
    const index = new AgentIndex(view);
    const registry = createPolicyRegistry({ extra: { "bad-start": badStart, "bad-end": badEnd } });
    const parts = { clock, random: seededRandom(1), logger, registry, view, index };
    const places = new AgentPlaces({ ...parts, policy: () => policy, load: () => undefined });
    const fenceNow = () => {
      if (fault) throw fault;
      return fence;
    };
    const duties = new AgentDuties({ clock, logger, store, view, index, places, fence: fenceNow, rebalanceMs: 0 });
    void duties.run(stop.signal);
    await clock.advance(10);
  });
  afterAll(async () => {
    stop.abort();
    await clock.advance(10);
    await store.close();
  });

  const put = (record: MemberRecord | AgentRecord) =>
    store.put(
      "memberId" in record && "label" in record ? KEYS.member(record.memberId) : KEYS.agent(record.name),
      encodeRecord(record),
    );

  const stored = async (name: string) => {
    const entry = await store.get(KEYS.agent(name));
    return entry && (readFact(entry.key, entry.value)!.value as AgentRecord);
  };

  it("one whose term is over writes nothing, though it thinks that it leads; the next one does", async () => {
    const leader = (await store.get("leader"))!;
    await Promise.all([put(memberOf("w1", { state: "dead" })), put(memberOf("w2")), put(agentOf("a"))]);
    fence = { key: "leader", createRevision: leader.createRevision - 1 };
    await clock.advance(5_000);
    expect(await stored("a")).toMatchObject({ memberId: "w1", generation: 1 });
    fence = { key: "leader", createRevision: leader.createRevision };
    await clock.advance(2_000);
    expect(await stored("a")).toMatchObject({ memberId: "w2", generation: 2, state: "starting" });
  });

  it("a record that another wrote meanwhile is left to it", async () => {
    await put(agentOf("b", { state: "starting", memberId: "w2" }));
    await clock.advance(1_000);
    const commit = store.commit.bind(store);
    let meddled = false;
    store.commit = async (transaction) => {
      const isMove = !meddled && transaction.operations.some(({ key }) => key === KEYS.agent("b"));
      meddled ||= isMove;
      if (isMove) await store.put(KEYS.agent("b"), encodeRecord(agentOf("b", { state: "running", memberId: "w2" })));
      return await commit(transaction);
    };
    await clock.advance(62_000);
    store.commit = commit;
    expect([meddled, await stored("b")]).toMatchObject([true, { state: "running", memberId: "w2", generation: 1 }]);
  });

  it("a member that is missing from the record is waited for; one that was removed is not", async () => {
    await Promise.all([put(memberOf("w3")), put(memberOf("w4"))]);
    await put(agentOf("c", { memberId: "w3" }));
    await put(agentOf("d", { memberId: "w4" }));
    await clock.advance(100);
    await store.delete(KEYS.member("w3"));
    await clock.advance(0);
    view.endOrphan("w3", { kind: "lost", reason: "test" });
    await store.put(KEYS.removal("w4"), encodeRecord({ incarnation: 1, reason: "sold", atUnixMs: 1 }));
    await store.delete(KEYS.member("w4"));
    await clock.advance(2_000);
    expect(await stored("d")).toMatchObject({ memberId: "w2", reason: "w4 was removed: sold" });
    await clock.advance(11_000);
    expect(await stored("c")).toMatchObject({ memberId: "w3" });
    await clock.advance(4_000);
    expect(await stored("c")).toMatchObject({ memberId: "w2", reason: "w3 has not been seen for 15 s" });
  });

  it("each absence of a member from the record is waited for from its own beginning", async () => {
    await put(memberOf("w7", { tags: { t: "y" } }));
    await put(agentOf("h", { memberId: "w7" }));
    await clock.advance(100);
    const leaveFor = async (timeMs: number) => {
      await store.delete(KEYS.member("w7"));
      await clock.advance(0);
      view.endOrphan("w7", { kind: "lost", reason: "test" });
      await clock.advance(timeMs);
    };
    await leaveFor(10_000);
    await put(memberOf("w7", { tags: { t: "y" } }));
    await clock.advance(10_000);
    await leaveFor(10_000);
    expect(await stored("h")).toMatchObject({ memberId: "w7", generation: 1 });
    await clock.advance(6_000);
    expect(await stored("h")).toMatchObject({ memberId: "w2", generation: 2 });
  });

  it("a policy that throws places nobody and is told once; what it throws at its end stops nothing", async () => {
    policy = "bad-start";
    await put(agentOf("i", { state: "pending", memberId: "" }));
    await clock.advance(5_000);
    expect(await stored("i")).toMatchObject({ state: "pending" });
    expect(errors.splice(0)).toEqual(["the balancing policy throws where an agent is to be placed"]);
    policy = "bad-end";
    await clock.advance(2_000);
    expect(await stored("i")).toMatchObject({ state: "starting" });
    policy = "least-agents";
    await put(agentOf("j", { state: "pending", memberId: "" }));
    await clock.advance(2_000);
    expect(await stored("j")).toMatchObject({ state: "starting" });
    expect(errors.splice(0)).toEqual(["the balancing policy throws where an agent is to be placed"]);
  });

  it("a turn that fails is told, and the next look goes on", async () => {
    fault = new Error("no leader's record");
    await put(agentOf("k", { state: "pending", memberId: "" }));
    await clock.advance(3_000);
    expect(errors.length).toBeLessThan(6);
    expect(new Set(errors.splice(0))).toEqual(new Set(["agents could not be looked after"]));
    fault = undefined;
    await clock.advance(2_000);
    expect(await stored("k")).toMatchObject({ state: "starting" });
  });

  it("what was released and not deleted, because its director died in between, is deleted", async () => {
    await put(agentOf("e", { state: "released", memberId: "w2" }));
    await clock.advance(2_000);
    expect(await stored("e")).toBeUndefined();
  });

  it("the last place of a member that two directors gave away at once is cleared up, where somebody else can take it", async () => {
    await put(memberOf("w5", { tags: { t: "x" }, agentsMax: 1 }));
    for (const name of ["f", "g"]) await put(agentOf(name, { memberId: "w5", match: "t=x" }));
    await clock.advance(3_000);
    expect([(await stored("f"))!.memberId, (await stored("g"))!.memberId]).toEqual(["w5", "w5"]);
    await put(memberOf("w6", { tags: { t: "x" }, agentsMax: 1 }));
    await clock.advance(2_000);
    expect([(await stored("f"))!.memberId, (await stored("g"))!.memberId]).toEqual(["w5", "w6"]);
    expect(await stored("g")).toMatchObject({ previous: { memberId: "w5", generation: 1 } });
  });
});
