import { MemberEventKind } from "../../../generated/heddle/v1/attach";
import { MemoryCluster, type RunningDirector } from "../../../src/testing/memory-cluster";

const ELECTION_TTL_MS = 6_000;

let cluster: MemoryCluster;
let directors: RunningDirector[];

beforeEach(async () => {
  cluster = await MemoryCluster.open();
  directors = [];
  for (const name of ["director-1", "director-2", "director-3"]) directors.push(await cluster.director(name));
  await untilLed("director-1");
});

afterEach(() => cluster.close());

async function leaderAt({ rpc }: RunningDirector): Promise<string> {
  return (await rpc.getLeader({})).directorId;
}

/** Lets time pass until all of these directors, or all but the named ones, say that this one leads. Gives how long it took. */
async function untilLed(by: string | RegExp, without: readonly string[] = []): Promise<number> {
  const startedMs = cluster.clock.monotonicMs();
  const asked = directors.filter(({ host }) => !without.includes(host.name));
  await cluster.until(`${String(by)} leads`, async () => {
    const leaders = new Set<string>();
    for (const director of asked) leaders.add(await leaderAt(director));
    const [leader = ""] = leaders;
    return leaders.size === 1 && (typeof by === "string" ? leader === by : by.test(leader));
  });
  return cluster.clock.monotonicMs() - startedMs;
}

const epoch = async (director: RunningDirector) => (await cluster.outcome(director.rpc.getLeader({}))).epoch;

describe("Leadership of the directors", () => {
  it("H-06 passes on within the TTL when the leader is killed, with a higher epoch, and every director knows", async () => {
    const before = await epoch(directors[1]!);
    await cluster.crash("director-1");
    expect(await untilLed(/director-[23]/, ["director-1"])).toBeLessThanOrEqual(ELECTION_TTL_MS + 2_000);
    expect(await epoch(directors[1]!)).toBeGreaterThan(before);
  });

  it("H-06 passes on when the leader stands still, which follows the new one when it goes on", async () => {
    cluster.network.freeze("director-1");
    await untilLed(/director-[23]/, ["director-1"]);
    cluster.network.thaw("director-1");
    await untilLed(/director-[23]/);
  });

  it("H-06 passes on when only the leader cannot reach the store; it says then that it does not know", async () => {
    cluster.network.partition("director-1", "store");
    await untilLed(/director-[23]/, ["director-1"]);
    await expect(cluster.outcome(directors[0]!.rpc.transferLeadership({ directorId: "director-1" }))).rejects.toThrow(
      /LEADER_UNAVAILABLE.*director-1 does not lead, nobody does now/,
    );
    expect(await cluster.outcome(leaderAt(directors[0]!))).toBe("");
    cluster.network.heal();
    await untilLed(/director-[23]/);
  });

  it("H-06 passes on at once by TransferLeadership, and when the leader is told to stop", async () => {
    const { directorId } = await cluster.outcome(directors[0]!.rpc.transferLeadership({ directorId: "director-2" }));
    expect(directorId).toBe("director-2");
    expect(await untilLed("director-2")).toBeLessThan(500);
    const stopping = directors[1]!.director.stop({ graceMs: 0 });
    expect(await untilLed(/director-[13]/, ["director-2"])).toBeLessThan(500);
    await cluster.outcome(stopping);
  });

  it("names the leader to whoever asks another director to transfer it", async () => {
    const answer = cluster.outcome(directors[2]!.rpc.transferLeadership({ directorId: "director-3" }));
    await expect(answer).rejects.toThrow(/director-3 does not lead, director-1 at director-1:61000 does: ask it/);
  });

  it("tells every change as an event, once", async () => {
    const leaders: string[] = [];
    const read = async () => {
      for await (const { event } of directors[2]!.rpc.watchEvents({}, {})) {
        if (event?.kind === MemberEventKind.LEADER_CHANGED) leaders.push(event.detail);
      }
    };
    read().catch(() => {});
    await cluster.clock.advance(100);
    await cluster.outcome(directors[0]!.rpc.transferLeadership({ directorId: "director-2" }));
    await untilLed("director-2");
    await cluster.crash("director-2");
    await untilLed(/director-[13]/, ["director-2"]);
    const last = await cluster.outcome(leaderAt(directors[2]!));
    await cluster.clock.advance(100);
    expect(leaders.filter((leader) => leader !== "")).toEqual(["director-2", last]);
  });

  it("brings the leader its duties: a removal is forgotten after a while, by its fence", async () => {
    await cluster.worker("w1", ["director-2:61000"]);
    await cluster.untilReady(directors[2]!, ["w1"]);
    await cluster.crash("w1");
    await cluster.outcome(directors[2]!.rpc.removeMember({ memberId: "w1", reason: "sold" }));
    const removals = async () => (await cluster.outcome(cluster.store.list("cluster/removals/"))).entries.length;
    expect(await removals()).toBe(1);
    await cluster.clock.advance(700_000);
    expect(await removals()).toBe(0);
  });
});

describe("A second director of the same name", () => {
  it("is refused at its start while the first one lives, and taken for its next life otherwise", async () => {
    const host = "director-1b";
    const twin = cluster.director(host, { directorId: "director-1" });
    await expect(twin).rejects.toThrow(
      /HEDDLE_DIRECTOR_ID is "director-1", which the director at director-1:61000 bears/,
    );
    await untilLed("director-1");
    await cluster.crash("director-1");
    const next = await cluster.director("director-1c", { directorId: "director-1" });
    await cluster.until("the name is at the new address", async () => {
      const { directors: shown } = await next.rpc.getTopology({});
      return shown.some(({ directorId, address }) => directorId === "director-1" && address === "director-1c:61000");
    });
  });
});
