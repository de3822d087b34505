import { IntentKind, MemberCondition, MemberState } from "../../../generated/heddle/v1/member";
import { reportedIdOf } from "../../../src/director/reported-members";
import { MemoryCluster, STORE_HOST, type RunningDirector } from "../../../src/testing/memory-cluster";

const NODE = { label: "sensor-7", address: "sensor-7:62001", ttlMs: 10_000, deadAfterMs: 15_000 };
const ID = "sensor-7-sensor-7:62001";

interface Stored {
  readonly state: string;
  readonly homeDirectorId: string;
  readonly incarnation: number;
  readonly joinedAtUnixMs: number;
}

describe("Members without an agent, at directors that share a store", () => {
  let cluster: MemoryCluster;
  let first: RunningDirector;

  beforeEach(async () => {
    cluster = await MemoryCluster.open();
    first = await cluster.director("director-1");
  });
  afterEach(() => cluster.close());

  const stored = async (memberId = ID) => {
    const entry = await cluster.outcome(cluster.store.get(`cluster/members/${memberId}`));
    return entry && (JSON.parse(Buffer.from(entry.value).toString()) as Stored);
  };
  const stateAt = async (director: RunningDirector) => (await cluster.member(director, ID))?.state;
  const register = (director: RunningDirector, given = {}) =>
    cluster.outcome(director.rpc.registerMember({ ...NODE, ...given }));
  const report = (director: RunningDirector, condition: MemberCondition = MemberCondition.UNSPECIFIED) =>
    cluster.outcome(director.rpc.reportStatus({ memberId: ID, condition }));

  it("P-07 are in the store before the registration is answered", async () => {
    cluster.degradeStore({ delayMaxMs: 2_000 });
    const { member, created } = await register(first);
    expect({ id: member?.memberId, created }).toEqual({ id: ID, created: true });
    expect(await stored()).toMatchObject({ state: "alive", homeDirectorId: "director-1" });
  });

  it("are not registered, and nothing is changed, while the store does not answer", async () => {
    cluster.beginStoreOutage();
    await cluster.clock.advance(20_000);
    await expect(register(first)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    expect(await cluster.member(first, ID)).toBeUndefined();
    cluster.endStoreOutage();
    await cluster.clock.advance(20_000);
    expect(await stored()).toBeUndefined();
  });

  it("P-02 are the same for the same name and address, whichever director is asked, and keep their beginning", async () => {
    const second = await cluster.director("director-2");
    await register(first);
    const before = await stored();
    await cluster.clock.advance(3_000);
    const { member, created } = await register(second);
    expect({ id: member?.memberId, created }).toEqual({ id: ID, created: false });
    const { joinedAtUnixMs, incarnation } = before!;
    expect(await stored()).toMatchObject({ homeDirectorId: "director-2", joinedAtUnixMs, incarnation });
    await cluster.clock.advance(1_000);
    const { members } = await cluster.outcome(first.rpc.listMembers({}));
    expect(members).toHaveLength(1);
  });

  it("P-04 live by heartbeats that come to any director, in turn", async () => {
    const second = await cluster.director("director-2");
    await register(first);
    for (const director of [second, second, first, second, first, first]) {
      await cluster.clock.advance(8_000);
      await report(director);
    }
    await cluster.clock.advance(1_000);
    expect([await stateAt(first), await stateAt(second)]).toEqual([MemberState.ALIVE, MemberState.ALIVE]);
    expect(await stored()).toMatchObject({ state: "alive", homeDirectorId: "director-1" });
  });

  it("are judged by the director that heard of them last alone", async () => {
    const second = await cluster.director("director-2");
    await register(first);
    await cluster.clock.advance(8_000);
    await report(second);
    await cluster.clock.advance(1_000);
    expect((await cluster.member(first, ID))?.homeDirectorId).toBe("director-2");
    await cluster.clock.advance(7_000);
    expect(await stateAt(second)).toBe(MemberState.ALIVE);
    await cluster.clock.advance(3_000);
    expect(await stored()).toMatchObject({ state: "suspect", homeDirectorId: "director-2" });
    await cluster.clock.advance(6_000);
    expect([await stateAt(first), await stateAt(second)]).toEqual([MemberState.DEAD, MemberState.DEAD]);
  });

  it("expire in time when their director never comes back", async () => {
    const second = await cluster.director("director-2");
    await register(first);
    await cluster.crash("director-1");
    await cluster.clock.advance(10_000 + 20_000 + 5_000 + 16_000);
    expect(await stateAt(second)).toBe(MemberState.DEAD);
    expect(await stored()).toMatchObject({ state: "dead", homeDirectorId: "director-2" });
  });

  it("stay their director's own when it is started again in time, and are waited for from then on", async () => {
    await cluster.director("director-2");
    await register(first);
    await cluster.crash("director-1");
    await cluster.clock.advance(5_000);
    const again = await cluster.director("director-1");
    await cluster.clock.advance(9_000);
    expect(await stateAt(again)).toBe(MemberState.ALIVE);
    expect(await stored()).toMatchObject({ homeDirectorId: "director-1" });
    await report(again);
  });

  it("expire too when their director was started again while the store was away, and so did not see them", async () => {
    await register(first);
    await cluster.crash("director-1");
    cluster.network.freeze(STORE_HOST);
    const again = await cluster.director("director-1");
    cluster.network.thaw(STORE_HOST);
    await cluster.clock.advance(5_000);
    expect(await stateAt(again)).toBe(MemberState.ALIVE);
    await cluster.clock.advance(15_000 + 20_000 + 5_000 + 16_000);
    expect(await stateAt(again)).toBe(MemberState.DEAD);
  });

  it("P-04 say that they are offline, which is no sign of life, and come back by any other report", async () => {
    await register(first);
    await cluster.clock.advance(4_000);
    await report(first);
    const heard = (await cluster.member(first, ID))!.lastHeartbeatUnixMs;
    await cluster.clock.advance(4_000);
    await report(first, MemberCondition.OFFLINE);
    const offline = await cluster.member(first, ID);
    expect(offline).toMatchObject({ state: MemberState.DEAD, lastHeartbeatUnixMs: heard });
    await report(first);
    expect(await stateAt(first)).toBe(MemberState.ALIVE);
  });

  it("P-04 tell their condition to every director, and an operator's intent is not theirs to change", async () => {
    const second = await cluster.director("director-2");
    await register(first);
    await cluster.outcome(first.rpc.setIntent({ memberId: ID, kind: IntentKind.MAINTENANCE, reason: "", setBy: "" }));
    await report(first, MemberCondition.FAILED);
    await cluster.clock.advance(1_000);
    const seen = await cluster.member(second, ID);
    expect(seen).toMatchObject({ condition: MemberCondition.FAILED, intent: { kind: IntentKind.MAINTENANCE } });
    await report(first);
    const well = await cluster.member(first, ID);
    expect(well).toMatchObject({ condition: 0, intent: { kind: IntentKind.MAINTENANCE } });
  });

  it("P-04 may say that they are offline to any director", async () => {
    const second = await cluster.director("director-2");
    await register(first);
    await report(second, MemberCondition.OFFLINE);
    await cluster.clock.advance(1_000);
    expect([await stateAt(first), await stateAt(second)]).toEqual([MemberState.DEAD, MemberState.DEAD]);
    expect(await stored()).toMatchObject({ state: "dead", homeDirectorId: "director-2" });
  });

  it("G-01 are their director's own after a registration that was refused at another", async () => {
    const second = await cluster.director("director-2");
    await register(first, { memberId: "node-2" });
    const moved = { memberId: "node-2", address: "elsewhere:62001", keepAddress: true };
    await expect(register(second, moved)).rejects.toMatchObject({ code: "DUPLICATE_MEMBER" });
    expect((await cluster.member(second, "node-2"))?.homeDirectorId).toBe("director-1");
  });

  it("G-01 keep their address against another live one if the caller wants that, at any director", async () => {
    const second = await cluster.director("director-2");
    const fixed = { memberId: "node-2", keepAddress: true };
    await register(first, fixed);
    const moved = { ...fixed, address: "elsewhere:62001" };
    await expect(register(second, moved)).rejects.toMatchObject({ code: "DUPLICATE_MEMBER" });
    await expect(register(second, fixed)).resolves.toMatchObject({ created: false });
    await cluster.clock.advance(40_000);
    await expect(register(second, moved)).resolves.toMatchObject({ member: { address: "elsewhere:62001" } });
  });

  it("do not take the id of a live worker, at whichever director it is", async () => {
    const second = await cluster.director("director-2");
    await cluster.worker("w1", [first.address]);
    await cluster.untilReady(second, ["w1"]);
    const taken = { memberId: "w1", label: "w1" };
    await expect(register(first, taken)).rejects.toMatchObject({ code: "DUPLICATE_MEMBER" });
    await expect(register(second, taken)).rejects.toMatchObject({ code: "DUPLICATE_MEMBER" });
    await cluster.untilReady(second, ["w1"], 10);
    await expect(register(first, { memberId: "director-2" })).rejects.toMatchObject({ code: "DUPLICATE_MEMBER" });
  });

  it("come back after they were removed, as new ones", async () => {
    const second = await cluster.director("director-2");
    await register(first);
    await cluster.outcome(second.rpc.removeMember({ memberId: ID, reason: "" }));
    await cluster.clock.advance(1_000);
    expect(await stateAt(first)).toBeUndefined();
    await expect(report(first)).rejects.toMatchObject({ code: "MEMBER_NOT_FOUND" });
    expect((await register(second)).created).toBe(true);
    await cluster.clock.advance(1_000);
    expect([await stateAt(first), await stateAt(second)]).toEqual([MemberState.ALIVE, MemberState.ALIVE]);
  });

  it("are refused a patience that ends before it begins", async () => {
    await expect(register(first, { deadAfterMs: 10_000 })).rejects.toThrow("dead_after_ms is 10000");
  });
});

describe("The id of a member without an agent", () => {
  it.each([
    ["a name with spaces", ["my node", "h:1"], ["my-node", "h:1"]],
    ["a long name", ["n".repeat(200), "h:1"], [`${"n".repeat(199)}m`, "h:1"]],
    ["an address that continues the name", ["a@b", "h:1"], ["a", "b@h:1"]],
  ])("tells two members apart: %s", (_what, one, other) => {
    const [a, b] = [one, other].map(([label, address]) => reportedIdOf(label!, address!));
    expect(a).not.toBe(b);
    for (const id of [a, b]) expect(id).toMatch(/^[A-Za-z0-9._:-]{1,128}$/);
  });
});
