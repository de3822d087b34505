import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";

import type { FabricClient } from "../../src/api/client";
import { ComputeServiceDefinition } from "../../src/api/index";
import type { FabricError } from "../../src/core/errors";
import type { CallOptions } from "../../src/rpc/service/typed-client";
import { Cluster, type Started } from "../support/cluster";
import { eventually, freeAddress } from "../support/processes";
import { protoDefinition } from "../support/proto-definition";

jest.setTimeout(60_000);

const CONTRACT = resolve("test/e2e/contract");
const BUSY = join(CONTRACT, "busy.proto");
const PROTO = ["worker", "--proto", BUSY, "--handlers", join(CONTRACT, "busy.js")];

/** Long enough for everything that has to happen before it ends. */
const LOOP_MS = 3_000;

interface Ask {
  readonly number?: number;
  readonly how?: string;
}

interface Answer {
  readonly thread: number;
  readonly number: number;
}

interface Busy {
  where(ask: Ask, options?: CallOptions): Promise<Answer>;
  loop(ask: Ask, options?: CallOptions): Promise<Answer>;
  end(ask: Ask, options?: CallOptions): Promise<Answer>;
  hang(ask: Ask, options?: CallOptions): Promise<Answer>;
  pour(ask: Ask, options?: CallOptions): AsyncIterable<Answer>;
  drink(asks: Iterable<Ask>, options?: CallOptions): Promise<Answer>;
}

describe("a worker with WORKER_THREADS=2", () => {
  let cluster: Cluster;
  let client: FabricClient;
  let worker: Started;
  let busy: Busy;
  let file: string;

  beforeAll(async () => {
    cluster = await Cluster.open("the embedded store");
    file = join(await cluster.processes.folder, "busy.txt");
    await cluster.director();
    client = cluster.connect();
    busy = client.client(protoDefinition(BUSY)) as unknown as Busy;
    worker = await start({});
  });

  beforeEach(async () => {
    await writeFile(file, "");
    if (!worker.process.isRunning) worker = await start({});
    const count = (what: string) => worker.process.lines.filter((line) => line.includes(what)).length;
    await eventually("all threads are up", () => count("is up again") === count("💥 thread"));
  });

  afterAll(async () => {
    await cluster.close();
  });

  async function start(env: Record<string, string>): Promise<Started> {
    const own = { WORKER_THREADS: "2", BUSY_FILE: file, HEDDLE_THREAD_HEAP_MAX_BYTES: String(64 << 20) };
    const started = await cluster.worker("busy", { args: PROTO, env: { ...own, ...env } });
    await cluster.whenReady(client, ["busy"]);
    return started;
  }

  const lines = async () => (await readFile(file, "utf8").catch(() => "")).split("\n").slice(0, -1);
  const said = async (start: string) => (await lines()).filter((line) => line.startsWith(`${start} `));
  const whenSaid = (start: string, times: number) =>
    eventually(`${start} is said ${times} times`, async () => (await said(start)).length === times, { everyMs: 5 });

  /** A call that never ends by itself: what became of it so far, and the thread that has it. */
  async function hang(number: number) {
    const cancel = new AbortController();
    const call = { outcome: "open", thread: NaN, cancel: () => cancel.abort() };
    busy.hang({ number }, { signal: cancel.signal }).then(
      () => (call.outcome = "answered"),
      (error: FabricError) => (call.outcome = error.message),
    );
    await whenSaid(`hang ${number}`, 1);
    call.thread = Number((await said(`hang ${number}`))[0]!.split(" ")[2]);
    return call;
  }

  it("beats on while every thread is in a busy loop", async () => {
    const ended: number[] = [];
    const loops = [1, 2].map((number) => busy.loop({ number: LOOP_MS }).then(() => ended.push(number)));
    await whenSaid("loop", 2);
    const beats = new Set<bigint>();
    await eventually(
      "5 heartbeats come",
      async () => {
        const { members } = await client.director.listMembers({});
        beats.add(members.find(({ memberId }) => memberId === "busy")!.lastHeartbeatUnixMs);
        return beats.size > 5;
      },
      { everyMs: 10 },
    );
    expect(ended).toEqual([]);
    await Promise.all(loops);
  });

  it("answers other calls while one thread is in a busy loop", async () => {
    let ended = false;
    const loop = busy.loop({ number: LOOP_MS }).finally(() => (ended = true));
    await whenSaid("loop", 1);
    const beganMs = performance.now();
    // Until it is plain that the thread does not read its port.
    while (performance.now() - beganMs < 50) await busy.where({});
    const answers = await Promise.all(Array.from({ length: 200 }, () => busy.where({})));
    expect(ended).toBe(false);
    const { thread } = await loop;
    expect(new Set(answers.map((answer) => answer.thread)).has(thread)).toBe(false);
  });

  it("answers 1,000 calls at once, in both threads", async () => {
    const answers = await Promise.all(Array.from({ length: 1_000 }, () => busy.where({})));
    // How many in each is for the machine to say: whichever has processor time takes the next.
    expect(new Set(answers.map(({ thread }) => thread)).size).toBe(2);
  });

  it.each([
    ["exit", /\[THREAD_LOST\] thread \d of the worker ended: it exited with code 7/],
    ["throw", /\[THREAD_LOST\] thread \d of the worker ended: nobody catches this/],
    ["reject", /\[THREAD_LOST\] thread \d of the worker ended: nobody waits for this/],
    ["memory", /\[THREAD_LOST\] thread \d of the worker ended: .*memory limit/],
  ])("a thread that dies (%s) fails its own calls and no others, and is replaced", async (how, message) => {
    const [one, two] = [await hang(1), await hang(2)];
    expect(one.thread).not.toBe(two.thread);
    await expect(busy.end({ how })).rejects.toThrow(message);
    await eventually("one of them is told", () => one.outcome !== "open" || two.outcome !== "open", { everyMs: 5 });
    const [lost, kept] = one.outcome === "open" ? [two, one] : [one, two];
    expect(lost.outcome).toMatch(message);
    await eventually("another thread is up", async () => {
      const { thread } = await busy.where({});
      return thread !== lost.thread && thread !== kept.thread;
    });
    expect(kept.outcome).toBe("open");
    kept.cancel();
    await whenSaid("cancelled", 1);
    expect(worker.process.isRunning).toBe(true);
  });

  it("lets calls wait at the director while no thread is up", async () => {
    const ends = [busy.end({ how: "exit" }), busy.end({ how: "exit" })];
    const failures = await Promise.allSettled(ends);
    expect(failures.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect((await busy.where({})).thread).toBeGreaterThan(0);
  });

  it("a cancel and a passed deadline reach the handler; a call cancelled before its thread came to it does not run", async () => {
    const one = await hang(1);
    one.cancel();
    await whenSaid("cancelled", 1);
    await expect(busy.hang({ number: 2 }, { timeoutMs: 200 })).rejects.toThrow(/\[DEADLINE_EXCEEDED\]/);
    await whenSaid("cancelled", 2);

    const loops = [1, 2].map(() => busy.loop({ number: LOOP_MS }));
    await whenSaid("loop", 2);
    await expect(busy.hang({ number: 3 }, { timeoutMs: 100 })).rejects.toThrow(/\[DEADLINE_EXCEEDED\]/);
    await Promise.all(loops);
    await Promise.all([busy.where({}), busy.where({})]);
    expect(await said("hang 3")).toEqual([]);
  });

  it("stops a handler whose caller reads slowly, and loses nothing", async () => {
    const answers = busy.pour({ number: 2_000 })[Symbol.asyncIterator]();
    await answers.next();
    await Promise.all(Array.from({ length: 200 }, () => busy.where({})));
    expect((await said("poured")).length).toBeLessThan(200);
    let last = 1;
    for (let step = await answers.next(); !step.done; step = await answers.next()) {
      last += 1;
      expect(step.value.number).toBe(last);
    }
    expect(last).toBe(2_000);
  });

  it("holds back a caller whose handler reads slowly, and loses nothing", async () => {
    const blob = Buffer.alloc(16 * 1_024);
    const asks = Array.from({ length: 1_000 }, (_, index) => ({ number: index === 0 ? 300 : 1, blob }));
    expect((await busy.drink(asks)).number).toBe(1_000);
  });

  it("SIGTERM finishes the calls in flight and runs the threads' exit handlers", async () => {
    const loop = busy.loop({ number: 500 });
    await whenSaid("loop", 1);
    const stopped = worker.process.stop();
    expect((await loop).thread).toBeGreaterThan(0);
    expect(await stopped).toEqual({ code: 0, signal: null });
    // The process itself has loaded no handlers.
    const exits = await said("exit");
    expect([exits.length, exits.includes("exit 0")]).toEqual([2, false]);
  });

  it("SIGTERM ends a thread that does not come back from its busy loop", async () => {
    await worker.process.stop();
    worker = await start({ HEDDLE_DRAIN_TIMEOUT_MS: "100" });
    const loop = busy.loop({ number: 60_000 });
    await whenSaid("loop", 1);
    const stopped = worker.process.stop();
    await expect(loop).rejects.toThrow(/WORKER_LOST/);
    expect(await stopped).toEqual({ code: 0, signal: null });
  });
});

describe("where a worker with threads has its handlers from", () => {
  const API = resolve("dist/src/api/index.js");
  const FILES: Readonly<Record<string, string>> = {
    "services.mjs": `
      import { threadId } from "node:worker_threads";
      import { ComputeServiceDefinition, service } from ${JSON.stringify(API)};
      export default [service(ComputeServiceDefinition, {
        execute: () => ({ output: Buffer.from("module " + threadId) }),
        executeStream: async function* () {},
      })];`,
    "services.cjs": `
      const { threadId } = require("node:worker_threads");
      const { ComputeServiceDefinition, service } = require(${JSON.stringify(API)});
      module.exports = [service(ComputeServiceDefinition, {
        execute: () => ({ output: Buffer.from("common " + threadId) }),
        executeStream: async function* () {},
      })];`,
    "nothing.mjs": "export const services = [];",
    "program.mjs": `
      import { FILE_DESCRIPTOR_SET, runWorker } from ${JSON.stringify(API)};
      const servicesModule = new URL(process.argv[2], import.meta.url);
      await runWorker({ servicesModule, descriptors: FILE_DESCRIPTOR_SET });`,
    "functions.mjs": `
      import { runWorker } from ${JSON.stringify(API)};
      import services from "./services.mjs";
      await runWorker({ services });`,
  };
  let cluster: Cluster;
  let director: Started;

  beforeAll(async () => {
    cluster = await Cluster.open("the embedded store");
    const folder = await cluster.processes.folder;
    for (const [name, text] of Object.entries(FILES)) await writeFile(join(folder, name), text);
    director = await cluster.director();
  });

  afterAll(async () => {
    await cluster.close();
  });

  async function run(label: string, threads: number, ...args: readonly string[]) {
    const env = {
      WORKER_LABEL: label,
      WORKER_THREADS: String(threads),
      WORKER_ADDR: await freeAddress(),
      DIRECTOR_ADDR: director.address,
    };
    return await cluster.processes.spawn(process.execPath, { args, env });
  }

  const textOf = async (label: string) => {
    const compute = cluster.connect().client(ComputeServiceDefinition);
    const request = { task: "primes", parameters: new Map([["limit", "100"]]) };
    const { output } = await compute.execute(request, { metadata: { "heddle-match": `label=${label}` } });
    return Buffer.from(output).toString();
  };

  it("the default tasks need nothing but the setting", async () => {
    const { process: worker } = await cluster.worker("tasks", { env: { WORKER_THREADS: "2" } });
    await cluster.whenReady(cluster.connect(), ["tasks"]);
    expect(await textOf("tasks")).toBe("25");
    await worker.whenLogs("🧵 2 threads run the handlers");
    expect(await worker.stop()).toEqual({ code: 0, signal: null });
  });

  it.each([
    { label: "esm", file: "./services.mjs", threads: 2, answer: /^module [12]$/ },
    { label: "cjs", file: "./services.cjs", threads: 2, answer: /^common [12]$/ },
    { label: "own-esm", file: "./services.mjs", threads: 0, answer: /^module 0$/ },
    { label: "own-cjs", file: "./services.cjs", threads: 0, answer: /^common 0$/ },
  ])("servicesModule $file with $threads threads", async ({ label, file, threads, answer }) => {
    const worker = await run(label, threads, "program.mjs", file);
    await cluster.whenReady(cluster.connect(), [label]);
    expect(await textOf(label)).toMatch(answer);
    expect(await worker.stop()).toEqual({ code: 0, signal: null });
  });

  it.each([
    ["a module that is not there", ["program.mjs", "./gone.mjs"], /servicesModule .*gone\.mjs cannot be loaded/],
    ["a module without services", ["program.mjs", "./nothing.mjs"], /nothing\.mjs must export by default an array/],
    ["functions", ["functions.mjs"], /WORKER_THREADS is 2, but functions .* servicesModule: new URL/],
  ])("refuses %s, and ends", async (_what, args, message) => {
    const program = await run("mistaken", 2, ...args);
    expect((await program.whenExited()).code).toBe(1);
    expect(program.output).toMatch(message);
  });
});
