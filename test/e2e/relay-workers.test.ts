import { execFileSync } from "node:child_process";
import { join } from "node:path";

import { ComputeServiceDefinition, type FabricClient } from "../../src/api/index";
import { GrpcConnection } from "../../src/wire/grpc-connection";
import { typedClient } from "../../src/rpc/service/typed-client";
import { IntentKind } from "../../generated/heddle/v1/member";
import { Cluster, type Started } from "../support/cluster";
import { eventually, Processes } from "../support/processes";

jest.setTimeout(60_000);

const CLIENTS = 6;
const LONG_SLEEP = { task: "sleep", parameters: new Map([["ms", "1500"]]) };

/** Processes that this one started and that still run. */
function childrenOf(pid: number): number[] {
  try {
    return execFileSync("pgrep", ["-P", String(pid)], { encoding: "utf8" })
      .trim()
      .split("\n")
      .map(Number);
  } catch {
    return []; // pgrep fails when it finds none
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe("a director with HEDDLE_RELAY_WORKERS=2", () => {
  let cluster: Cluster;
  let director: Started;
  let clients: FabricClient[];

  beforeEach(async () => {
    cluster = await Cluster.open("the embedded store");
    director = await cluster.director({ env: { HEDDLE_RELAY_WORKERS: "2", HEDDLE_SLOW_START_MS: "0" } });
    await cluster.worker("a");
    await cluster.worker("b");
    clients = Array.from({ length: CLIENTS }, () => cluster.connect());
    await cluster.whenReady(clients[0]!, ["a", "b"]);
  });

  afterEach(async () => {
    await cluster.close();
  });

  const compute = (client: FabricClient) => client.client(ComputeServiceDefinition);

  /** Who answers, of one call through each client, one after the other. Each has a connection of its own. */
  async function answering(metadata: Record<string, string> = {}): Promise<string[]> {
    const labels: string[] = [];
    for (const client of clients) {
      labels.push((await compute(client).execute({ task: "echo" }, { metadata, timeoutMs: 10_000 })).workerLabel);
    }
    return labels;
  }

  it("serves unary calls and streams of our client and of grpc-js, in two processes, and counts them all", async () => {
    expect(childrenOf(director.process.pid)).toHaveLength(2);
    for (let round = 0; round < 5; round += 1) await answering();
    let messages = 0;
    for await (const _ of compute(clients[1]!).executeStream(LONG_SLEEP, { timeoutMs: 20_000 })) messages += 1;
    expect(messages).toBeGreaterThan(2);
    const options = { keepaliveMs: 0, messageMaxBytes: 4 << 20, reconnectMaxMs: 100 };
    const stock = new GrpcConnection(director.address, options);
    const answer = await typedClient(ComputeServiceDefinition, stock).execute({ task: "echo" }, { timeoutMs: 10_000 });
    stock.close();
    expect(["a", "b"]).toContain(answer.workerLabel);

    await eventually("every call is counted once", async () => {
      const stats = await clients[0]!.director.getStats({});
      const perMember = stats.perMember.reduce((sum, { callsSucceeded }) => sum + Number(callsSucceeded), 0);
      const inSeries = stats.calls.reduce((sum, { ended }) => sum + Number(ended.get(0) ?? 0n), 0);
      const counts = [Number(stats.callsStarted), Number(stats.callsSucceeded), perMember, inSeries];
      return counts.every((count) => count === 32) && stats.inFlight === 0;
    });
    const { calls, perMember } = await clients[0]!.director.getStats({});
    const methods = new Set(calls.map(({ method }) => method.split("/")[1]));
    expect(methods).toEqual(new Set(["Execute", "ExecuteStream"]));
    for (const { latencyP99Ms } of perMember) expect(latencyP99Ms).toBeGreaterThan(0);
  });

  it("tells who watches of the calls that end in both processes", async () => {
    const abort = new AbortController();
    const seen: string[] = [];
    const batches = clients[0]!.director.watchCalls({}, { signal: abort.signal })[Symbol.asyncIterator]();
    await batches.next();
    const watching = (async () => {
      for (let next = await batches.next(); !next.done; next = await batches.next()) {
        seen.push(...next.value.calls.map(({ memberId }) => memberId));
      }
    })().catch(() => {});
    let made = 0;
    await eventually("calls through both processes are told", async () => {
      made += (await answering()).length;
      return seen.length >= CLIENTS * 2;
    });
    abort.abort();
    await watching;
    expect(seen.length).toBeLessThanOrEqual(made);
  });

  it("shows the calls in flight of both processes, and none when they have ended", async () => {
    const load = clients.map((client) => compute(client).execute(LONG_SLEEP, { timeoutMs: 20_000 }));
    await eventually("all calls are seen in flight", async () => {
      const { inFlight, perMember } = await clients[0]!.director.getStats({});
      return inFlight === CLIENTS && perMember.reduce((sum, member) => sum + member.inFlight, 0) === CLIENTS;
    });
    await Promise.all(load);
    await eventually("none is in flight any more", async () => {
      const { members } = await clients[0]!.director.listMembers({});
      return members.every((member) => member.directorInFlight === 0);
    });
  });

  it("has told both processes of an intent, and of a policy, when it says so", async () => {
    await clients[0]!.director.setIntent({ memberId: "a", kind: IntentKind.CORDONED, reason: "", setBy: "" });
    expect(new Set([...(await answering()), ...(await answering())])).toEqual(new Set(["b"]));
    await clients[1]!.director.setIntent({ memberId: "a", kind: IntentKind.SERVING, reason: "", setBy: "" });
    await cluster.whenReady(clients[0]!, ["a", "b"]);

    await clients[2]!.director.setBalancing({ policy: "consistent-hash" });
    for (const key of ["one", "two", "three", "four"]) {
      const labels = await answering({ "heddle-affinity": key });
      expect(new Set(labels).size).toBe(1);
    }
  });

  it("loses with a killed process the connections of that one only, and starts another", async () => {
    const before = childrenOf(director.process.pid);
    const loads = clients.map((client) => cluster.load(client, { atOnce: 1 }));
    await Promise.all(loads.map((load) => load.more(3)));
    process.kill(before[0]!, "SIGKILL");
    await director.process.whenLogs(/a relay process has ended, and its connections with it .*reason=SIGKILL/);
    await Promise.all(loads.map((load) => load.more(20)));
    const reports = await Promise.all(loads.map((load) => load.stop()));
    const untouched = reports.filter(({ failures }) => failures.length === 0);
    expect(untouched.length).toBeGreaterThanOrEqual(CLIENTS / 2);
    await eventually("there are two again", () => childrenOf(director.process.pid).length === 2);
    expect(childrenOf(director.process.pid)).not.toContain(before[0]);
    await answering();
  });

  it("finishes the calls of both processes at SIGTERM, also when every process of the group gets it, and leaves none behind", async () => {
    const children = childrenOf(director.process.pid);
    const calls = clients.map((client) => compute(client).execute(LONG_SLEEP, { timeoutMs: 20_000 }));
    await eventually("all are in flight", async () => {
      return (await clients[0]!.director.getStats({})).inFlight === CLIENTS;
    });
    for (const child of children) process.kill(child, "SIGTERM");
    for (const child of children) process.kill(child, "SIGINT");
    director.process.signal("SIGTERM");
    expect((await Promise.all(calls)).map(({ workerLabel }) => workerLabel)).toHaveLength(CLIENTS);
    expect(await director.process.exited).toEqual({ code: 0, signal: null });
    await eventually("the relay processes are gone", () => !children.some(isRunning));
  });

  it("takes its processes with it when it is killed", async () => {
    const children = childrenOf(director.process.pid);
    expect(children).toHaveLength(2);
    await director.process.kill();
    await eventually("the relay processes are gone", () => !children.some(isRunning));
  });

  it("keeps within a worker's slots, though two processes send to it, and lets calls of both have them", async () => {
    await cluster.worker("narrow", { env: { WORKER_SLOTS: "1", WORKER_TAGS: "narrow=yes" } });
    await cluster.whenReady(clients[0]!, ["a", "b", "narrow"]);
    const loads = clients.map((client) => cluster.load(client, { atOnce: 1, match: "narrow=yes" }));
    await Promise.all(loads.map((load) => load.more(10)));
    const reports = await Promise.all(loads.map((load) => load.stop()));
    expect(reports.flatMap(({ failures }) => failures)).toEqual([]);
    await eventually("no call was tried twice", async () => {
      const { retries, inFlight, callsStarted } = await clients[0]!.director.getStats({});
      return retries === 0n && inFlight === 0 && callsStarted >= 60n;
    });
  });
});

describe("createDirector with relayWorkers: 2", () => {
  const processes = new Processes();
  const api = JSON.stringify(join(__dirname, "../../dist/src/api/index.js"));

  afterAll(() => processes.stopAll());

  const run = (program: string) => processes.spawn(process.execPath, { name: "program", args: ["-e", program] });

  it("starts in a program of the user's, and leaves nothing that keeps it alive when it is stopped", async () => {
    const program = await run(`
      const { createDirector } = require(${api});
      (async () => {
        const director = await createDirector({ listenAddress: "127.0.0.1:0", dataDir: "memory", relayWorkers: 2, env: {} });
        await director.start();
        console.log("started");
        await director.stop();
        console.log("stopped");
      })();
    `);
    await program.whenLogsInOrder(["started", "stopped"]);
    expect(await program.exited).toEqual({ code: 0, signal: null });
  });

  it("is refused with policies that are functions, which other processes cannot have", async () => {
    const program = await run(`
      const { createDirector } = require(${api});
      createDirector({ relayWorkers: 2, policies: { mine: () => ({ pick: () => ({ kind: "wait" }) }) }, env: {} })
        .catch((error) => console.log(error.message));
    `);
    await program.exited;
    expect(program.output).toMatch(/^\[INVALID_ARGUMENT\] policies given as functions .* \(HEDDLE_BALANCER_MODULE\)/);
  });
});
