/**
 * What the heartbeats of many workers cost a director: its CPU time per beat, how late its event loop runs, its memory; and
 * what it costs when all of them join at the same moment, as after a director's restart.
 *
 * Method: the director is the installed program with its store in memory, the workers are simulated by one other process with
 * a real connection and Attach stream for each. The director measures itself (heartbeat-probe.ts). CPU time is judged rather
 * than wall time, because the simulator and whatever else the machine does compete for its cores; the time until all are ready
 * and the lag are only as good as the machine is idle.
 *
 * - join: from the first connection until the director reports every worker ready (reports come every 200 ms at most).
 * - beats: after the warm-up. Beats are counted by the director (GetStats), asked outside of the span.
 * - streams lost: the director cuts off a peer that leaves its PINGs unread for 2 s. Should the simulator be starved that
 *   long, this says so, its workers are suspected for it, and the run is void.
 * - loop lag: of a look every 20 ms, so p99 is of 50 looks a second; one long stall is one look.
 *
 * Run: npm run build && node dist/test/bench/heartbeat.js [--workers 2000] [--seconds 25] [--interval-ms 1000]
 *   [--warm-up-seconds 12] [--profile folder]. The last line is one JSON object.
 */
import { mkdirSync } from "node:fs";
import { cpus } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { DirectorServiceDefinition, type GetStatsResponse } from "../../src/wire/contract";
import { GrpcConnection } from "../../src/wire/grpc-connection";
import { typedClient } from "../../src/rpc/service/typed-client";
import { Processes, type RunningProcess } from "../support/processes";
import { parseUsage, type Usage } from "./heartbeat-probe";

interface Options {
  readonly workers: number;
  readonly seconds: number;
  readonly intervalMs: number;
  /** Longer than slow start (10 s), and than the compiler needs. */
  readonly warmUpSeconds: number;
  readonly profile: string | undefined;
}

const JOIN_PATIENCE_MS = 120_000;
const DIRECTOR = join(__dirname, "../../src/bin/heddle-director.js");
const PROBE = join(__dirname, "heartbeat-probe.js");
const SIMULATOR = join(__dirname, "heartbeat-simulator.js");

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      workers: { type: "string", default: "2000" },
      seconds: { type: "string", default: "25" },
      "interval-ms": { type: "string", default: "1000" },
      "warm-up-seconds": { type: "string", default: "12" },
      profile: { type: "string" },
    },
  });
  return {
    workers: Number(values.workers),
    seconds: Number(values.seconds),
    intervalMs: Number(values["interval-ms"]),
    warmUpSeconds: Number(values["warm-up-seconds"]),
    profile: values.profile,
  };
}

function sleep(seconds: number): Promise<void> {
  return new Promise((wake) => setTimeout(wake, 1_000 * seconds));
}

/** What the director used since it was last asked. */
async function takeUsage(director: RunningProcess): Promise<Usage> {
  const from = director.mark();
  director.signal("SIGUSR2");
  return parseUsage(await director.whenLogs(/^usage /, { from }));
}

async function startDirector(processes: Processes, { intervalMs, profile }: Options) {
  if (profile !== undefined) mkdirSync(profile, { recursive: true });
  const director = await processes.spawn(process.execPath, {
    name: "director",
    args: ["--require", PROBE, DIRECTOR],
    env: {
      DIRECTOR_ADDR: "127.0.0.1:0",
      HEDDLE_HEARTBEAT_INTERVAL_MS: String(intervalMs),
      ...(profile === undefined ? {} : { HEARTBEAT_PROFILE_DIR: resolve(profile) }),
    },
  });
  const line = await director.whenLogs("Director ready - listening on");
  return { director, address: /127\.0\.0\.1:\d+/.exec(line)![0] };
}

async function measure(options: Options) {
  const { workers, seconds, intervalMs, warmUpSeconds } = options;
  const processes = new Processes();
  try {
    const { director, address } = await startDirector(processes, options);
    const connection = new GrpcConnection(address, {
      keepaliveMs: 0,
      messageMaxBytes: 64 << 20,
      reconnectMaxMs: 1_000,
    });
    const { getStats } = typedClient(DirectorServiceDefinition, {
      start: (call, listener) => connection.start(call, listener),
    });
    await getStats({});

    await takeUsage(director);
    const args = [SIMULATOR, address, String(workers), String(intervalMs)];
    const simulator = await processes.spawn(process.execPath, { name: "simulator", args });
    await simulator.whenLogs("joining");
    const joiningAtMs = performance.now();
    await Promise.race([
      director.whenLogs(`status: ${workers} workers available`, { withinMs: JOIN_PATIENCE_MS }),
      simulator.exited.then(() => Promise.reject(new Error(`the simulator ended:\n${simulator.output}`))),
    ]);
    const joinMs = performance.now() - joiningAtMs;
    const join = await takeUsage(director);

    await sleep(warmUpSeconds);
    const before = await getStats({});
    await sleep(1);
    await takeUsage(director);
    const startedAtMs = performance.now();
    await sleep(seconds);
    const beats = await takeUsage(director);
    const elapsedMs = performance.now() - startedAtMs;
    await sleep(1);
    const after = await getStats({});
    connection.close();
    return { join, joinMs, beats, elapsedMs, before, after, ...incidents(director, simulator) };
  } finally {
    await processes.stopAll();
  }
}

/** What must not happen at all: no worker here ever falls silent. */
function incidents(director: RunningProcess, simulator: RunningProcess) {
  const count = (pattern: RegExp, { lines }: RunningProcess) => lines.filter((line) => pattern.test(line)).length;
  return { suspects: count(/ is (suspect|dead)/, director), lost: count(/^lost /, simulator) };
}

/** The director counts beats for a second before and after the span too, at the same rate. */
function beatsIn(spanMs: number, before: GetStatsResponse, after: GetStatsResponse): number {
  return (Number(after.heartbeats - before.heartbeats) * spanMs) / Number(after.uptimeMs - before.uptimeMs);
}

function print(name: string, ...cells: (string | number)[]): void {
  console.log(name.padEnd(34) + cells.map((cell) => String(cell).padStart(14)).join(""));
}

const oneDecimal = (value: number) => Math.round(10 * value) / 10;

async function main(): Promise<void> {
  const options = readOptions();
  const { join, joinMs, beats, elapsedMs, before, after, suspects, lost } = await measure(options);
  const count = beatsIn(elapsedMs, before, after);
  const cpuUsPerBeat = oneDecimal(beats.cpuUs / count);

  console.log(`${cpus()[0]?.model ?? "unknown CPU"} × ${cpus().length}, Node ${process.version}`);
  console.log(`${options.workers} workers, one beat each in ${options.intervalMs} ms\n`);
  print("of the director", "join", "beats");
  print("span, s", oneDecimal(joinMs / 1_000), oneDecimal(elapsedMs / 1_000));
  print("CPU, ms", Math.round(join.cpuUs / 1_000), Math.round(beats.cpuUs / 1_000));
  print("CPU per worker joined, µs", Math.round(join.cpuUs / options.workers), "");
  print("CPU per beat, µs", "", cpuUsPerBeat);
  print("share of a core, %", oneDecimal(join.cpuUs / joinMs / 10), oneDecimal(beats.cpuUs / elapsedMs / 10));
  print("loop lag p99, ms", oneDecimal(join.lagP99Ms), oneDecimal(beats.lagP99Ms));
  print("loop lag max, ms", oneDecimal(join.lagMaxMs), oneDecimal(beats.lagMaxMs));
  print("resident memory, MB", Math.round(join.rssMb), Math.round(beats.rssMb));
  print("beats per second", "", Math.round((1_000 * count) / elapsedMs));
  print("ready at the end", "", `${after.readyMembers}/${after.members}`);
  print("falsely suspected (must be 0)", "", suspects);
  print("streams lost (must be 0)", "", lost);
  const heartbeat = {
    workers: options.workers,
    cpuUsPerBeat,
    loopLagP99Ms: oneDecimal(beats.lagP99Ms),
    rssMb: Math.round(beats.rssMb),
  };
  console.log(JSON.stringify({ heartbeat }));
}

main().catch((error: unknown) => {
  // The message ends with all that the process said, which is a line or two for each worker.
  const lines = String(error).split("\n");
  console.error([...lines.slice(0, 5), "…", ...lines.slice(-15)].join("\n"));
  process.exitCode = 1;
});
