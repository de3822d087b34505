/**
 * The resident memory of a default worker that is attached and idle, beside a bare Node process, which is the floor.
 *
 * Method: a director, and several workers and bare processes of the installed programs, all left alone for the settling time
 * and then read at once; the figure is the median of each kind. Resident memory has two parts: `anonymous` is the process's
 * own (heap, stacks, buffers), `file` are pages of the Node binary, which all Node processes of a machine share.
 *
 * Run: npm run build && node dist/test/bench/idle.js [--processes 5] [--settle-seconds 30]. Linux only. The last line is one
 * JSON object.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Processes, type RunningProcess } from "../support/processes";
import { memoryOf, type Memory } from "./measure/process-memory";

/** The project's aim for an idle worker. */
const AIM_MB = 50;

const BIN = join(__dirname, "../../src/bin");

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

const oneDecimal = (value: number) => Math.round(10 * value) / 10;

/** Medians of each part by itself. */
function typical(processes: readonly RunningProcess[]): Memory {
  const all = processes.map(({ pid }) => memoryOf(pid));
  const of = (part: keyof Memory) => oneDecimal(median(all.map((memory) => memory[part])));
  return { rssMb: of("rssMb"), anonymousMb: of("anonymousMb"), fileMb: of("fileMb") };
}

async function measure(count: number, settleSeconds: number): Promise<{ worker: Memory; bare: Memory }> {
  const processes = new Processes();
  try {
    const director = await processes.spawn(process.execPath, {
      name: "director",
      args: [join(BIN, "heddle-director.js")],
      env: { DIRECTOR_ADDR: "127.0.0.1:0" },
    });
    const address = /127\.0\.0\.1:\d+/.exec(await director.whenLogs("Director ready - listening on"))![0];
    const workers: RunningProcess[] = [];
    const bare: RunningProcess[] = [];
    for (let index = 1; index <= count; index += 1) {
      const env = { DIRECTOR_ADDR: address, WORKER_ADDR: "127.0.0.1:0", WORKER_LABEL: `worker-${index}` };
      const worker = await processes.spawn(process.execPath, {
        name: "worker",
        args: [join(BIN, "heddle-worker.js")],
        env,
      });
      await worker.whenLogs("is running and ready to handle requests");
      workers.push(worker);
      bare.push(await processes.spawn(process.execPath, { args: ["-e", "setInterval(() => {}, 1e9)"] }));
    }
    await new Promise((wake) => setTimeout(wake, 1_000 * settleSeconds));
    return { worker: typical(workers), bare: typical(bare) };
  } finally {
    await processes.stopAll();
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      processes: { type: "string", default: "5" },
      "settle-seconds": { type: "string", default: "30" },
    },
  });
  const count = Number(values.processes);
  const { worker, bare } = await measure(count, Number(values["settle-seconds"]));
  const row = (name: string, ...cells: (string | number)[]) =>
    console.log(name.padEnd(22) + cells.map((cell) => String(cell).padStart(12)).join(""));

  console.log(`Node ${process.version}, median of ${count} processes, idle for ${values["settle-seconds"]} s\n`);
  row("MB", "resident", "anonymous", "file");
  row("idle worker", worker.rssMb, worker.anonymousMb, worker.fileMb);
  row("bare Node", bare.rssMb, bare.anonymousMb, bare.fileMb);
  const parts = ["rssMb", "anonymousMb", "fileMb"] as const;
  row("difference", ...parts.map((part) => oneDecimal(worker[part] - bare[part])));
  row("aim for the worker", AIM_MB);
  console.log(JSON.stringify({ idle: { workerRssMb: worker.rssMb, bareNodeRssMb: bare.rssMb } }));
}

void main();
