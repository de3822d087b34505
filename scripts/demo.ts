/**
 * The life of a small cluster: one director, three workers (two of which fail on purpose, out of phase), and clients that stream tokens and execute
 * tasks. In the middle one worker is killed and started again. Ends with a table; exit code 0 means that nobody noticed.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs, styleText } from "node:util";

import { connect, ComputeServiceDefinition, type FabricClient } from "../src/api";
import { ClusterProcess, type LogLine } from "./demo/cluster-process";
import { executeTasks, LoadReport, streamTokens } from "./demo/load";

const { values } = parseArgs({ options: { seconds: { type: "string", default: "45" }, json: { type: "boolean" } } });
const seconds = Number(values.seconds);
if (!Number.isFinite(seconds) || seconds < 5) {
  console.error(`--seconds is "${values.seconds}": give a number from 5`);
  process.exit(2);
}

type Colour = Parameters<typeof styleText>[0];
const coloured = process.stdout.isTTY && !process.env["NO_COLOR"];
const paint = (colour: Colour, text: string) => (coloured ? styleText(colour, text) : text);

/** Every tenth token is shown: a line for each would hide everything else. */
const TOKEN_LINE = /received token \(sequence=\d*[1-9],/;

function show(name: string, colour: Colour) {
  return ({ message }: LogLine) => {
    if (!TOKEN_LINE.test(message)) console.log(`${paint(colour, name.padEnd(9))} ${message}`);
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function main(): Promise<number> {
  const dataDir = mkdtempSync(join(tmpdir(), "heddle-demo-"));
  const directorAddress = `127.0.0.1:${await freePort()}`;
  const director = new ClusterProcess({
    name: "director",
    program: "heddle-director",
    env: { DIRECTOR_ADDR: directorAddress, HEDDLE_DATA_DIR: dataDir },
    onLine: show("director", "cyan"),
  });
  const worker = async (label: string, colour: Colour, env: Record<string, string> = {}) =>
    new ClusterProcess({
      name: label,
      program: "heddle-worker",
      env: {
        WORKER_LABEL: label,
        WORKER_ADDR: `127.0.0.1:${await freePort()}`,
        DIRECTOR_ADDR: directorAddress,
        ...env,
      },
      onLine: show(label, colour),
    });
  const victim = await worker("worker-a", "green");
  const workers = [
    victim,
    await worker("worker-b", "yellow", { WORKER_FAILURE_ENABLED: "true" }),
    await worker("worker-c", "magenta", { WORKER_FAILURE_ENABLED: "true", HEDDLE_FAILURE_PHASE_MS: "9000" }),
  ];
  let seedClient = { tokens: 0, failovers: 0, lost: 0, repeated: 0 };
  const client = new ClusterProcess({
    name: "client",
    program: "heddle-client",
    env: { DIRECTOR_ADDR: directorAddress },
    onLine: (line) => {
      if (line.message.includes("client stopped")) seedClient = { ...seedClient, ...line.fields };
      show("client", "blue")(line);
    },
  });

  const stopping = new AbortController();
  let interrupted = false;
  process.on("SIGINT", () => {
    interrupted = true;
    stopping.abort();
  });
  process.on("SIGTERM", () => stopping.abort());
  const pause = (ms: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      stopping.signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
    });

  const report = new LoadReport();
  const fabrics: FabricClient[] = [];
  try {
    const ready = director.line("Director ready");
    director.start();
    await ready;
    const joined = workers.map((each) => each.line("ready to handle requests"));
    for (const each of workers) each.start();
    await Promise.all(joined);
    client.start();
    fabrics.push(
      connect({ env: {}, directors: [directorAddress], mode: "direct" }),
      connect({ env: {}, directors: [directorAddress], mode: "proxy" }),
    );
    await Promise.all(fabrics.map((fabric) => fabric.whenReady(ComputeServiceDefinition.fullName)));

    const load = fabrics.flatMap((fabric) => [
      executeTasks(fabric, report, stopping.signal),
      executeTasks(fabric, report, stopping.signal),
      streamTokens(fabric, report, stopping.signal),
      streamTokens(fabric, report, stopping.signal),
    ]);
    await pause((seconds * 1_000) / 2);
    if (!stopping.signal.aborted) {
      console.log(paint("red", "demo      🔪 killing worker-a (SIGKILL)"));
      victim.kill();
      await pause(3_000);
    }
    if (!stopping.signal.aborted) {
      console.log(paint("red", "demo      🌱 starting worker-a again"));
      victim.start();
      await pause((seconds * 1_000) / 2 - 3_000);
    }
    stopping.abort();
    await Promise.all(load);
  } finally {
    stopping.abort();
    await Promise.all(fabrics.map((fabric) => fabric.close()));
    await client.stop();
    await Promise.all(workers.map((each) => each.stop()));
    await director.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
  report.tokens += seedClient.tokens;
  report.failovers += seedClient.failovers;
  report.tokensLost += seedClient.lost;
  report.tokensRepeated += seedClient.repeated;
  report.streams += 1;
  summarize(report);
  if (interrupted) return 130;
  const flawless = report.failedCalls === 0 && report.tokensLost === 0 && report.tokensRepeated === 0;
  return flawless && report.calls > 0 && report.tokens > 0 ? 0 : 1;
}

function summarize(report: LoadReport): void {
  const figures = {
    calls: report.calls,
    "failed calls": report.failedCalls,
    streams: report.streams,
    failovers: report.failovers,
    tokens: report.tokens,
    "tokens lost": report.tokensLost,
    "tokens repeated": report.tokensRepeated,
    ...Object.fromEntries([...report.callsPerWorker].sort().map(([label, calls]) => [`calls on ${label}`, calls])),
    "p50 ms": Number(report.percentileMs(50).toFixed(1)),
    "p99 ms": Number(report.percentileMs(99).toFixed(1)),
  };
  for (const failure of report.failures.slice(0, 10)) console.log(paint("red", `          ${failure}`));
  if (values.json) {
    console.log(JSON.stringify(figures));
    return;
  }
  console.log("");
  for (const [name, value] of Object.entries(figures)) console.log(`  ${name.padEnd(20)} ${String(value).padStart(8)}`);
  console.log("");
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
