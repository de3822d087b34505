/**
 * What passing a call on costs: CPU time of the proxy for each call, our director beside other proxies, all before the same
 * worker and under the same load (h2load).
 *
 * Method: all proxies of a row run at once and take turns in blocks of nearly a second, in an order that is drawn anew for each
 * round and reversed in the next (ABBA). The figure is the median of the rounds with a bootstrapped 95 % interval; ratios are
 * made within a round, where a disturbance hits both sides. CPU time is that of the proxy with its children; wall figures depend
 * on whatever else the machine does. --pin keeps the proxies on core 0, load and worker on core 1: on a machine that does nothing
 * else that is steadier, on a busy one slower and no steadier.
 *
 * A call counts only if it is answered in full: every answer's bytes are counted, and a client that reads grpc-status checks each
 * proxy before and after each row. "A/A" compares the odd rounds of a proxy with its even ones: far from 1, distrust the run.
 *
 * Run: make bench-relay, or node dist/test/bench/relay.js [--rounds 6] [--rows 4x16,1x1] [--block-ms 800] [--quick] [--pin].
 * Linux only. Proxies that are not installed (make bench-tools) are marked absent. Settings of the director may be given as
 * HEDDLE_… variables. The last line is one JSON object.
 */
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { seededRandom } from "../../src/core/random";
import { makeCertificates } from "../support/certificates";
import { Processes } from "../support/processes";
import { check, whenAnswering } from "./relay/checking-client";
import {
  CONTESTANTS,
  DIRECT,
  HEDDLE,
  isInstalled,
  startListening,
  type Cores,
  type RunningProxy,
  type Stage,
} from "./relay/contestants";
import { callShape } from "./relay/echo-contract";
import { runBlock, type Block, type Row } from "./relay/load";
import { cpuFigures, printAims, printRow, type Result } from "./relay/report";

const ROWS: readonly Row[] = [
  { name: "4x16", title: "unary, 100 B", connections: 4, streams: 16, shape: callShape(100), tls: false },
  { name: "64x1", title: "unary, 100 B", connections: 64, streams: 1, shape: callShape(100), tls: false },
  { name: "1x1", title: "unary, 100 B", connections: 1, streams: 1, shape: callShape(100), tls: false },
  { name: "4x16-16k", title: "unary, 16 KiB", connections: 4, streams: 16, shape: callShape(16_384), tls: false },
  {
    name: "stream-100",
    title: "100 answers of 100 B",
    connections: 4,
    streams: 16,
    shape: callShape(100, 100),
    tls: false,
  },
  {
    name: "tls-4x16",
    title: "unary, 100 B, clients over TLS",
    connections: 4,
    streams: 16,
    shape: callShape(100),
    tls: true,
  },
];

/** Before anything is measured, for each proxy: until its code is compiled, if that is how it works. */
const WARM_UP_CALLS = 10_000;
/** And before each row: large messages and streams are the work of other code. */
const ROW_WARM_UP_CALLS = 2_000;
/** Calls from which the first estimate of a proxy's pace at a row is made. */
const FIRST_CALLS = 300;
/** Blocks that only tell how many calls a block of the wanted length has. */
const PACE_BLOCKS = 2;
/** All rows together take no longer, whatever else the machine does: rounds are left out then, but for these. */
const BUDGET_MS = 400_000;
const ROUNDS_MIN = 2;

interface Options {
  readonly rounds: number;
  readonly blockMs: number;
  readonly rows: readonly Row[];
  readonly cores: Cores;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string" },
      rows: { type: "string", default: ROWS.map(({ name }) => name).join(",") },
      "block-ms": { type: "string" },
      quick: { type: "boolean", default: false },
      pin: { type: "boolean", default: false },
    },
  });
  const names = values.rows.split(",");
  const unknown = names.filter((name) => !ROWS.some((row) => row.name === name));
  if (unknown.length > 0)
    throw new Error(`there is no row ${unknown.join(", ")}: ${ROWS.map(({ name }) => name).join(", ")}`);
  const pinned = values.pin && cpus().length > 1 && isInstalled("taskset");
  return {
    rounds: Number(values.rounds ?? (values.quick ? 2 : 6)),
    blockMs: Number(values["block-ms"] ?? (values.quick ? 250 : 800)),
    rows: ROWS.filter(({ name }) => names.includes(name)),
    cores: { proxy: pinned ? "0" : undefined, others: pinned ? "1" : undefined },
  };
}

/** The proxies that run, by name. */
type Proxies = ReadonlyMap<string, RunningProxy>;

async function startAll(stage: Stage, row: Row): Promise<Proxies> {
  const running = new Map<string, RunningProxy>();
  for (const { name, tool, start } of CONTESTANTS) {
    // Nothing stands before the worker, so nothing could speak TLS.
    if ((tool !== undefined && !isInstalled(tool)) || (stage.certificates && name === DIRECT)) continue;
    const proxy = await start(stage);
    await whenAnswering(name, proxy, row);
    await runBlock(stage, proxy, row, WARM_UP_CALLS);
    running.set(name, proxy);
  }
  return running;
}

const random = seededRandom(20_264);

function shuffled<T>(items: readonly T[]): T[] {
  const order = [...items];
  for (let last = order.length - 1; last > 0; last -= 1) {
    const other = random.below(last + 1);
    [order[last], order[other]] = [order[other]!, order[last]!];
  }
  return order;
}

async function measureRow(stage: Stage, proxies: Proxies, row: Row, options: Options): Promise<Result> {
  const names = [...proxies.keys()];
  const blocks = new Map<string, Block[]>(names.map((name) => [name, []]));
  const failures: string[] = [];
  const callsOf = new Map<string, number>();
  const run = async (name: string): Promise<Block> => {
    const block = await runBlock(stage, proxies.get(name)!, row, callsOf.get(name) ?? FIRST_CALLS);
    if (block.failure !== "") failures.push(`${row.name}, ${name}: ${block.failure}`);
    const calls = Math.round((block.callsPerSecond * options.blockMs) / 1_000);
    callsOf.set(name, Math.max(row.connections * row.streams, calls));
    return block;
  };
  const checkAll = async () => {
    for (const name of names) {
      const problem = await check(name, proxies.get(name)!, row);
      if (problem !== "") failures.push(`${row.name}, ${name}: ${problem}`);
    }
  };

  const endAtMs = performance.now() + BUDGET_MS / ROWS.length;
  await checkAll();
  for (const name of names) await runBlock(stage, proxies.get(name)!, row, ROW_WARM_UP_CALLS);
  for (const name of names) for (let count = 0; count < PACE_BLOCKS; count += 1) await run(name);
  let order: string[] = [];
  for (let round = 0; round < options.rounds; round += 1) {
    if (round >= ROUNDS_MIN && performance.now() > endAtMs) break;
    order = round % 2 === 0 ? shuffled(names) : order.reverse();
    for (const name of order) blocks.get(name)!.push(await run(name));
  }
  await checkAll();
  return { row, blocks, failures };
}

async function measure(options: Options): Promise<Result[]> {
  const results: Result[] = [];
  for (const tls of [false, true]) {
    const rows = options.rows.filter((row) => row.tls === tls);
    if (rows.length === 0) continue;
    const processes = new Processes();
    try {
      const folder = await processes.folder;
      const { address: worker } = await startListening(processes, options.cores.others, "canned-worker");
      const certificates = tls ? await makeCertificates(folder) : undefined;
      const stage = { processes, folder, cores: options.cores, worker, certificates };
      const proxies = await startAll(stage, rows[0]!);
      for (const row of rows) {
        const result = await measureRow(stage, proxies, row, options);
        printRow(result);
        results.push(result);
      }
    } finally {
      await processes.stopAll();
    }
  }
  return results;
}

async function main(): Promise<void> {
  if (!isInstalled("h2load")) throw new Error("h2load is missing: run make bench-tools");
  const options = readOptions();
  const placing = options.cores.proxy === undefined ? "not pinned" : "proxies on core 0, load and worker on core 1";
  console.log(`${cpus()[0]?.model ?? "unknown CPU"} × ${cpus().length}, Node ${process.version}; ${placing}`);
  console.log(
    `medians of up to ${options.rounds} interleaved rounds of ${options.blockMs} ms, 95 % intervals in brackets`,
  );
  const results = await measure(options);
  printAims(results);
  const failures = results.flatMap((result) => result.failures);
  for (const failure of failures) console.log(`FAILED ${failure}`);
  if (failures.some((failure) => failure.includes(` ${HEDDLE}: `))) process.exitCode = 1;
  const relay = Object.fromEntries(results.map((result) => [result.row.name, cpuFigures(result)]));
  console.log(JSON.stringify({ relay }));
}

// Leaving in order ends the proxies too.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
