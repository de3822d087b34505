/**
 * What threads for handlers (WORKER_THREADS) cost and bring: CPU time of the worker's process for a call that does next to nothing, memory
 * of each thread, and what becomes of other calls while one computes.
 *
 * Method: one worker for each number of threads, called straight by this process over one connection, in blocks that take turns in
 * random order, ABBA. Every answer's length is checked. CPU time is that of all threads of the worker's process; figures are medians of the
 * rounds with bootstrapped 95 % intervals. For the latency of others, one caller has a handler compute for 50 ms at a time, again
 * and again, while another makes short calls one after the other.
 *
 * Run: make bench-threads, or node dist/test/bench/threads.js [--rounds 8] [--block-ms 600] [--quick]. Linux only. The last line is one JSON
 * object.
 */
import { writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { seededRandom } from "../../src/core/random";
import { systemClock } from "../../src/platform/system-clock";
import { rpcConnection } from "../../src/rpc/client/rpc-connection";
import { typedClient } from "../../src/rpc/service/typed-client";
import { freeAddress, Processes, type RunningProcess } from "../support/processes";
import { protoDefinition } from "../support/proto-definition";
import { cpuUsOf } from "./measure/process-cpu";
import { memoryOf } from "./measure/process-memory";
import { estimate, inBrackets, median, quantile } from "./measure/statistics";
import { takeTurns } from "./measure/take-turns";

const HEDDLE = join(__dirname, "../../src/bin/heddle.js");

const THREADS = [0, 1, 2] as const;
const SIZES_BYTES = [100, 16 * 1_024] as const;
const CONCURRENCY = 64;
const WARM_UP_CALLS = 5_000;
const LOOP_MS = 50;
const LATENCY_LOOPS = 40;
/** Of an idle worker, after its start. */
const SETTLE_MS = 2_000;

const FILES = {
  "spin.proto": `syntax = "proto3"; package spin.v1;
    service SpinService { rpc Echo(Note) returns (Note); rpc Loop(Note) returns (Note); }
    message Note { bytes payload = 1; int32 ms = 2; }`,
  "spin.js": `
    exports.echo = ({ payload }) => ({ payload });
    exports.loop = ({ ms }) => { const end = performance.now() + ms; while (performance.now() < end); return {}; };`,
};

interface Note {
  readonly payload?: Uint8Array;
  readonly ms?: number;
}

interface Contestant {
  readonly process: RunningProcess;
  readonly idleMb: number;
  readonly spin: { echo(note: Note): Promise<Required<Note>>; loop(note: Note): Promise<Required<Note>> };
  close(): void;
}

async function startWorker(processes: Processes, threads: number): Promise<Contestant> {
  const folder = await processes.folder;
  const address = await freeAddress();
  const worker = await processes.spawn(process.execPath, {
    args: [HEDDLE, "worker", "--proto", "spin.proto", "--handlers", "./spin.js"],
    env: { WORKER_ADDR: address, WORKER_THREADS: String(threads), DIRECTOR_ADDR: await freeAddress() },
  });
  await worker.whenLogs("✅ Server bound successfully");
  await systemClock.sleep(SETTLE_MS);
  const connection = rpcConnection(address, {
    clock: systemClock,
    random: seededRandom(1),
    messageMaxBytes: 4 << 20,
    keepaliveMs: 0,
    reconnectMaxMs: 1_000,
    userAgent: "bench",
  });
  const definition = protoDefinition(join(folder, "spin.proto"));
  return {
    process: worker,
    idleMb: memoryOf(worker.pid).rssMb,
    spin: typedClient(definition, connection) as unknown as Contestant["spin"],
    close: () => connection.close(),
  };
}

async function echoes({ spin }: Contestant, payload: Uint8Array, calls: number): Promise<void> {
  let left = calls;
  const one = async () => {
    while (left > 0) {
      left -= 1;
      const answer = await spin.echo({ payload });
      if (answer.payload.length !== payload.length) throw new Error("an answer is not what was sent");
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, one));
}

async function block(contestant: Contestant, payload: Uint8Array, calls: number) {
  const { pid } = contestant.process;
  const [cpuBeforeUs, beganMs] = [cpuUsOf(pid), performance.now()];
  await echoes(contestant, payload, calls);
  const seconds = (performance.now() - beganMs) / 1_000;
  return { callsPerSecond: calls / seconds, cpuUs: (cpuUsOf(pid) - cpuBeforeUs) / calls };
}

/** Milliseconds that each short call took while another computed. */
async function besideLoops({ spin }: Contestant): Promise<number[]> {
  let looping = true;
  const loops = (async () => {
    for (let each = 0; each < LATENCY_LOOPS; each += 1) await spin.loop({ ms: LOOP_MS });
    looping = false;
  })();
  const tookMs: number[] = [];
  const payload = Buffer.alloc(100);
  while (looping) {
    const beganMs = performance.now();
    await spin.echo({ payload });
    tookMs.push(performance.now() - beganMs);
  }
  await loops;
  return tookMs.sort((a, b) => a - b);
}

function readOptions() {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string" },
      "block-ms": { type: "string" },
      quick: { type: "boolean", default: false },
    },
  });
  return {
    rounds: Number(values.rounds ?? (values.quick ? 4 : 8)),
    blockMs: Number(values["block-ms"] ?? (values.quick ? 300 : 600)),
  };
}

async function main(): Promise<void> {
  const options = readOptions();
  console.log(`${cpus()[0]?.model ?? "unknown CPU"} × ${cpus().length}, Node ${process.version}`);
  const processes = new Processes();
  const contestants = new Map<string, Contestant>();
  try {
    const folder = await processes.folder;
    for (const [name, text] of Object.entries(FILES)) await writeFile(join(folder, name), text);
    for (const threads of THREADS) contestants.set(String(threads), await startWorker(processes, threads));
    const names = [...contestants.keys()];

    const cpuUs: Record<string, Record<string, number>> = {};
    for (const bytes of SIZES_BYTES) {
      const payload = Buffer.alloc(bytes, "x");
      for (const contestant of contestants.values()) await echoes(contestant, payload, WARM_UP_CALLS);
      const run = (name: string, calls: number) => block(contestants.get(name)!, payload, calls);
      const turns = await takeTurns(names, run, { ...options, callsMin: CONCURRENCY, paceBlocks: 2 });
      console.log(`\nunary, ${bytes} bytes each way, ${CONCURRENCY} at once: CPU µs of the worker per call`);
      cpuUs[bytes] = {};
      for (const [name, blocks] of turns) {
        const figure = estimate(blocks.map((each) => each.cpuUs));
        cpuUs[bytes][name] = figure.median;
        const callsPerSecond = median(blocks.map((each) => each.callsPerSecond));
        console.log(
          `${`${name} threads`.padEnd(12)}${inBrackets(figure).padStart(22)}${callsPerSecond.toFixed(0).padStart(9)}/s`,
        );
      }
    }

    console.log(`\nshort calls one after the other, while a handler computes for ${LOOP_MS} ms at a time`);
    const latencyMs: Record<string, { p50: number; p99: number }> = {};
    for (const [name, contestant] of contestants) {
      const tookMs = await besideLoops(contestant);
      latencyMs[name] = { p50: quantile(tookMs, 0.5), p99: quantile(tookMs, 0.99) };
      const { p50, p99 } = latencyMs[name];
      console.log(
        `${`${name} threads`.padEnd(12)}${String(tookMs.length).padStart(8)} calls, p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms`,
      );
    }

    const idleMb = Object.fromEntries([...contestants].map(([name, each]) => [name, Math.round(each.idleMb)]));
    console.log(`\nresident memory of the idle worker, MB: ${JSON.stringify(idleMb)}`);
    console.log(JSON.stringify({ threads: { cpuUs, latencyMs, idleMb } }));
  } finally {
    for (const contestant of contestants.values()) contestant.close();
    await processes.stopAll();
  }
}

void main();
