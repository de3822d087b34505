import { MemberEventKind } from "../../../generated/heddle/v1/attach";
import { IntentKind, MemberState } from "../../../generated/heddle/v1/member";
import { HEARTBEAT_MS, MemoryCluster, type RunningDirector } from "../../../src/testing/memory-cluster";

const D1 = "director-1:61000";
const D2 = "director-2:61000";

/** Follows the events of a director into an array. */
function follow({ rpc }: RunningDirector, afterRevision = 0n) {
  const abort = new AbortController();
  const events: { kind: MemberEventKind; memberId: string; revision: bigint }[] = [];
  const read = async () => {
    for await (const { event } of rpc.watchEvents({ afterRevision }, { signal: abort.signal })) {
      events.push({ kind: event!.kind, memberId: event!.memberId, revision: event!.revision });
    }
  };
  read().catch(() => {});
  return { events, stop: () => abort.abort() };
}

const KIND_NAMES = new Map(Object.entries(MemberEventKind).map(([name, kind]) => [kind, name]));

const names = (events: readonly { kind: MemberEventKind; memberId: string }[]) =>
  events.map(({ kind, memberId }) => `${KIND_NAMES.get(kind)} ${memberId}`);

describe("A director on a simulated network", () => {
  let cluster: MemoryCluster;

  beforeEach(async () => {
    cluster = await MemoryCluster.open();
  });

  afterEach(() => cluster.close());

  const stateOf = async (director: RunningDirector, memberId: string) =>
    (await cluster.member(director, memberId))?.state;
  const stored = async (memberId: string) => {
    const entry = await cluster.outcome(cluster.store.get(`cluster/members/${memberId}`));
    return entry && (JSON.parse(Buffer.from(entry.value).toString()) as { state: string; homeDirectorId: string });
  };

  it("has its workers back after a restart, and calls none of them dead meanwhile", async () => {
    const first = await cluster.director("director-1");
    for (const name of ["w1", "w2", "w3"]) await cluster.worker(name, [D1]);
    await cluster.untilReady(first, ["w1", "w2", "w3"]);
    await cluster.outcome(first.rpc.setIntent({ memberId: "w3", kind: IntentKind.CORDONED, reason: "", setBy: "" }));
    await cluster.clock.advance(1_000);
    await cluster.crash("director-1");
    await cluster.clock.advance(3_000);
    const again = await cluster.director("director-1");
    const { events } = follow(again);
    await cluster.untilReady(again, ["w1", "w2"], 5_000);
    await cluster.clock.advance(30_000);
    await cluster.untilReady(again, ["w1", "w2"], 10);
    expect(names(events).filter((name) => name.startsWith("NODE_FAILED"))).toEqual([]);
    expect((await cluster.member(again, "w3"))?.notReadyReason).toBe("operator: cordoned");
  });

  it("suspects a worker that falls silent, asks others about it, and then calls it dead", async () => {
    const director = await cluster.director();
    for (const name of ["w1", "w2", "w3", "w4"]) await cluster.worker(name, [D1]);
    await cluster.untilReady(director, ["w1", "w2", "w3", "w4"]);
    await cluster.clock.advance(10_000);
    cluster.network.freeze("w1");
    const frozenMs = cluster.clock.monotonicMs();
    await cluster.untilReady(director, ["w2", "w3", "w4"], 5 * HEARTBEAT_MS);
    await cluster.until("it is dead", async () => (await stateOf(director, "w1")) === MemberState.DEAD, 10_000);
    const { stateReason } = (await cluster.member(director, "w1"))!;
    expect(stateReason).toMatch(/unreachable through (w[234](, )?){3}/);
    expect(cluster.clock.monotonicMs() - frozenMs).toBeLessThan(15_000);
    expect(await stateOf(director, "w2")).toBe(MemberState.ALIVE);
  });

  it("lets a worker live that only its director cannot hear, until its time is over", async () => {
    const director = await cluster.director();
    for (const name of ["w1", "w2", "w3"]) await cluster.worker(name, [D1]);
    await cluster.untilReady(director, ["w1", "w2", "w3"]);
    await cluster.clock.advance(10_000);
    cluster.network.block("w1", "director-1");
    await cluster.untilReady(director, ["w2", "w3"], 5 * HEARTBEAT_MS);
    await cluster.clock.advance(2_000);
    const early = await stateOf(director, "w1");
    cluster.network.heal();
    await cluster.untilReady(director, ["w1", "w2", "w3"], 5_000);
    expect(early).toBe(MemberState.SUSPECT);
  });

  it("P2 picks a worker no more from the moment its data connection breaks", async () => {
    const director = await cluster.director();
    await cluster.worker("w1", [D1]);
    await cluster.worker("w2", [D1]);
    await cluster.untilReady(director, ["w1", "w2"]);
    cluster.network.block("director-1", "w1");
    cluster.network.cut("director-1", "w1");
    expect(await cluster.untilReady(director, ["w2"])).toBeLessThan(50);
    expect((await cluster.member(director, "w1"))?.notReadyReason).toMatch(/data connection/);
    cluster.network.heal();
    await cluster.untilReady(director, ["w1", "w2"], 10_000);
  });

  it("V2 lets workers join and die while the store is away, and writes it down later", async () => {
    const director = await cluster.director();
    await cluster.worker("w1", [D1]);
    await cluster.untilReady(director, ["w1"]);
    cluster.beginStoreOutage();
    await cluster.worker("w2", [D1]);
    await cluster.untilReady(director, ["w1", "w2"], 3_000);
    await cluster.crash("w1");
    await cluster.untilReady(director, ["w2"], 3_000);
    await cluster.until("it is dead", async () => (await stateOf(director, "w1")) === MemberState.DEAD, 20_000);
    cluster.endStoreOutage();
    await cluster.clock.advance(15_000);
    expect([(await stored("w1"))?.state, (await stored("w2"))?.state]).toEqual(["dead", "alive"]);
  });

  it("V2 follows the store again once it has taken what happened in the outage", async () => {
    const first = await cluster.director("director-1");
    const second = await cluster.director("director-2");
    cluster.beginStoreOutage();
    await cluster.worker("w1", [D1, D2]);
    await cluster.untilReady(first, ["w1"], 3_000);
    cluster.endStoreOutage();
    await cluster.untilReady(second, ["w1"], 15_000);
    // From now on another director writes its record, and this one must see it.
    cluster.network.partition("w1", "director-1");
    await cluster.until(
      "the first sees it at the second",
      async () => (await cluster.member(first, "w1"))?.homeDirectorId === "director-2",
      40_000,
    );
    expect((await stored("w1"))?.homeDirectorId).toBe("director-2");
  });

  it("W3 does not write over a newer life of a worker that another director has", async () => {
    const first = await cluster.director("director-1");
    const second = await cluster.director("director-2");
    await cluster.worker("w1", [D1]);
    await cluster.untilReady(first, ["w1"]);
    await cluster.untilReady(second, ["w1"]);
    cluster.network.partition("w1", "director-1");
    await cluster.crash("w1");
    await cluster.worker("w1", [D2]);
    await cluster.untilReady(second, ["w1"], 30_000);
    cluster.network.heal();
    await cluster.clock.advance(60_000);
    expect(await stored("w1")).toMatchObject({ state: "alive", homeDirectorId: "director-2" });
    await cluster.untilReady(first, ["w1"], 10);
    await cluster.untilReady(second, ["w1"], 10);
  });

  it("tells events in order, and resumes from a revision without gap or repeat", async () => {
    const director = await cluster.director();
    const all = follow(director);
    await cluster.worker("w1", [D1]);
    await cluster.untilReady(director, ["w1"]);
    await cluster.worker("w2", [D1]);
    await cluster.untilReady(director, ["w1", "w2"]);
    await cluster.clock.advance(100);
    const seen = [...all.events];
    const middle = seen[Math.floor(seen.length / 2)]!;
    await cluster.crash("w1");
    await cluster.until("it is dead", async () => (await stateOf(director, "w1")) === MemberState.DEAD, 20_000);
    await cluster.clock.advance(100);
    const resumed = follow(director, middle.revision);
    await cluster.clock.advance(100);
    const revisions = all.events.map(({ revision }) => Number(revision));
    expect(revisions).toEqual([...revisions].sort((a, b) => a - b));
    expect(names(resumed.events)).toEqual(names(all.events.filter(({ revision }) => revision > middle.revision)));
    expect(names(resumed.events)).not.toContain("RESET ");
    expect(names(all.events)).toEqual(expect.arrayContaining(["NODE_JOINED w1", "NODE_JOINED w2", "NODE_FAILED w1"]));
  });

  it("starts over with RESET and the members who asks for what is not kept", async () => {
    const director = await cluster.director();
    await cluster.worker("w1", [D1]);
    await cluster.untilReady(director, ["w1"]);
    const future = follow(director, 1_000_000n);
    await cluster.clock.advance(100);
    expect(names(future.events)).toEqual(["RESET ", "NODE_JOINED w1"]);
  });

  it("sends a client few lists while a fleet joins, and the last one is complete", async () => {
    const director = await cluster.director();
    const lists: number[] = [];
    const abort = new AbortController();
    const read = async () => {
      for await (const { endpoints } of director.rpc.watchEndpoints({}, { signal: abort.signal })) {
        lists.push(endpoints.length);
      }
    };
    read().catch(() => {});
    await Promise.race([
      Promise.all(Array.from({ length: 30 }, (_, index) => cluster.worker(`w${index}`, [D1]))),
      cluster.clock.advance(2_000),
    ]);
    await cluster.until("the list is complete", () => lists.at(-1) === 30);
    expect(lists.length).toBeLessThan(20);
  });

  it("counts an assignment as a call until it is released or expires", async () => {
    const director = await cluster.director();
    await cluster.worker("w1", [D1], { slots: 3 });
    await cluster.untilReady(director, ["w1"]);
    const assign = () => cluster.outcome(director.rpc.assignWorker({ prompt: "p" }));
    const inFlight = async () => (await cluster.member(director, "w1"))?.directorInFlight;
    const first = await assign();
    const second = await assign();
    const third = await assign();
    const refused = await assign();
    expect([first.success, third.success, refused.success, await inFlight()]).toEqual([true, true, false, 3]);
    await cluster.outcome(director.rpc.releaseAssignment({ assignmentId: third.assignmentId }));
    expect(await inFlight()).toBe(2);
    await cluster.clock.advance(20_000);
    await cluster.outcome(director.rpc.renewAssignment({ assignmentId: second.assignmentId }));
    await cluster.clock.advance(15_000);
    expect(await inFlight()).toBe(1);
    await cluster.clock.advance(20_000);
    expect(await inFlight()).toBe(0);
    const late = director.rpc.renewAssignment({ assignmentId: second.assignmentId });
    expect(await cluster.outcome(late.catch((error: { code: string }) => error.code))).toBe("ASSIGNMENT_NOT_FOUND");
  });

  it("keeps a contract for as long as somebody has it, and brings it back with who comes later", async () => {
    const first = await cluster.director("director-1");
    const second = await cluster.director("director-2");
    const { worker } = await cluster.worker("w1", [D1]);
    await cluster.untilReady(first, ["w1"]);
    await cluster.untilReady(second, ["w1"]);
    const contracts = async () => (await cluster.outcome(cluster.store.list("cluster/descriptors/"))).entries.length;
    await cluster.clock.advance(500);
    const whileAlive = await contracts();
    await cluster.outcome(worker.stop({ graceMs: 0 }));
    await cluster.clock.advance(90_000);
    const afterwards = await contracts();
    await cluster.worker("w2", [D1]);
    await cluster.untilReady(first, ["w2"]);
    await cluster.clock.advance(500);
    expect([whileAlive, afterwards, await contracts()]).toEqual([1, 0, 1]);
  });

  it("lets its workers go to another director when it stops, without a dead one", async () => {
    const first = await cluster.director("director-1");
    const second = await cluster.director("director-2");
    await cluster.worker("w1", [D1, D2]);
    await cluster.untilReady(second, ["w1"]);
    const { events } = follow(second);
    await cluster.outcome(first.director.stop({ graceMs: 1_000 }));
    await cluster.until(
      "it is at the second",
      async () => (await stored("w1"))?.homeDirectorId === "director-2",
      3_000,
    );
    await cluster.clock.advance(40_000);
    await cluster.untilReady(second, ["w1"], 10);
    expect(names(events).filter((name) => /FAILED|SUSPECTED/.test(name))).toEqual([]);
  });
});
