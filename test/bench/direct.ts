/**
 * What calling a worker straight through our client costs beside plain `@grpc/grpc-js`: CPU time of the client's process for each
 * call. Ours asks a director who is there, picks, accounts and would try again; the other knows one address.
 *
 * Method: both clients are processes of their own that keep their connection to the same canned worker, and take turns in blocks of
 * about a second, ABBA. Figures are medians of the rounds with bootstrapped 95 % intervals, ratios are made within a round; calls
 * per CPU of ours relative to the other's is what is aimed at. Every answer is counted in bytes. "A/A" compares odd rounds with even.
 *
 * Run: make bench-direct, or node dist/test/bench/direct.js [--rounds 10] [--rows unary-1] [--block-ms 800] [--quick]. Linux only. The
 * last line is one JSON object: CPU µs per call of both, and the ratio.
 */
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Processes } from "../support/processes";
import { DIRECT_ROWS, type DirectRow } from "./direct/direct-rows";
import { LoadProcess, type LoadOutcome } from "./measure/load-process";
import { cpuUsOf } from "./measure/process-cpu";
import { estimate, estimateRatio, inBrackets, median, sameAgain, type Estimate } from "./measure/statistics";
import { startDirector, startListening } from "./relay/contestants";

/** Ours at least as many calls per CPU as this, relative to the other's. */
const RATIO_AIM = 0.97;

/** Until the code is compiled. */
const WARM_UP_CALLS = 5_000;
const FIRST_CALLS = 300;
const PACE_BLOCKS = 2;

const KINDS = ["heddle", "grpc-js"] as const;
type Kind = (typeof KINDS)[number];

const CLIENT = join(__dirname, "ends/client.js");

interface Block extends LoadOutcome {
  readonly cpuUsPerCall: number;
}

async function runBlock(client: LoadProcess, { shape, concurrency }: DirectRow, calls: number): Promise<Block> {
  const cpuBeforeUs = cpuUsOf(client.pid);
  const outcome = await client.run(shape, { concurrency, calls });
  return { ...outcome, cpuUsPerCall: (cpuUsOf(client.pid) - cpuBeforeUs) / calls };
}

interface Result {
  readonly row: DirectRow;
  readonly blocks: Readonly<Record<Kind, Block[]>>;
  /** Calls per CPU second of ours, relative to the other's. */
  readonly ratio: Estimate;
  readonly failures: readonly string[];
}

interface Options {
  readonly rounds: number;
  readonly blockMs: number;
  readonly rows: readonly DirectRow[];
}

async function measureRow(
  clients: Readonly<Record<Kind, LoadProcess>>,
  row: DirectRow,
  options: Options,
): Promise<Result> {
  const blocks: Record<Kind, Block[]> = { heddle: [], "grpc-js": [] };
  const failures: string[] = [];
  const callsOf = { heddle: FIRST_CALLS, "grpc-js": FIRST_CALLS };
  const run = async (kind: Kind): Promise<Block> => {
    const calls = callsOf[kind];
    const block = await runBlock(clients[kind], row, calls);
    if (block.failure !== "") failures.push(`${row.name}, ${kind}: ${block.failure}`);
    callsOf[kind] = Math.max(row.concurrency, Math.round((calls * options.blockMs) / block.wallMs));
    return block;
  };
  for (const kind of KINDS) {
    await runBlock(clients[kind], row, Math.ceil(WARM_UP_CALLS / row.shape.answers));
    for (let count = 0; count < PACE_BLOCKS; count += 1) await run(kind);
  }
  for (let round = 0; round < options.rounds; round += 1) {
    for (const kind of round % 2 === 0 ? KINDS : [...KINDS].reverse()) blocks[kind].push(await run(kind));
  }
  const pairs = blocks["grpc-js"].map(
    (their, round) => [their.cpuUsPerCall, blocks.heddle[round]!.cpuUsPerCall] as const,
  );
  return { row, blocks, ratio: estimateRatio(pairs), failures };
}

function printRow({ row, blocks, ratio }: Result): void {
  console.log(`\n${row.name}: ${row.title}; ${blocks.heddle.length} rounds`);
  console.log(
    `${"".padEnd(12)}${"CPU µs per call".padStart(24)}${"p50 ms".padStart(10)}${"p99 ms".padStart(10)}${"A/A".padStart(8)}`,
  );
  for (const kind of KINDS) {
    const cpuUs = blocks[kind].map(({ cpuUsPerCall }) => cpuUsPerCall);
    const wallMs = (figure: "p50Us" | "p99Us") => median(blocks[kind].map((block) => block[figure])) / 1_000;
    console.log(
      kind.padEnd(12) +
        inBrackets(estimate(cpuUs)).padStart(24) +
        wallMs("p50Us").toFixed(2).padStart(10) +
        wallMs("p99Us").toFixed(2).padStart(10) +
        sameAgain(cpuUs).toFixed(2).padStart(8),
    );
  }
  // The bad end of the interval must be within the aim.
  const verdict = ratio.low >= RATIO_AIM ? "reached" : "not reached";
  console.log(`calls per CPU, heddle ÷ grpc-js: ${inBrackets(ratio)}; wanted ${RATIO_AIM}: ${verdict}`);
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string" },
      rows: { type: "string", default: DIRECT_ROWS.map(({ name }) => name).join(",") },
      "block-ms": { type: "string" },
      quick: { type: "boolean", default: false },
    },
  });
  const names = values.rows.split(",");
  const unknown = names.filter((name) => !DIRECT_ROWS.some((row) => row.name === name));
  if (unknown.length > 0) {
    throw new Error(`there is no row ${unknown.join(", ")}: ${DIRECT_ROWS.map(({ name }) => name).join(", ")}`);
  }
  return {
    rounds: Number(values.rounds ?? (values.quick ? 4 : 10)),
    blockMs: Number(values["block-ms"] ?? (values.quick ? 300 : 800)),
    rows: DIRECT_ROWS.filter(({ name }) => names.includes(name)),
  };
}

async function main(): Promise<void> {
  const options = readOptions();
  console.log(`${cpus()[0]?.model ?? "unknown CPU"} × ${cpus().length}, Node ${process.version}`);
  const processes = new Processes();
  const clients: LoadProcess[] = [];
  const results: Result[] = [];
  try {
    const folder = await processes.folder;
    const { address: worker } = await startListening(processes, undefined, "canned-worker");
    const cores = { proxy: undefined, others: undefined };
    const director = await startDirector({ processes, folder, cores, worker, certificates: undefined });
    const start = async (kind: Kind, address: string) => {
      const client = await LoadProcess.start(kind, [process.execPath, CLIENT, kind, address]);
      clients.push(client);
      return client;
    };
    const both = { heddle: await start("heddle", director.address), "grpc-js": await start("grpc-js", worker) };
    for (const row of options.rows) {
      const result = await measureRow(both, row, options);
      printRow(result);
      results.push(result);
    }
  } finally {
    for (const client of clients) client.end();
    await processes.stopAll();
  }
  const failures = results.flatMap((result) => result.failures);
  for (const failure of failures) console.log(`FAILED ${failure}`);
  if (failures.length > 0) process.exitCode = 1;
  const hundredths = (value: number) => Math.round(100 * value) / 100;
  const figures = results.map(({ row, blocks, ratio }) => {
    const cpuUs = (kind: Kind) => hundredths(median(blocks[kind].map(({ cpuUsPerCall }) => cpuUsPerCall)));
    return [row.name, { heddle: cpuUs("heddle"), "grpc-js": cpuUs("grpc-js"), ratio: hundredths(ratio.median) }];
  });
  console.log(JSON.stringify({ direct: Object.fromEntries(figures) as Record<string, object> }));
}

// Leaving in order ends the other processes too.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
