import { IntentKind, MemberState } from "../../generated/heddle/v1/member";
import { MemberEventKind } from "../../generated/heddle/v1/attach";
import { HealthStatus } from "../../generated/heddle/v1/director";
import type { FabricClient } from "../../src/api/index";
import { KEYS } from "../../src/director/records";
import { openStore } from "../../src/store/open-store";
import type { Store } from "../../src/store/store";
import { seededRandom } from "../../src/core/random";
import { SILENT_LOGGER } from "../../src/core/logger";
import { systemClock } from "../../src/platform/system-clock";
import { Cluster, type Started } from "../support/cluster";
import { eventually } from "../support/processes";
import { TcpProxy } from "../support/tcp-proxy";

jest.setTimeout(60_000);

/** What the store is to be again after it returned: claimed for a machine that has nothing else to do, so the limit is wider. */
const WHOLE_AGAIN_WITHIN_MS = 15_000;
const ENV = { HEDDLE_SESSION_TTL_MS: "3000", HEDDLE_HEARTBEAT_INTERVAL_MS: "500" };

/** Two directors, one of which reaches etcd through a proxy that can be spoiled, and workers that know both. */
describe("S-06 a store outage is no event", () => {
  let cluster: Cluster;
  let proxy: TcpProxy;
  let store: Store;
  let first: Started;
  let second: Started;
  let client: FabricClient;
  let throughSecond: FabricClient;
  let guest: Started;
  let guests = 0;

  beforeAll(async () => {
    cluster = await Cluster.open("etcd");
    const [host = "", port = ""] = cluster.etcd.address.split(":");
    proxy = await TcpProxy.listen({ host, port: Number(port) });
    first = await cluster.director({ env: { ...ENV, HEDDLE_DIRECTOR_ID: "first" } });
    second = await cluster.director({
      env: { ...ENV, HEDDLE_DIRECTOR_ID: "second", ETCD_ENDPOINTS: proxy.address },
    });
    await cluster.worker("a", { env: { DIRECTOR_ADDR: `${first.address},${second.address}` } });
    await cluster.worker("b", { env: { DIRECTOR_ADDR: `${second.address},${first.address}` } });
    await cluster.worker("c", { env: { DIRECTOR_ADDR: `${second.address},${first.address}` } });
    guest = await cluster.worker("guest-0");
    client = cluster.connect({ directors: [first.address] });
    throughSecond = cluster.connect({ directors: [second.address] });
    const parts = { clock: systemClock, random: seededRandom(1), logger: SILENT_LOGGER };
    store = await openStore({ engine: "etcd", endpoints: [cluster.etcd.address] }, parts);
    for (const director of [client, throughSecond]) await cluster.whenReady(director, ["a", "b", "c", "guest-0"]);
    await client.director.setIntent({ memberId: "c", kind: IntentKind.CORDONED, reason: "disk", setBy: "eve" });
    await client.director.setBalancing({ policy: "round-robin" });
  });

  afterAll(async () => {
    await store.close();
    await cluster.close();
    await proxy.close();
  });

  it.each([
    ["stopped", () => cluster.etcd.kill(), () => cluster.etcd.restart()],
    ["frozen", () => Promise.resolve(cluster.etcd.freeze()), () => Promise.resolve(cluster.etcd.thaw())],
    ["restarted empty", () => cluster.etcd.wipe(), () => cluster.etcd.restart()],
    ["cut off from one director", () => Promise.resolve(proxy.refuse()), () => Promise.resolve(proxy.accept())],
    [
      "mute to one director",
      () => Promise.resolve(proxy.pause("toClient")),
      () => Promise.resolve(proxy.resume("toClient")),
    ],
  ])("when it is %s", async (_outage, begin, end) => {
    const unchanged = [follow(client), follow(throughSecond)];
    const loads = [cluster.load(client, { atOnce: 2 }), cluster.load(throughSecond, { atOnce: 2 })];
    await Promise.all(loads.map((load) => load.more(20)));

    await begin();
    await eventually("the second director says that the store does not answer", async () => {
      const { status, storeAvailable } = await throughSecond.director.getClusterHealth({});
      return !storeAvailable && status === HealthStatus.DEGRADED;
    });
    await expect(throughSecond.director.setIntent({ memberId: "a", kind: IntentKind.CORDONED })).rejects.toThrow(
      /STORE_UNAVAILABLE.*the intent was not changed/,
    );
    await expect(throughSecond.director.setBalancing({ policy: "random" })).rejects.toThrow(/STORE_UNAVAILABLE/);
    const leaving = guest.process.stop();
    guest = await cluster.worker(`guest-${(guests += 1)}`, { env: { DIRECTOR_ADDR: second.address } });
    await cluster.whenReady(throughSecond, ["a", "b", `guest-${guests}`]);
    await leaving;
    await Promise.all(loads.map((load) => load.more(20)));

    await end();
    const endedMs = performance.now();
    let seen = "";
    await eventually(
      () => `the store and both directors agree: ${seen}`,
      async () => {
        const views = [await stored(), await listed(client), await listed(throughSecond)];
        seen = views.join(" | ");
        return new Set(views).size === 1 && views[0]!.includes(`guest-${guests} second alive`);
      },
      { withinMs: WHOLE_AGAIN_WITHIN_MS },
    );
    console.info(`store ${_outage}: whole again after ${Math.round(performance.now() - endedMs)} ms`);
    for (const director of [client, throughSecond]) {
      await cluster.whenReady(director, ["a", "b", `guest-${guests}`]);
      expect((await director.director.getMember({ memberId: "c" })).member?.intent).toMatchObject({
        kind: IntentKind.CORDONED,
        reason: "disk",
        setBy: "eve",
      });
      expect((await director.director.getBalancing({})).policy).toBe("round-robin");
    }
    expect(Buffer.from((await store.get(KEYS.intent("c")))!.value).toString()).toContain('"reason":"disk"');
    const reports = await Promise.all(loads.map((load) => load.stop()));
    expect(reports.map(({ failures }) => failures)).toEqual([[], []]);
    expect([first.process.isRunning, second.process.isRunning]).toEqual([true, true]);
    expect(unchanged.map(({ events }) => events)).toEqual([[], []]);
    for (const { stop } of unchanged) stop();
  });

  /** "<member> <home> <state>" of everybody who is there, as one line. */
  const line = (members: readonly (readonly [string, string, string])[]) =>
    members
      .map((member) => member.join(" "))
      .sort()
      .join(", ");

  async function listed(through: FabricClient): Promise<string> {
    const states = new Map(Object.entries(MemberState).map(([name, state]) => [state, name.toLowerCase()]));
    const { members } = await through.director.listMembers({ states: [MemberState.ALIVE] });
    return line(members.map(({ memberId, homeDirectorId, state }) => [memberId, homeDirectorId, states.get(state)!]));
  }

  async function stored(): Promise<string> {
    const { entries } = await store.list("cluster/members/").catch(() => ({ entries: [] }));
    const records = entries.map(
      ({ value }) =>
        JSON.parse(Buffer.from(value).toString()) as Record<"memberId" | "homeDirectorId" | "state", string>,
    );
    const alive = records.filter(({ state }) => state === "alive");
    return line(alive.map(({ memberId, homeDirectorId, state }) => [memberId, homeDirectorId, state]));
  }
});

/** What a director tells of the workers that go on all the time. */
function follow(client: FabricClient): { readonly events: readonly string[]; readonly stop: () => void } {
  const names = new Map(Object.entries(MemberEventKind).map(([name, kind]) => [kind, name]));
  const events: string[] = [];
  const abort = new AbortController();
  const read = async () => {
    let seen = false;
    for await (const { event } of client.director.watchEvents({}, { signal: abort.signal })) {
      if (seen && event && ["a", "b", "c"].includes(event.memberId)) {
        events.push(`${names.get(event.kind)} ${event.memberId}: ${event.detail}`);
      }
      seen ||= event?.revision !== 0n;
    }
  };
  read().catch(() => {});
  return { events, stop: () => abort.abort() };
}
