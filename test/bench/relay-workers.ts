/**
 * What relay processes (HEDDLE_RELAY_WORKERS) cost and bring: CPU time for each call, of the whole director and of each process,
 * and calls per second, for 1, 2 and 4 of them, before the same worker and under the same load (h2load, 8 connections × 16 streams).
 *
 * The directors run at once and take turns in blocks; figures are medians of the rounds. Load and worker need cores too: only with
 * more cores than processes can calls per second rise with their number; what shows on any machine is whether the CPU time for
 * each call stays what it is, and whether the processes have equal shares of it.
 *
 * Run: make bench-relay-workers, or node dist/test/bench/relay-workers.js [--rounds 6] [--calls 20000]. Linux only; needs h2load.
 */
import { readdirSync, readFileSync } from "node:fs";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { Processes } from "../support/processes";
import { cpuUsOf } from "./measure/process-cpu";
import { median } from "./measure/statistics";
import { whenAnswering } from "./relay/checking-client";
import { startDirector, startListening, type RunningProxy, type Stage } from "./relay/contestants";
import { callShape } from "./relay/echo-contract";
import { runBlock, type Row } from "./relay/load";

const SIZES = [1, 2, 4];
const ROW: Row = {
  name: "8x16",
  title: "unary, 100 B",
  connections: 8,
  streams: 16,
  shape: callShape(100),
  tls: false,
};
/** For each process: until its code is compiled. */
const WARM_UP_CALLS = 20_000;

interface Round {
  readonly cpuUsPerCall: number;
  readonly callsPerSecond: number;
  /** The director's own process first, then its relay processes. */
  readonly cpuUsPerCallByProcess: readonly number[];
  readonly failure: string;
}

/** The director's process and its children. */
function processesOf(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, "latin1").split(" ").filter(Boolean).map(Number),
  );
  return [pid, ...children];
}

async function measure(stage: Stage, director: RunningProxy, calls: number): Promise<Round> {
  const pids = processesOf(director.pid!);
  const before = pids.map(cpuUsOf);
  const { cpuUsPerCall, callsPerSecond, failure } = await runBlock(stage, director, ROW, calls);
  const used = pids.map((pid, index) => (cpuUsOf(pid) - before[index]!) / calls);
  // The first includes the others.
  const [all = 0, ...relays] = used;
  const own = all - relays.reduce((sum, each) => sum + each, 0);
  return { cpuUsPerCall, callsPerSecond, cpuUsPerCallByProcess: [own, ...relays], failure };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { rounds: { type: "string", default: "6" }, calls: { type: "string", default: "20000" } },
  });
  const calls = Number(values.calls);
  const processes = new Processes();
  try {
    const cores = { proxy: undefined, others: undefined };
    const { address: worker } = await startListening(processes, undefined, "canned-worker");
    const stage: Stage = { processes, folder: await processes.folder, cores, worker, certificates: undefined };
    const directors = new Map<number, RunningProxy>();
    for (const size of SIZES) {
      process.env["HEDDLE_RELAY_WORKERS"] = String(size);
      const director = await startDirector(stage);
      await whenAnswering(`${size} processes`, director, ROW);
      await runBlock(stage, director, ROW, WARM_UP_CALLS * size);
      directors.set(size, director);
    }
    const rounds = new Map<number, Round[]>(SIZES.map((size) => [size, []]));
    for (let round = 0; round < Number(values.rounds); round += 1) {
      const order = round % 2 === 0 ? SIZES : [...SIZES].reverse();
      for (const size of order) rounds.get(size)!.push(await measure(stage, directors.get(size)!, calls));
    }
    print(rounds);
  } finally {
    await processes.stopAll();
  }
}

function print(rounds: ReadonlyMap<number, readonly Round[]>): void {
  console.log(
    `${cpus()[0]?.model ?? "unknown CPU"} × ${cpus().length}, Node ${process.version}; ${ROW.name}, ${ROW.title}`,
  );
  const figures: Record<string, { cpuUsPerCall: number; callsPerSecond: number }> = {};
  for (const [size, all] of rounds) {
    const cpuUsPerCall = median(all.map((round) => round.cpuUsPerCall));
    const callsPerSecond = median(all.map((round) => round.callsPerSecond));
    const parts = all[0]!.cpuUsPerCallByProcess.map((_, index) =>
      median(all.map((round) => round.cpuUsPerCallByProcess[index]!)).toFixed(1),
    );
    const failures = all.filter(({ failure }) => failure !== "");
    console.log(
      `${size} processes: ${cpuUsPerCall.toFixed(1)} µs of CPU per call (director ${parts[0]}${size > 1 ? `, relays ${parts.slice(1).join(" + ")}` : ""}), ${Math.round(callsPerSecond)} calls/s${failures.length > 0 ? `, FAILED: ${failures[0]!.failure}` : ""}`,
    );
    if (failures.length > 0) process.exitCode = 1;
    figures[size] = { cpuUsPerCall, callsPerSecond };
  }
  console.log(JSON.stringify({ relayWorkers: figures }));
}

// Leaving in order ends the directors too.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
