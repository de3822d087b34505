import { createServer } from "node:net";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import type { FabricClient } from "../../src/api/index";
import type { CallOptions } from "../../src/rpc/service/typed-client";
import { blackHole } from "../support/black-hole";
import { Cluster, HEARTBEAT_MS, type Started } from "../support/cluster";
import { eventually, freeAddress } from "../support/processes";
import { protoDefinition } from "../support/proto-definition";
import { TcpProxy } from "../support/tcp-proxy";

jest.setTimeout(60_000);

/** A connection that carries calls and says nothing is broken after twice this. */
const KEEPALIVE_MS = 300;
const WATCHFUL = { HEDDLE_DATA_KEEPALIVE_MS: String(KEEPALIVE_MS), HEDDLE_QUEUE_TIMEOUT_MS: "20000" };

const DOWN = /^data connection is down: \w/;

const target = (address: string) => {
  const { hostname, port } = new URL(`tcp://${address}`);
  return { host: hostname, port: Number(port) };
};

/** What a director lists of a member. */
const listed = async (client: FabricClient, label: string) =>
  (await client.director.listMembers({})).members.find((member) => member.label === label);

const whenNotReady = async (client: FabricClient, label: string) => {
  await eventually(`${label} is not ready`, async () => (await listed(client, label))?.ready === false);
  return (await listed(client, label))!;
};

/** How many calls a director has sent to a member. */
const sentTo = async (client: FabricClient, label: string) =>
  (await client.director.getStats({})).perMember.find(({ memberId }) => memberId === label)?.callsStarted ?? 0n;

/** Resolves when a director has heard so many more beats of a member. */
const whenBeats = async (client: FabricClient, label: string, count: number) => {
  const beats = new Set<bigint>();
  await eventually(
    `${count} beats of ${label} come`,
    async () => beats.add((await listed(client, label))!.lastHeartbeatUnixMs).size > count,
    { everyMs: HEARTBEAT_MS / 10 },
  );
};

describe("workers that beat, but whose data port is dead", () => {
  let cluster: Cluster;
  let client: FabricClient;

  beforeAll(async () => {
    cluster = await Cluster.open("the embedded store");
    await cluster.director({ env: WATCHFUL });
    client = cluster.connect();
    await cluster.worker("sound");
    await cluster.whenReady(client, ["sound"]);
  });

  afterAll(() => cluster.close());

  describe("after it was picked", () => {
    let proxy: TcpProxy;
    let zombie: Started;

    beforeAll(async () => {
      const address = await freeAddress();
      proxy = await TcpProxy.listen(target(address));
      zombie = await cluster.worker("zombie", { address, env: { WORKER_ADVERTISE_ADDR: proxy.address } });
      await cluster.whenReady(client, ["sound", "zombie"]);
    });

    afterEach(() => {
      proxy.resume("toServer");
      proxy.resume("toClient");
    });

    afterAll(async () => {
      await zombie.process.kill();
      await proxy.close();
    });

    it.each([
      { fault: "nothing reaches it", direction: "toServer" },
      { fault: "nothing comes from it", direction: "toClient" },
    ] as const)(
      "R-08 H-06 $fault: listed with the reason and picked no more, without a failed call, until it is healed",
      async ({ direction }) => {
        const direct = cluster.connect({ mode: "direct", dataKeepaliveMs: KEEPALIVE_MS });
        await eventually("the direct client is connected to both", () => direct.workers.length === 2);
        const loads = [cluster.load(client), cluster.load(direct)];
        await Promise.all(loads.map((load) => load.more(60)));

        proxy.pause(direction);
        const { notReadyReason } = await whenNotReady(client, "zombie");
        expect(notReadyReason).toMatch(DOWN);
        const sent = await sentTo(client, "zombie");
        await Promise.all(loads.map((load) => load.more(60)));
        // It is its port that is dead, not the worker. Time enough for a connection that is only greeted to be tried, and given up again.
        await whenBeats(client, "zombie", 5);
        expect(await sentTo(client, "zombie")).toBe(sent);
        expect((await listed(client, "zombie"))?.notReadyReason).toMatch(DOWN);

        proxy.resume(direction);
        await cluster.whenReady(client, ["sound", "zombie"]);
        const answered = loads.map((load) => load.report.perWorker.get("zombie") ?? 0);
        for (const [index, load] of loads.entries()) {
          await eventually("the healed one answers again", () => {
            return (load.report.perWorker.get("zombie") ?? 0) > answered[index]!;
          });
        }
        const reports = await Promise.all(loads.map((load) => load.stop()));
        expect(reports.map(({ failures }) => failures)).toEqual([[], []]);
        await direct.close();
      },
    );
  });

  /** A listener that takes connections, and reads and says nothing. */
  async function silentListener(host: string, port: number) {
    const server = createServer((socket) => socket.pause().on("error", () => {}));
    await new Promise<void>((listening) => server.listen(port, host, listening));
    return { close: () => server.close() };
  }

  it.each([
    { fault: "takes connections and never answers", open: silentListener },
    { fault: "gives no sign at all", open: blackHole },
  ])(
    "R-08 H-06 an advertised port that $fault: never ready, listed with the reason, and no call goes there",
    async ({ open }) => {
      const advertised = await freeAddress();
      const { host, port } = target(advertised);
      const hole = await open(host, port);
      const zombie = await cluster.worker("never", { env: { WORKER_ADVERTISE_ADDR: advertised } });
      const load = cluster.load(client);
      await eventually("it is listed", async () => (await listed(client, "never")) !== undefined);
      await whenBeats(client, "never", 10);
      await load.more(60);
      const member = await listed(client, "never");
      expect(member).toMatchObject({ ready: false });
      expect(member?.notReadyReason).toContain(advertised);
      expect(await sentTo(client, "never")).toBe(0n);
      const { failures, perWorker } = await load.stop();
      expect(failures).toEqual([]);
      expect([...perWorker.keys()]).toEqual(["sound"]);
      await zombie.process.kill();
      hole.close();
    },
  );
});

const CONTRACT = `syntax = "proto3"; package zombies.v1;
  service ZombieService {
    rpc Ask(Question) returns (Answer) { option idempotency_level = NO_SIDE_EFFECTS; }
    rpc Spin(Question) returns (Answer);
  }
  message Question {}
  message Answer { string worker = 1; int32 at_once_max = 2; }`;

/** One says how many calls its worker has executed at once at most, the other computes without a pause until it is killed. */
const HANDLERS = `
  let atOnce = 0;
  let atOnceMax = 0;
  exports.ask = async () => {
    atOnceMax = Math.max(atOnceMax, (atOnce += 1));
    await new Promise((wake) => setTimeout(wake, 10));
    atOnce -= 1;
    return { worker: process.env.WORKER_LABEL, atOnceMax };
  };
  exports.spin = () => {
    for (;;);
  };`;

const WORKER = ["worker", "--proto", "zombies.proto", "--handlers", "./zombies.js"];

interface Zombie {
  ask(question: object, options?: CallOptions): Promise<{ worker: string; atOnceMax: number }>;
  spin(question: object, options?: CallOptions): Promise<never>;
}

/** Writes the contract where the workers of the cluster find it; makes clients for it. */
async function zombies(cluster: Cluster): Promise<(client: FabricClient) => Zombie> {
  const folder = await cluster.processes.folder;
  await writeFile(join(folder, "zombies.proto"), CONTRACT);
  await writeFile(join(folder, "zombies.js"), HANDLERS);
  const definition = protoDefinition(join(folder, "zombies.proto"));
  return (client) => client.client(definition) as unknown as Zombie;
}

const ask = (zombie: Zombie, calls: number) =>
  Promise.all(Array.from({ length: calls }, () => zombie.ask({}, { timeoutMs: 30_000 })));

const workersOf = (answers: readonly { worker: string }[]) => [...new Set(answers.map(({ worker }) => worker))];

describe("workers whose handler never comes back", () => {
  let cluster: Cluster;
  let client: FabricClient;
  let zombie: Zombie;

  beforeAll(async () => {
    cluster = await Cluster.open("the embedded store");
    const on = await zombies(cluster);
    await cluster.director({ env: { ...WATCHFUL, HEDDLE_SLOW_START_MS: "0" } });
    client = cluster.connect();
    zombie = on(client);
    await cluster.worker("sound", { args: WORKER });
    await cluster.whenReady(client, ["sound"]);
  });

  afterAll(() => cluster.close());

  /** A worker that executes a call without end, and what becomes of that call. */
  const startStuck = async (label: string, env: Record<string, string> = {}) => {
    const stuck = await cluster.worker(label, { args: WORKER, env });
    await cluster.whenReady(client, ["sound", label]);
    const spin = zombie.spin({}, { metadata: { "heddle-worker": label } });
    const outcome = spin.then(
      () => "answered",
      (error: Error) => error.message,
    );
    await eventually("it has the call", async () => (await sentTo(client, label)) > 0n);
    return { process: stuck.process, outcome };
  };

  it("R-08 H-06 on the main thread: its beats stop, it is suspect, the stuck call fails, and others answer all that may run again", async () => {
    const stuck = await startStuck("stuck");
    const early = ask(zombie, 40);
    const reason = async () => (await listed(client, "stuck"))!.notReadyReason;
    await eventually("it is suspect", async () => /^(suspect|dead): no beat for \d+ ms/.test(await reason()));
    expect(await stuck.outcome).toMatch(/WORKER_LOST/);
    expect(workersOf(await early)).toEqual(["sound"]);

    const { retries } = await client.director.getStats({});
    expect(workersOf(await ask(zombie, 100))).toEqual(["sound"]);
    // Had it been picked, others would have answered only after another attempt.
    expect((await client.director.getStats({})).retries).toBe(retries);
    expect(stuck.process.isRunning).toBe(true);
    await stuck.process.kill();
  });

  it("R-06 R-08 in its only thread: it beats on, others answer, and what waits at it is answered by others when it dies", async () => {
    const stuck = await startStuck("threaded", { WORKER_THREADS: "1" });
    let answered = 0;
    const calls = Array.from({ length: 40 }, async () => {
      const answer = await zombie.ask({}, { timeoutMs: 30_000 });
      answered += 1;
      return answer;
    });
    // But for the one that is stuck.
    const waiting = async () => (await listed(client, "threaded"))!.directorInFlight - 1;
    await eventually("each call is answered or waits there", async () => (await waiting()) === 40 - answered);
    expect(answered).toBeGreaterThan(0);
    expect(await waiting()).toBeGreaterThan(0);
    await whenBeats(client, "threaded", 5);
    expect(await listed(client, "threaded")).toMatchObject({ ready: true });

    await stuck.process.kill();
    expect(workersOf(await Promise.all(calls))).toEqual(["sound"]);
    expect(await stuck.outcome).toMatch(/WORKER_LOST/);
  });
});

describe("three directors on etcd, and one worker with four slots", () => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await Cluster.open("etcd");
  });

  afterAll(() => cluster.close());

  it("R-06 300 calls at once through all three: no more than four at the worker, none fails, and few are refused", async () => {
    const on = await zombies(cluster);
    const directors: Started[] = [];
    for (let count = 0; count < 3; count += 1) directors.push(await cluster.director({ env: WATCHFUL }));
    await cluster.worker("four", { args: WORKER, env: { WORKER_SLOTS: "4" } });
    const clients = directors.map(({ address }) => cluster.connect({ directors: [address] }));
    for (const client of clients) await cluster.whenReady(client, ["four"]);

    const answers = await Promise.all(clients.map((client) => ask(on(client), 100)));
    const stats = await Promise.all(clients.map((client) => client.director.getStats({})));
    expect(answers.flat()).toHaveLength(300);
    expect(Math.max(...answers.flat().map(({ atOnceMax }) => atOnceMax))).toBe(4);
    // Without credits there were over a thousand; with them none, unless a director stands still for so long that it is given up.
    expect(stats.map(({ callsStarted }) => callsStarted)).toEqual([100n, 100n, 100n]);
    expect(stats.reduce((sum, { retries }) => sum + Number(retries), 0)).toBeLessThan(30);
  });
});
