/**
 * CPU time per unary echo call of 100 bytes: a server on our engine, the smallest relay on it (to a second such server), and a
 * bare server on `node:http2`, under h2load.
 *
 * Method: each server is a process of its own; CPU is its utime + stime from /proc over the span of the load, divided by the
 * number of requests. Rounds of both are interleaved, and the median is printed. One round before them is not counted.
 * Wall time is printed too, and is only as good as the machine is idle.
 *
 * Run: make bench-http2. Needs h2load (Debian: nghttp2-client); without it, it says so. The last line is JSON.
 */
import { execFile, spawn, spawnSync, type ChildProcess } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROUNDS = 5;
const TICKS_PER_SECOND = 100;
const BODY_BYTES = 100;

interface Row {
  readonly connections: number;
  readonly streams: number;
  readonly requests: number;
}

const ROWS: readonly Row[] = [
  { connections: 4, streams: 16, requests: 100_000 },
  { connections: 64, streams: 1, requests: 50_000 },
  { connections: 1, streams: 1, requests: 10_000 },
];

interface Server {
  readonly name: string;
  readonly process: ChildProcess;
  readonly port: number;
}

async function startServer(name: string, program: string, argument: string): Promise<Server> {
  const child = spawn(process.execPath, [join(__dirname, program), argument], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const port = await new Promise<number>((resolve) => {
    child.stdout.once("data", (line: Buffer) => resolve(Number(line.toString())));
  });
  return { name, process: child, port };
}

function cpuSeconds(pid: number): number {
  // Fields 14 and 15, counted after the name, which is in parentheses and may hold spaces.
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

interface Round {
  readonly cpuUs: number;
  readonly callsPerSecond: number;
}

async function load(server: Server, row: Row, bodyFile: string): Promise<Round> {
  const before = cpuSeconds(server.process.pid!);
  const args = ["-n", row.requests, "-c", row.connections, "-m", row.streams, "-t", 1, "-d", bodyFile].map(String);
  const headers = ["-H", "content-type: application/grpc", "-H", "te: trailers"];
  const output = await new Promise<string>((resolve, reject) => {
    execFile("h2load", [...args, ...headers, `http://127.0.0.1:${server.port}/bench.Echo/Echo`], (error, stdout) => {
      if (error) reject(new Error(`h2load failed: ${error.message}`));
      else resolve(stdout);
    });
  });
  const succeeded = Number(/(\d+) succeeded/.exec(output)?.[1]);
  if (succeeded !== row.requests) throw new Error(`only ${succeeded} of ${row.requests} succeeded:\n${output}`);
  const cpuUs = ((cpuSeconds(server.process.pid!) - before) / row.requests) * 1e6;
  return { cpuUs, callsPerSecond: Number(/([\d.]+) req\/s/.exec(output)?.[1]) };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

async function main(): Promise<void> {
  if (spawnSync("h2load", ["--version"]).status !== 0) {
    console.log("bench-http2: absent, since h2load is not installed (Debian: apt-get install nghttp2-client)");
    return;
  }
  const bodyFile = join(tmpdir(), `heddle-bench-${process.pid}`);
  writeFileSync(bodyFile, Buffer.alloc(BODY_BYTES, "x"));
  const upstream = await startServer("upstream", "http2-echo-server.js", "engine");
  const servers = [
    await startServer("engine", "http2-echo-server.js", "engine"),
    await startServer("relay", "http2-relay-server.js", String(upstream.port)),
    await startServer("node", "http2-echo-server.js", "node"),
  ];
  const result: Record<string, Record<string, number>> = {};
  try {
    console.log("connections x streams   server   CPU us/call   calls/s");
    for (const row of ROWS) {
      const rounds = new Map<string, Round[]>(servers.map(({ name }) => [name, []]));
      for (let round = 0; round <= ROUNDS; round += 1) {
        for (const server of servers) {
          const outcome = await load(server, row, bodyFile);
          if (round > 0) rounds.get(server.name)!.push(outcome);
        }
      }
      const label = `${row.connections}x${row.streams}`;
      result[label] = {};
      for (const [name, outcomes] of rounds) {
        const cpuUs = median(outcomes.map((outcome) => outcome.cpuUs));
        const callsPerSecond = median(outcomes.map((outcome) => outcome.callsPerSecond));
        result[label][name] = Math.round(cpuUs * 10) / 10;
        console.log(
          `${label.padEnd(23)} ${name.padEnd(8)} ${cpuUs.toFixed(1).padStart(11)} ${callsPerSecond.toFixed(0).padStart(9)}`,
        );
      }
    }
    console.log(JSON.stringify({ http2Echo: result }));
  } finally {
    for (const server of [upstream, ...servers]) server.process.kill();
    rmSync(bodyFile, { force: true });
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
