import { MemberEventKind } from "../../../generated/heddle/v1/attach";
import { MemberState } from "../../../generated/heddle/v1/member";
import { MemoryCluster, type RunningDirector } from "../../../src/testing/memory-cluster";

const D1 = "director-1:61000";
const D2 = "director-2:61000";
const D3 = "director-3:61000";
const LEASE_MS = 10_000;

const KIND_NAMES = new Map(Object.entries(MemberEventKind).map(([name, kind]) => [kind, name]));

let cluster: MemoryCluster;

beforeEach(async () => {
  cluster = await MemoryCluster.open();
});

afterEach(() => cluster.close());

/** Says what happens to workers at a director, from now on. */
function follow({ rpc }: RunningDirector): { readonly kinds: string[]; readonly details: string[] } {
  const kinds: string[] = [];
  const details: string[] = [];
  const read = async () => {
    let seen = false;
    for await (const { event } of rpc.watchEvents({}, {})) {
      if (seen && event?.memberId) {
        kinds.push(`${KIND_NAMES.get(event.kind)} ${event.memberId}`);
        details.push(event.detail);
      }
      // What is there already ends with the first event that has a revision.
      seen ||= event?.revision !== 0n;
    }
  };
  read().catch(() => {});
  return { kinds, details };
}

/** The least number of workers that a director could pick while something was going on. */
function leastReady({ director }: { director: RunningDirector }) {
  const seen = { least: Infinity };
  const abort = new AbortController();
  const read = async () => {
    for await (const { endpoints } of director.rpc.watchEndpoints({}, { signal: abort.signal })) {
      seen.least = Math.min(seen.least, endpoints.length);
    }
  };
  read().catch(() => {});
  return { seen, stop: () => abort.abort() };
}

const settled = () => cluster.clock.advance(100);

describe("The death of a director", () => {
  it.each([
    ["alive", () => Promise.resolve(), "director-2"],
    ["dead too", () => cluster.crash("director-2"), "director-3"],
    ["frozen", () => Promise.resolve(cluster.network.freeze("director-2")), "director-3"],
    ["blackholed", () => Promise.resolve(cluster.network.partition("w1", "director-2")), "director-3"],
  ])(
    "S-06 has its worker at another one within a second, as the life it was, when the next one is %s",
    async (_next, spoil, home) => {
      await cluster.director("director-1");
      await cluster.director("director-2");
      const third = await cluster.director("director-3");
      const { worker } = await cluster.worker("w1", [D1, D2, D3]);
      await cluster.untilReady(third, ["w1"]);
      await cluster.clock.advance(10_000);
      const before = (await cluster.member(third, "w1"))!;
      const { kinds } = follow(third);
      const picks = leastReady({ director: third });
      await settled();
      await spoil();
      await cluster.crash("director-1");
      const crashedMs = cluster.clock.monotonicMs();
      const welcome = await cluster.outcome(worker.whenAttached());
      expect(welcome.directorId).toBe(home);
      expect(cluster.clock.monotonicMs() - crashedMs).toBeLessThan(1_000);
      await cluster.clock.advance(3 * LEASE_MS);
      const after = (await cluster.member(third, "w1"))!;
      expect([after.homeDirectorId, after.incarnation, after.state]).toEqual([
        home,
        before.incarnation,
        MemberState.ALIVE,
      ]);
      expect([picks.seen.least, kinds.filter((kind) => !kind.startsWith("NODE_UPDATED"))]).toEqual([1, []]);
      picks.stop();
    },
  );

  it("S-06 a frozen director is left within five heartbeats, and does not take its workers back when it goes on", async () => {
    await cluster.director("director-1");
    const second = await cluster.director("director-2");
    for (const name of ["w1", "w2", "w3"]) await cluster.worker(name, [D1, D2]);
    await cluster.untilReady(second, ["w1", "w2", "w3"]);
    await cluster.clock.advance(LEASE_MS);
    const picks = leastReady({ director: second });
    const { kinds } = follow(second);
    await settled();
    cluster.network.freeze("director-1");
    await cluster.until(
      "all are at the second",
      async () => {
        const { members } = await second.rpc.listMembers({});
        return members.every(({ homeDirectorId }) => homeDirectorId === "director-2");
      },
      5_500,
    );
    await cluster.clock.advance(2 * LEASE_MS);
    cluster.network.thaw("director-1");
    await cluster.clock.advance(3 * LEASE_MS);
    const { members } = await cluster.outcome(second.rpc.listMembers({}));
    expect(members.map(({ homeDirectorId, state }) => [homeDirectorId, state])).toEqual(
      ["w1", "w2", "w3"].map(() => ["director-2", MemberState.ALIVE]),
    );
    expect([picks.seen.least, kinds.filter((kind) => !kind.startsWith("NODE_UPDATED"))]).toEqual([3, []]);
    picks.stop();
  });
});

describe("V3 Workers whose records went with the lease of their director", () => {
  let second: RunningDirector;
  let told: ReturnType<typeof follow>;

  /** Their director routes and takes their beats, but cannot reach the store. */
  beforeEach(async () => {
    await cluster.director("director-1");
    for (const name of ["w1", "w2"]) await cluster.worker(name, [D1]);
    second = await cluster.director("director-2");
    await cluster.untilReady(second, ["w1", "w2"]);
    told = follow(second);
    await settled();
    cluster.network.partition("director-1", "store");
    await cluster.clock.advance(2 * LEASE_MS);
  });

  const stored = async () => (await cluster.outcome(cluster.store.list("cluster/members/"))).entries.length;

  it("are picked by the other directors while they answer, with the reason told, and without events", async () => {
    expect(await stored()).toBe(0);
    await cluster.untilReady(second, ["w1", "w2"], 10);
    const { stateReason, state } = (await cluster.member(second, "w1"))!;
    expect([state, stateReason]).toEqual([
      MemberState.ALIVE,
      "its director director-1 is gone or has lost the store; its data connection answers",
    ]);
    cluster.network.heal();
    await cluster.until("they are written again", async () => (await stored()) === 2, 5_000);
    await settled();
    expect((await cluster.member(second, "w1"))!.stateReason).not.toContain("gone");
    expect(told.kinds).toEqual([]);
  });

  it("end when their data connection does not answer any more", async () => {
    await cluster.crash("w1");
    await cluster.untilReady(second, ["w2"], 5_000);
    await cluster.until("it is gone", async () => (await cluster.member(second, "w1")) === undefined, 15_000);
    await settled();
    expect([told.kinds, told.details]).toEqual([
      ["NODE_FAILED w1"],
      ["its director is gone, and its data connection does not answer"],
    ]);
  });

  it("end after five minutes without a director, and come back with it", async () => {
    await cluster.clock.advance(280_000);
    await cluster.untilReady(second, ["w1", "w2"], 10);
    await cluster.untilReady(second, [], 20_000);
    expect([...told.kinds].sort()).toEqual(["NODE_FAILED w1", "NODE_FAILED w2"]);
    cluster.network.heal();
    await cluster.untilReady(second, ["w1", "w2"], 10_000);
  });

  it("can be removed by an operator", async () => {
    await cluster.outcome(second.rpc.removeMember({ memberId: "w1", reason: "sold" }));
    expect(await cluster.member(second, "w1")).toBeUndefined();
    await settled();
    expect([told.kinds, told.details]).toEqual([["NODE_LEFT w1"], ["sold"]]);
  });

  it("leave their id to a worker that is started elsewhere when they are gone, and not before", async () => {
    const { lines } = await cluster.worker("w1-elsewhere", [D2], { memberId: "w1", label: "w1" });
    await cluster.clock.advance(3_000);
    expect(lines.join("\n")).toContain("DUPLICATE_MEMBER");
    await cluster.crash("w1");
    await cluster.until(
      "the new one has it",
      async () => (await cluster.member(second, "w1"))?.address === "w1-elsewhere:7000",
      20_000,
    );
    await cluster.untilReady(second, ["w1", "w2"], 10_000);
  });
});

describe("A store outage", () => {
  it("in which a worker moves to another director does not make it dead at the one it left", async () => {
    const first = await cluster.director("director-1");
    const second = await cluster.director("director-2");
    const { worker } = await cluster.worker("w1", [D1, D2]);
    await cluster.worker("w2", [D2]);
    for (const director of [first, second]) await cluster.untilReady(director, ["w1", "w2"]);
    await cluster.clock.advance(LEASE_MS);
    const told = [follow(first), follow(second)];
    await settled();
    cluster.beginStoreOutage();
    cluster.network.cut("w1", "director-1");
    expect((await cluster.outcome(worker.whenAttached())).directorId).toBe("director-2");
    await cluster.untilReady(first, ["w1", "w2"], 5_000);
    await cluster.clock.advance(40_000);
    for (const director of [first, second]) await cluster.untilReady(director, ["w1", "w2"], 10);
    await cluster.crash("w2");
    for (const director of [first, second]) await cluster.untilReady(director, ["w1"], 5_000);
    cluster.endStoreOutage();
    await cluster.clock.advance(20_000);
    for (const director of [first, second]) {
      expect((await cluster.member(director, "w1"))?.homeDirectorId).toBe("director-2");
      await cluster.untilReady(director, ["w1"], 10);
    }
    const ofTheMoved = told.map(({ kinds }) => kinds.filter((kind) => /(FAILED|LEFT|JOINED) w1/.test(kind)));
    expect(ofTheMoved).toEqual([[], []]);
  });

  it("after which nobody has a worker that was let go leaves the verdict to the director it had", async () => {
    const first = await cluster.director("director-1");
    await cluster.director("director-2");
    await cluster.worker("w1", [D1, D2]);
    await cluster.untilReady(first, ["w1"]);
    await cluster.clock.advance(LEASE_MS);
    cluster.beginStoreOutage();
    cluster.network.block("w1", "director-2");
    cluster.network.partition("w1", "director-1");
    await cluster.clock.advance(30_000);
    cluster.endStoreOutage();
    await cluster.until(
      "it is dead",
      async () => (await cluster.member(first, "w1"))?.state === MemberState.DEAD,
      60_000,
    );
  });
});

describe("RemoveMember", () => {
  it("works at any director: the member's own one closes its stream, and it comes back as a new life", async () => {
    const first = await cluster.director("director-1");
    const second = await cluster.director("director-2");
    await cluster.worker("w1", [D1]);
    await cluster.untilReady(second, ["w1"]);
    const before = (await cluster.member(first, "w1"))!;
    const { kinds } = follow(first);
    await settled();
    await cluster.outcome(second.rpc.removeMember({ memberId: "w1", reason: "" }));
    await cluster.untilReady(first, ["w1"], 5_000);
    await cluster.untilReady(second, ["w1"], 5_000);
    const after = (await cluster.member(second, "w1"))!;
    expect(after.incarnation).toBeGreaterThan(before.incarnation);
    expect(kinds.slice(0, 2)).toEqual(["NODE_LEFT w1", "NODE_JOINED w1"]);
  });

  it("changes nothing while the store is away, and says so", async () => {
    const director = await cluster.director("director-1");
    await cluster.worker("w1", [D1]);
    await cluster.untilReady(director, ["w1"]);
    cluster.beginStoreOutage();
    const answer = director.rpc.removeMember({ memberId: "w1", reason: "" });
    await expect(cluster.outcome(answer)).rejects.toThrow(/STORE_UNAVAILABLE.*the member was not removed/);
    await cluster.untilReady(director, ["w1"], 10);
  });
});
