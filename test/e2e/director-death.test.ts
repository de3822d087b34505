import { MemberEventKind } from "../../generated/heddle/v1/attach";
import type { FabricClient } from "../../src/api/index";
import { Cluster, type Started } from "../support/cluster";
import { eventually } from "../support/processes";

jest.setTimeout(60_000);

const WORKERS = ["a", "b", "c"];
const LOST = new Set<number>([MemberEventKind.NODE_FAILED, MemberEventKind.NODE_LEFT, MemberEventKind.NODE_JOINED]);

let cluster: Cluster;
let first: Started;
let second: Started;
let client: FabricClient;
const env = { HEDDLE_SESSION_TTL_MS: "3000", HEDDLE_HEARTBEAT_INTERVAL_MS: "500" };

beforeEach(async () => {
  cluster = await Cluster.open("etcd");
  first = await cluster.director({ env: { ...env, HEDDLE_DIRECTOR_ID: "first" } });
  second = await cluster.director({ env: { ...env, HEDDLE_DIRECTOR_ID: "second" } });
  for (const label of WORKERS) await cluster.worker(label);
  client = cluster.connect({ directors: [second.address] });
  await cluster.whenReady(client, WORKERS);
});

afterEach(async () => {
  await cluster.close();
});

/** Home and incarnation of each worker, as the second director shows them. */
async function lives(): Promise<readonly (readonly [string, string, bigint])[]> {
  const { members } = await client.director.listMembers({});
  return members.map(({ memberId, homeDirectorId, incarnation }) => [memberId, homeDirectorId, incarnation]);
}

const atSecond = (before: Awaited<ReturnType<typeof lives>>) =>
  before.map(([memberId, , incarnation]) => [memberId, "second", incarnation]);

async function untilMoved(before: Awaited<ReturnType<typeof lives>>): Promise<void> {
  const wanted = atSecond(before).join();
  await eventually("all workers are at the second director", async () => (await lives()).join() === wanted);
}

function follow(): { readonly lost: string[]; readonly pickable: number[] } {
  const seen = { lost: [] as string[], pickable: [] as number[] };
  const events = async () => {
    let isNews = false;
    for await (const { event } of client.director.watchEvents({})) {
      if (isNews && event && LOST.has(event.kind)) seen.lost.push(`${event.memberId}: ${event.detail}`);
      isNews ||= event?.revision !== 0n;
    }
  };
  const endpoints = async () => {
    for await (const { endpoints } of client.director.watchEndpoints({})) seen.pickable.push(endpoints.length);
  };
  for (const reading of [events(), endpoints()]) reading.catch(() => {});
  return seen;
}

describe("S-06 R-06 a director of two", () => {
  it.each([
    ["is killed", () => first.process.kill()],
    ["stands still", () => Promise.resolve(first.process.freeze())],
  ])("that %s takes no worker and no call with it", async (_how, fail) => {
    const before = await lives();
    expect(before.map(([, home]) => home)).toEqual(["first", "first", "first"]);
    const seen = follow();
    await eventually("the picker is watched", () => seen.pickable.at(-1) === WORKERS.length);
    const load = cluster.load(client);
    await load.more(20);
    await fail();
    await untilMoved(before);
    await eventually("its lease is over", async () => {
      const { directors } = await client.director.getTopology({});
      return directors.map(({ directorId }) => directorId).join() === "second";
    });
    await load.more(50);
    first.process.thaw();
    await load.more(50);
    expect(await lives()).toEqual(atSecond(before));
    expect([(await load.stop()).failures, seen.lost]).toEqual([[], []]);
  });

  it("that is started with the name of the other is refused, with what to do", async () => {
    const twin = await cluster.processes.heddle("heddle-director", {
      env: { DIRECTOR_ADDR: "127.0.0.1:0", HEDDLE_DIRECTOR_ID: "first", ...(await cluster.storeEnv("twin")) },
    });
    expect((await twin.whenExited()).code).not.toBe(0);
    expect(twin.output).toContain(
      `HEDDLE_DIRECTOR_ID is "first", which the director at ${first.address} bears already: give each director its own`,
    );
    expect(first.process.isRunning).toBe(true);
  });
});
