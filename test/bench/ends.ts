/**
 * What both ends of a call cost on our engine, beside `@grpc/grpc-js`, a bare `node:http2` server and grpc-go: CPU time per call of
 * servers under the same load, of clients before the same server, and of whole calls (client, worker, and the director between
 * them) all processes together. Everything echoes: unary calls of 100 B and 16 KiB, and of 100 B with metadata of which some differ
 * for each call, so that nobody knows its headers from the call before; 100 answers; and a bidi call of 100 messages of which each
 * waits for the answer to the one before. 64 calls are in flight.
 *
 * - Servers: h2load, 4 connections × 16 streams; where a message depends on an answer or metadata differ, which h2load cannot do, a
 *   client of ours that does no more than that.
 * - Clients: one connection each, to one bare server of ours. "heddle" is the client of the fabric in direct mode; "engine" the same
 *   typed client on a plain connection. All calls have a deadline.
 * - Whole calls: "engine" is the plain client and a worker as `createWorker` makes it; "grpc-js" the plain client and a plain server,
 *   for which a small process speaks at the director, as `heddle attach` does.
 *
 * Messages are bytes everywhere (for grpc-go by a codec that passes them through): encoding costs every end the same. Each
 * contestant is as its documentation shows it, with its defaults; the bare `node:http2` server does not even read messages.
 *
 * Method: the contestants of a section run at once and take turns in blocks, in an order that is drawn anew for each round and
 * reversed in the next (ABBA). Figures are medians of the rounds with bootstrapped 95 % intervals; ratios are made within a round. Wall
 * figures depend on what else the machine does, and on two cores load and contestant share them. Every answer's bytes are
 * counted, and before and after each row compared. "A/A" is a contestant's odd rounds by its even ones: far from 1, distrust the run.
 *
 * Run: make bench-ends, or node dist/test/bench/ends.js [--rounds 10] [--rows unary-100,ping-pong] [--sections server,client,wholeCall]
 * [--block-ms 700] [--quick]. --quick takes a minute and has only the unary rows of 100 B. Linux only; needs h2load (make bench-tools), and Go for grpc-go. The last line is one JSON object: CPU
 * µs per call at 100 B unary.
 */
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { Processes } from "../support/processes";
import { measureBlock, type Contestant } from "./ends/contestant";
import { buildGoEnds } from "./ends/go-ends";
import { cpuFigures, printAims, printRow, type Result } from "./ends/report";
import { ENDS_ROWS, HEADLINE, WITH_METADATA, type EndsRow } from "./ends/rows";
import { SECTIONS, type Ends, type Section } from "./ends/sections";
import { takeTurns } from "./measure/take-turns";
import { isInstalled } from "./relay/contestants";

interface Options {
  readonly rounds: number;
  readonly blockMs: number;
  readonly rows: readonly EndsRow[];
  readonly sections: readonly Section[];
  /** All rows together take no longer, whatever else the machine does: rounds are left out then. */
  readonly budgetMs: number;
}

/** Messages before anything of a row is measured: other rows are the work of other code, which must be compiled. */
const WARM_UP_MESSAGES = 5_000;
/** Blocks that only tell how many calls a block of the wanted length has. */
const PACE_BLOCKS = 2;
/** The row whose figures are the result may take as long as so many others. */
const HEADLINE_SHARES = 3;

/** Rows of --quick where none are named. */
const QUICK_ROWS = [HEADLINE, WITH_METADATA].join();

const sharesOf = ({ name }: EndsRow) => (name === HEADLINE ? HEADLINE_SHARES : 1);

const SECTION_NAMES = Object.keys(SECTIONS) as Section[];

function chosen<T>(what: string, all: readonly T[], nameOf: (one: T) => string, names: string | undefined): T[] {
  if (names === undefined) return [...all];
  const wanted = names.split(",");
  const unknown = wanted.filter((name) => !all.some((one) => nameOf(one) === name));
  if (unknown.length > 0) throw new Error(`there is no ${what} ${unknown.join(", ")}: ${all.map(nameOf).join(", ")}`);
  return all.filter((one) => wanted.includes(nameOf(one)));
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string" },
      rows: { type: "string" },
      sections: { type: "string" },
      "block-ms": { type: "string" },
      quick: { type: "boolean", default: false },
    },
  });
  return {
    rounds: Number(values.rounds ?? (values.quick ? 3 : 10)),
    blockMs: Number(values["block-ms"] ?? (values.quick ? 150 : 700)),
    rows: chosen("row", ENDS_ROWS, ({ name }) => name, values.rows ?? (values.quick ? QUICK_ROWS : undefined)),
    sections: chosen("section", SECTION_NAMES, (name) => name, values.sections),
    budgetMs: values.quick ? 45_000 : 500_000,
  };
}

async function measureRow(
  contestants: readonly Contestant[],
  section: Section,
  row: EndsRow,
  options: Options & { endAtMs: number },
): Promise<Result> {
  const { rounds, blockMs, endAtMs } = options;
  const byName = new Map(contestants.map((contestant) => [contestant.name, contestant]));
  const failures: string[] = [];
  const failed = (name: string, what: string) => failures.push(`${section}, ${row.name}, ${name}: ${what}`);
  const checkAll = async () => {
    for (const contestant of contestants) {
      const problem = await contestant.check(row);
      if (problem !== "") failed(contestant.name, problem);
    }
  };
  const callsMin = row.connections * row.streams;
  await checkAll();
  const warmUpCalls = Math.max(callsMin, Math.ceil(WARM_UP_MESSAGES / row.shape.answers));
  for (const contestant of contestants) await measureBlock(contestant, row, warmUpCalls);
  const blocks = await takeTurns(
    [...byName.keys()],
    async (name, calls) => {
      const block = await measureBlock(byName.get(name)!, row, calls);
      if (block.failure !== "") failed(name, block.failure);
      return block;
    },
    { rounds, blockMs, callsMin, paceBlocks: PACE_BLOCKS, endAtMs },
  );
  await checkAll();
  return { section, row, blocks, failures };
}

async function measureSection(section: Section, go: string | undefined, options: Options): Promise<Result[]> {
  const processes = new Processes();
  const clients: Ends["clients"] = [];
  try {
    const folder = await processes.folder;
    const cores = { proxy: undefined, others: undefined };
    const stage = { processes, folder, cores, worker: "", certificates: undefined };
    const contestants = await SECTIONS[section]({ stage, go, clients });
    const shares = options.rows.reduce((sum, row) => sum + sharesOf(row), 0) * options.sections.length;
    const results: Result[] = [];
    for (const row of options.rows) {
      const endAtMs = performance.now() + (options.budgetMs * sharesOf(row)) / shares;
      const result = await measureRow(contestants, section, row, { ...options, endAtMs });
      printRow(result);
      results.push(result);
    }
    return results;
  } finally {
    for (const client of clients) client.end();
    await processes.stopAll();
  }
}

async function main(): Promise<void> {
  const options = readOptions();
  if (options.sections.includes("server") && !isInstalled("h2load")) {
    throw new Error("h2load is missing: run make bench-tools, or leave out the servers (--sections client,wholeCall)");
  }
  const go = buildGoEnds();
  console.log(`${cpus()[0]?.model ?? "unknown CPU"} × ${cpus().length}, Node ${process.version}`);
  console.log(
    `medians of up to ${options.rounds} interleaved rounds of ${options.blockMs} ms, 95 % intervals in brackets`,
  );
  if (go === undefined) console.log("grpc-go is absent: there is no Go that can build it");
  const results: Result[] = [];
  for (const section of options.sections) results.push(...(await measureSection(section, go, options)));
  printAims(results);
  const failures = results.flatMap((result) => result.failures);
  for (const failure of failures) console.log(`FAILED ${failure}`);
  if (failures.length > 0) process.exitCode = 1;
  const figures = SECTION_NAMES.map((section) => [`${section}Us`, cpuFigures(results, section)]);
  console.log(JSON.stringify({ ends: Object.fromEntries(figures) as Record<string, object> }));
}

// Leaving in order ends the other processes too.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
