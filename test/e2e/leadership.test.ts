import { MemberEventKind } from "../../generated/heddle/v1/attach";
import { IntentKind } from "../../generated/heddle/v1/member";
import type { FabricClient } from "../../src/api/index";
import { messageOf } from "../../src/core/errors";
import { SILENT_LOGGER } from "../../src/core/logger";
import { seededRandom } from "../../src/core/random";
import { KEYS } from "../../src/director/records";
import { systemClock } from "../../src/platform/system-clock";
import { openStore } from "../../src/store/open-store";
import type { Store } from "../../src/store/store";
import { Cluster, type Started, type SteadyCalls } from "../support/cluster";
import { EtcdServer } from "../support/etcd-server";
import { eventually } from "../support/processes";
import { TcpProxy } from "../support/tcp-proxy";

jest.setTimeout(60_000);

const DIRECTORS = ["first", "second", "third"] as const;
/** Of one watcher etcd keeps 1,024 answers and what the connection takes; after that it drops the history. */
const MORE_THAN_WAITS = 1_500;
const WRITES_AT_ONCE = 50;
const KILOBYTE = Buffer.alloc(1_024, "x");
/** Below the directors' prefix, so that they are told of it; they take it for a key of a newer version. */
const OF_A_NEWER_VERSION = "cluster/from-a-newer-version";

type DirectorName = (typeof DIRECTORS)[number];
/** The first is the one that is hit; these stay. */
const STAYING = ["second", "third"] as const;

interface Lead {
  readonly directorId: string;
  readonly epoch: bigint;
}

/** A change of the leader: the store's revision, and who leads from then on, "" for nobody. */
type Change = readonly [revision: number, leader: string];

let cluster: Cluster;
let proxy: TcpProxy;
let store: Store;
let first: Started;
const clients = {} as Record<DirectorName, FabricClient>;
const loads = {} as Record<(typeof STAYING)[number], SteadyCalls>;
const ended = new AbortController();
/** What the store itself tells of the leader's key, and what the third director does. */
const history = { stored: [] as Change[], told: [] as Change[], isComplete: true };

function startFirst(): Promise<Started> {
  const env = { HEDDLE_DIRECTOR_ID: "first", ETCD_ENDPOINTS: proxy.address };
  return cluster.director({ env, ...(first ? { address: first.address } : {}) });
}

/** Follows the leader's key in the store, and the third director's events, from the same state on. */
async function followLeader(): Promise<void> {
  let begun = 0;
  const stored = async () => {
    for await (const event of store.watch(KEYS.leader, ended.signal)) {
      if (event.kind === "snapshot") {
        begun += 1;
        history.isComplete = begun <= 2;
        continue;
      }
      for (const change of event.changes) {
        if (change.kind === "delete") history.stored.push([change.modRevision, ""]);
        else history.stored.push([change.entry.modRevision, directorOf(change.entry.value)]);
      }
    }
  };
  const told = async () => {
    let isNews = false;
    for await (const { event } of clients.third.director.watchEvents({}, { signal: ended.signal })) {
      if (event?.kind === MemberEventKind.LEADER_CHANGED) history.told.push([Number(event.revision), event.detail]);
      if (isNews && event?.kind === MemberEventKind.RESET) history.isComplete = false;
      if (!isNews && event?.revision !== 0n) begun += 1;
      isNews ||= event?.revision !== 0n;
    }
  };
  for (const following of [stored(), told()]) following.catch(() => {});
  await eventually("both tell", () => begun === 2);
}

function directorOf(value: Uint8Array): string {
  return (JSON.parse(Buffer.from(value).toString()) as { directorId: string }).directorId;
}

async function leadAt(name: DirectorName): Promise<Lead> {
  const { directorId, epoch } = await clients[name].director.getLeader({}, { timeoutMs: 2_000 });
  return { directorId, epoch };
}

/** Resolves when all of these tell of one leader in one term, and it is one that is wanted. */
async function leaderEverywhere(
  asked: readonly DirectorName[] = DIRECTORS,
  isWanted: (lead: Lead) => boolean = ({ directorId }) => directorId !== "",
): Promise<Lead> {
  let seen: readonly Lead[] = [];
  const show = () => seen.map(({ directorId, epoch }) => `${directorId} ${epoch}`);
  await eventually(
    () => `${asked.join()} tell the same: ${show().join()}`,
    async () => {
      seen = await Promise.all(asked.map(leadAt));
      return new Set(show()).size === 1 && isWanted(seen[0]!);
    },
  );
  return seen[0]!;
}

/** Hands the lead to the first director, if it is another's. */
async function firstLeads(): Promise<Lead> {
  const { directorId } = await leaderEverywhere();
  if (directorId !== "first") {
    await clients[directorId as DirectorName].director.transferLeadership({ directorId: "first" });
  }
  return leaderEverywhere(DIRECTORS, (lead) => lead.directorId === "first");
}

/** Resolves when one of those that stay leads after `before`, and both tell so. */
function anotherLeadsAfter(before: Lead): Promise<Lead> {
  return leaderEverywhere(STAYING, (lead) => lead.directorId !== "" && lead.epoch > before.epoch);
}

/** Some calls through each director that stays. @returns those that failed, since the beginning */
async function callsGoOn(): Promise<readonly string[]> {
  await Promise.all(STAYING.map((name) => loads[name].more(20)));
  return STAYING.flatMap((name) => loads[name].report.failures);
}

async function membersAt(name: DirectorName): Promise<string> {
  const { members } = await clients[name].director.listMembers({}, { timeoutMs: 2_000 });
  const rows = members.map(({ memberId, address, incarnation, homeDirectorId, state, ready, intent }) =>
    [memberId, address, incarnation, homeDirectorId, state, ready, intent?.kind, intent?.reason].join(" "),
  );
  return rows.sort().join(", ");
}

/** Resolves when all three list the same members, and the last of them with this reason of its operator's. */
async function untilSameMembers(reason: string): Promise<void> {
  let seen: readonly string[] = [];
  await eventually(
    () => `all directors list the same: ${seen.join(" | ")}`,
    async () => {
      seen = await Promise.all(DIRECTORS.map((name) => membersAt(name).catch(messageOf)));
      return new Set(seen).size === 1 && seen[0]!.endsWith(reason);
    },
  );
}

describe("three directors on etcd", () => {
  beforeAll(async () => {
    cluster = await Cluster.open("etcd");
    const [host = "", port = ""] = cluster.etcd.address.split(":");
    proxy = await TcpProxy.listen({ host, port: Number(port) });
    first = await startFirst();
    clients.first = cluster.connect({ directors: [first.address] });
    for (const name of STAYING) {
      const { address } = await cluster.director({ env: { HEDDLE_DIRECTOR_ID: name } });
      clients[name] = cluster.connect({ directors: [address] });
    }
    await Promise.all(["a", "b"].map((label) => cluster.worker(label)));
    for (const name of DIRECTORS) await cluster.whenReady(clients[name], ["a", "b"]);
    const parts = { clock: systemClock, random: seededRandom(1), logger: SILENT_LOGGER };
    store = await openStore({ engine: "etcd", endpoints: [cluster.etcd.address] }, parts);
    await leaderEverywhere();
    await followLeader();
    for (const name of STAYING) loads[name] = cluster.load(clients[name], { atOnce: 2 });
  });

  afterAll(async () => {
    ended.abort();
    await store.close();
    await cluster.close();
    await proxy.close();
  });

  describe("G-05 the leader of three directors", () => {
    it("is the same wherever one asks, and one that does not lead says whom to ask", async () => {
      const { directorId } = await firstLeads();
      const topologies = await Promise.all(DIRECTORS.map((name) => clients[name].director.getTopology({})));
      for (const { directors } of topologies) {
        expect(directors.filter(({ leader }) => leader).map((director) => director.directorId)).toEqual([directorId]);
      }
      await expect(clients.third.director.transferLeadership({ directorId: "third" })).rejects.toThrow(
        `LEADER_UNAVAILABLE] director third does not lead, first at ${first.address} does: ask it`,
      );
      await expect(clients.first.director.transferLeadership({ directorId: "nobody" })).rejects.toThrow(
        /LEADER_UNAVAILABLE.*nobody does not take part/,
      );
      expect(await callsGoOn()).toEqual([]);
    });

    it("names its successor, which then leads", async () => {
      const before = await firstLeads();
      const { directorId, epoch } = await clients.first.director.transferLeadership({ directorId: "second" });
      expect(directorId).toBe("second");
      expect(epoch).toBeGreaterThan(before.epoch);
      expect(await leaderEverywhere(DIRECTORS, (lead) => lead.epoch > before.epoch)).toEqual({ directorId, epoch });
      expect(await callsGoOn()).toEqual([]);
    });

    it("is another one after SIGKILL, with a higher epoch", async () => {
      const before = await firstLeads();
      await first.process.kill();
      const after = await anotherLeadsAfter(before);
      expect(STAYING).toContain(after.directorId);
      first = await startFirst();
      expect(await leaderEverywhere()).toEqual(after);
      expect(await callsGoOn()).toEqual([]);
    });

    it("is another one after SIGTERM", async () => {
      const before = await firstLeads();
      const stopped = first.process.stop();
      const after = await anotherLeadsAfter(before);
      expect((await stopped).code).toBe(0);
      first = await startFirst();
      expect(await leaderEverywhere()).toEqual(after);
      expect(await callsGoOn()).toEqual([]);
    });

    it("that stood still does not claim to lead any more, from its first answer on", async () => {
      const before = await firstLeads();
      first.process.freeze();
      const after = await anotherLeadsAfter(before);
      const answers: Lead[] = [];
      const asking = new AbortController();
      const ask = async () => {
        while (!asking.signal.aborted) {
          const { directorId, epoch } = await clients.first.director.getLeader({});
          answers.push({ directorId, epoch });
        }
      };
      // Asked while it stands still: the question is there when it goes on, before it looked at anything else.
      const asked = ask();
      first.process.thaw();
      try {
        expect(await leaderEverywhere(DIRECTORS, ({ epoch }) => epoch === after.epoch)).toEqual(after);
        expect(await callsGoOn()).toEqual([]);
      } finally {
        asking.abort();
      }
      await asked;
      expect(answers.filter(({ directorId }) => directorId === "first")).toEqual([]);
      expect(await leaderEverywhere(DIRECTORS, ({ epoch }) => epoch === after.epoch)).toEqual(after);
    });

    it("changed each time as the events of a director that stayed tell: each change once, in the store's order", async () => {
      await clients[(await leaderEverywhere()).directorId as DirectorName].director.transferLeadership({});
      await leaderEverywhere();
      await eventually("the last change is told", () => history.told.at(-1)?.[0] === history.stored.at(-1)?.[0]);
      expect(history.isComplete).toBe(true);
      expect(history.stored.length).toBeGreaterThanOrEqual(8);
      expect(history.told).toEqual(history.stored);
    });

    it("mattered to no call through a director that stayed", async () => {
      await callsGoOn();
      const reports = await Promise.all(STAYING.map((name) => loads[name].stop()));
      expect(reports.map(({ failures }) => failures)).toEqual([[], []]);
    });
  });

  describe("H-01 etcd forgets its history", () => {
    let changes = 0;

    /** A member's intent is changed so that only the store's newest revisions tell of it. */
    async function change(): Promise<string> {
      const reason = `change ${(changes += 1)}`;
      await clients.second.director.setIntent({ memberId: "a", kind: IntentKind.CORDONED, reason });
      await clients.second.director.setIntent({ memberId: "a", kind: IntentKind.SERVING });
      await clients.second.director.setIntent({ memberId: "b", kind: IntentKind.CORDONED, reason });
      return reason;
    }

    it.each([
      ["stands still", { freeze: true, cut: false, writes: 0 }],
      ["stands still while more happens than is kept for it", { freeze: true, cut: false, writes: MORE_THAN_WAITS }],
      ["is cut off from it", { freeze: false, cut: true, writes: 0 }],
      ["stands still and loses its connections to it", { freeze: true, cut: true, writes: 0 }],
    ])("while a director %s: afterwards all list the same members, and its events go on", async (_how, fault) => {
      await untilSameMembers("");
      const told: string[] = [];
      const watching = new AbortController();
      const watch = async () => {
        for await (const { event } of clients.first.director.watchEvents({}, { signal: watching.signal })) {
          told.push(`${event?.memberId} ${event?.detail}`);
        }
      };
      watch().catch(() => {});
      await eventually("the events begin", () => told.length > 0);

      if (fault.freeze) first.process.freeze();
      if (fault.cut) proxy.refuse();
      for (let written = 0; written < fault.writes; written += WRITES_AT_ONCE) {
        await Promise.all(Array.from({ length: WRITES_AT_ONCE }, () => store.put(OF_A_NEWER_VERSION, KILOBYTE)));
      }
      const missed = await change();
      await cluster.etcd.compact();
      proxy.accept();
      if (fault.freeze) first.process.thaw();

      await untilSameMembers(missed);
      const news = await change();
      await eventually(
        () => `the change after the compaction is told: ${told.join()}`,
        () => told.some((event) => event.startsWith("b ") && event.endsWith(news)),
      );
      await untilSameMembers(news);
      watching.abort();
    });
  });
});

describe("three directors on three members of etcd", () => {
  const env: Record<string, string> = {};
  let members: readonly EtcdServer[];

  beforeAll(async () => {
    members = await EtcdServer.prepareCluster(3);
    await Promise.all(members.map((member) => member.restart()));
    env["ETCD_ENDPOINTS"] = members.map(({ address }) => address).join();
    cluster = await Cluster.open("the embedded store");
    for (const name of DIRECTORS) {
      const { address } = await cluster.director({ env: { ...env, HEDDLE_DIRECTOR_ID: name } });
      clients[name] = cluster.connect({ directors: [address] });
    }
    await Promise.all(["a", "b"].map((label) => cluster.worker(label)));
    for (const name of DIRECTORS) await cluster.whenReady(clients[name], ["a", "b"]);
  });

  afterAll(async () => {
    await cluster.close();
    await Promise.all(members.map((member) => member.stop()));
  });

  const leaders = async () => {
    const answers = await Promise.all(members.map(async (member) => ((await member.isLeader()) ? [member] : [])));
    return answers.flat();
  };

  it("G-05 H-01 lose etcd's leader, and no call: it can be written again, all list the same, and one leads", async () => {
    const before = await leaderEverywhere();
    const calls = DIRECTORS.map((name) => cluster.load(clients[name], { atOnce: 2 }));
    await Promise.all(calls.map((load) => load.more(20)));
    const [lost] = await leaders();
    await lost!.kill();
    await eventually("another member leads etcd", async () => (await leaders()).length === 1);
    for (const name of DIRECTORS) {
      const reason = `written through ${name}`;
      const intent = { memberId: "b", kind: IntentKind.CORDONED, reason };
      let refusal = "";
      await eventually(
        () => `the store takes writes through ${name}: ${refusal}`,
        async () => {
          refusal = await clients[name].director.setIntent(intent).then(() => "", messageOf);
          return refusal === "";
        },
      );
      await untilSameMembers(reason);
    }
    const after = await leaderEverywhere();
    expect(after.epoch).toBeGreaterThanOrEqual(before.epoch);
    await lost!.restart();
    await Promise.all(calls.map((load) => load.more(20)));
    const reports = await Promise.all(calls.map((load) => load.stop()));
    expect(reports.map(({ failures }) => failures)).toEqual([[], [], []]);
  });
});
