/**
 * What a JSON call over HTTP to a worker costs: the director's HTTP port beside a hand-written handler of Fastify and `@grpc/grpc-js`, CPU time
 * of the serving process for each call. The director's includes routing: it picks among who is there, accounts and would try again; the
 * other knows one address.
 *
 * Method: both are processes of their own before the same canned worker. They take turns in blocks of the same number of calls, ABBA; what they
 * answer is compared with what was sent. Figures are medians of the rounds with bootstrapped 95 % intervals, ratios are made within a
 * round. "A/A" compares odd rounds with even.
 *
 * Run: make bench-gateway, or node dist/test/bench/gateway.js [--rounds 10] [--calls 4000] [--quick]. Linux only. The last line is one JSON
 * object: CPU µs per call of both, of the row with the worse ratio.
 */
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Processes } from "../support/processes";
import { HttpLoad } from "./gateway/http-load";
import { cpuUsOf } from "./measure/process-cpu";
import { estimate, estimateRatio, inBrackets, median, sameAgain } from "./measure/statistics";
import { attachTo, startBareDirector, startListening, startServer } from "./relay/contestants";

/** Calls per CPU of ours, relative to the other's. */
const RATIO_AIM = 1.2;
const PAYLOAD_BYTES = 100;
/** Until the code is compiled. */
const WARM_UP_CALLS = 5_000;
/** Requests at once. */
const ROWS = [1, 64];

const KINDS = ["heddle", "hand-written"] as const;
type Kind = (typeof KINDS)[number];

interface Contestant {
  readonly pid: number;
  readonly load: HttpLoad;
}

async function cpuUsPerCall({ pid, load }: Contestant, calls: number, concurrency: number): Promise<number> {
  const beforeUs = cpuUsOf(pid);
  await load.run(calls, concurrency);
  return (cpuUsOf(pid) - beforeUs) / calls;
}

async function measureRow(
  both: Readonly<Record<Kind, Contestant>>,
  concurrency: number,
  rounds: number,
  calls: number,
) {
  const cpuUs: Record<Kind, number[]> = { heddle: [], "hand-written": [] };
  for (let round = 0; round < rounds; round += 1) {
    for (const kind of round % 2 === 0 ? KINDS : [...KINDS].reverse()) {
      cpuUs[kind].push(await cpuUsPerCall(both[kind], calls, concurrency));
    }
  }
  const ratio = estimateRatio(cpuUs["hand-written"].map((theirs, round) => [theirs, cpuUs.heddle[round]!] as const));
  console.log(`\n${concurrency} at once, ${PAYLOAD_BYTES} B; ${rounds} rounds of ${calls} calls`);
  console.log(`${"".padEnd(14)}${"CPU µs per call".padStart(24)}${"A/A".padStart(8)}`);
  for (const kind of KINDS) {
    const figures = inBrackets(estimate(cpuUs[kind])).padStart(24);
    console.log(`${kind.padEnd(14)}${figures}${sameAgain(cpuUs[kind]).toFixed(2).padStart(8)}`);
  }
  // The bad end of the interval must be within the aim.
  const verdict = ratio.low >= RATIO_AIM ? "reached" : "not reached";
  console.log(`calls per CPU, heddle ÷ hand-written: ${inBrackets(ratio)}; wanted ${RATIO_AIM}: ${verdict}`);
  return { heddleUs: median(cpuUs.heddle), handWrittenUs: median(cpuUs["hand-written"]), ratio: ratio.median };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { rounds: { type: "string" }, calls: { type: "string" }, quick: { type: "boolean", default: false } },
  });
  const rounds = Number(values.rounds ?? (values.quick ? 4 : 10));
  const calls = Number(values.calls ?? (values.quick ? 1_500 : 4_000));
  console.log(`${cpus()[0]?.model ?? "unknown CPU"} × ${cpus().length}, Node ${process.version}`);
  process.env["HEDDLE_HTTP_ADDR"] = "127.0.0.1:0";
  const processes = new Processes();
  const loads: HttpLoad[] = [];
  const contestant = (address: string, pid: number): Contestant => {
    const load = new HttpLoad(address, PAYLOAD_BYTES);
    loads.push(load);
    return { pid, load };
  };
  try {
    const { address: worker } = await startListening(processes, undefined, "canned-worker");
    const cores = { proxy: undefined, others: undefined };
    const stage = { processes, folder: await processes.folder, cores, worker, certificates: undefined };
    const director = await startBareDirector(stage);
    await attachTo(director.address, stage);
    await director.whenWorkerReady();
    const http = /HTTP at http:\/\/([\d.:]+)/.exec(director.output!())![1]!;
    const program = join(__dirname, "gateway/hand-written.js");
    const other = await startServer(processes, undefined, "hand-written", [process.execPath, program, worker]);
    const both = { heddle: contestant(http, director.pid), "hand-written": contestant(other.address, other.pid) };
    for (const kind of KINDS) await both[kind].load.run(WARM_UP_CALLS, 16);
    const results: Awaited<ReturnType<typeof measureRow>>[] = [];
    for (const concurrency of ROWS) results.push(await measureRow(both, concurrency, rounds, calls));
    const { heddleUs, handWrittenUs } = results.reduce((worst, each) => (each.ratio < worst.ratio ? each : worst));
    const tenths = (value: number) => Math.round(10 * value) / 10;
    console.log(JSON.stringify({ gateway: { heddleUs: tenths(heddleUs), handWrittenUs: tenths(handWrittenUs) } }));
  } finally {
    for (const load of loads) load.close();
    await processes.stopAll();
  }
}

// Leaving in order ends the other processes too.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
