/**
 * What the dashboard costs with many workers: the processor time of the page, and of the director that feeds it.
 *
 * Method: the director is the installed program with its store in memory; the workers are simulated by one other process, each with a
 * connection and an Attach stream of its own, and report a new load every second (heartbeat-simulator.ts). Then, in turns of some seconds,
 * nobody looks, and a page in headless Chromium shows the table of workers. Processor time is of all threads, by the kernel's count: of the
 * page's renderer process, of the rest of Chromium (which draws without a graphics card here), and of the director, whose cost of the feed
 * is the difference between turns. Of each the median of the turns.
 *
 * Run: npm run build && node dist/test/bench/dashboard.js [--workers 1000] [--seconds 8] [--turns 3]. The last line is one JSON object.
 */
import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { typedClient } from "../../src/rpc/service/typed-client";
import { DirectorServiceDefinition } from "../../src/wire/contract";
import { GrpcConnection } from "../../src/wire/grpc-connection";
import { Browser } from "../support/browser";
import { eventually, freeAddress, Processes } from "../support/processes";
import { cpuUsOf, descendantsOf } from "./measure/process-cpu";

const SIMULATOR = join(__dirname, "heartbeat-simulator.js");
const JOIN_PATIENCE_MS = 120_000;
/** After the page was opened, or was closed, and the feed of a closed page lingers. */
const SETTLE_SECONDS = 17;

const { values } = parseArgs({
  options: {
    workers: { type: "string", default: "1000" },
    seconds: { type: "string", default: "8" },
    turns: { type: "string", default: "3" },
  },
});
const [workers, seconds, turns] = [Number(values.workers), Number(values.seconds), Number(values.turns)];

const sleep = (forSeconds: number) => new Promise((wake) => setTimeout(wake, 1_000 * forSeconds));

/** Chromium's first process, and those that run pages, of the browser that this process started. */
function chromium(): { readonly root: number; readonly renderers: number[] } {
  const commands = descendantsOf(process.pid).map((pid): [number, string] => [pid, commandOf(pid)]);
  const root = commands.find(([, command]) => /chrom/.test(command))?.[0];
  if (root === undefined) throw new Error("there is no Chromium below this process");
  const isPage = ([, command]: readonly [number, string]) =>
    command.includes("--type=renderer") && !command.includes("--extension-process");
  return { root, renderers: commands.filter(isPage).map(([pid]) => pid) };
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ");
  } catch {
    return ""; // It ended meanwhile.
  }
}

const sum = (pids: readonly number[]) => pids.reduce((total, pid) => total + cpuUsOf(pid) / 1_000, 0);
const median = (of: readonly number[]) => [...of].sort((a, b) => a - b)[Math.floor(of.length / 2)]!;
const percent = (ofCores: number) => Math.round(ofCores * 1_000) / 10;

/** Share of one core that each of these used over some seconds. */
async function shares(groups: readonly (readonly number[])[]): Promise<number[]> {
  const before = groups.map(sum);
  const beganMs = performance.now();
  await sleep(seconds);
  const tookMs = performance.now() - beganMs;
  return groups.map((pids, index) => (sum(pids) - before[index]!) / tookMs);
}

async function main(): Promise<void> {
  const processes = new Processes();
  const address = await freeAddress();
  const director = await processes.heddle("heddle-director", {
    env: { DIRECTOR_ADDR: address, HEDDLE_DATA_DIR: "memory", HEDDLE_HTTP_ADDR: "127.0.0.1:0" },
  });
  const url = /https?:\/\/\S+/.exec(await director.whenLogs("🌐 HTTP at "))![0];
  await director.whenLogs("🚀 Director ready");
  await processes.spawn(process.execPath, { name: "simulator", args: [SIMULATOR, address, String(workers), "1000"] });
  const client = typedClient(
    DirectorServiceDefinition,
    new GrpcConnection(address, { keepaliveMs: 0, messageMaxBytes: 16 << 20, reconnectMaxMs: 1_000 }),
  );
  try {
    const ready = async () => (await client.getStats({}, { timeoutMs: 20_000 })).readyMembers === workers;
    await eventually("all workers are ready", ready, { withinMs: JOIN_PATIENCE_MS, everyMs: 500 });
    const rows: { alone: number; watched: number; page: number; rest: number }[] = [];
    for (let turn = 0; turn < turns; turn += 1) {
      await sleep(SETTLE_SECONDS);
      const [alone] = await shares([[director.pid]]);
      const browser = await Browser.start({ width: 1440, height: 900 });
      const page = await browser.newPage();
      await page.goto(url);
      await page.locator(".shown", { hasText: `${workers} workers` }).waitFor({ timeout: 60_000 });
      await sleep(5);
      const { root, renderers } = chromium();
      const [watched, ofPage, ofAll] = await shares([[director.pid], renderers, [root]]);
      const rest = ofAll! - ofPage!;
      await browser.close();
      rows.push({ alone: alone!, watched: watched!, page: ofPage!, rest });
      console.log(
        `turn ${turn + 1}: page ${percent(ofPage!)} %, rest of Chromium ${percent(rest)} %, director ${percent(alone!)} % alone, ${percent(watched!)} % watched`,
      );
    }
    const of = (pick: (row: (typeof rows)[number]) => number) => percent(median(rows.map(pick)));
    const result = {
      workers,
      pagePercentOfCore: of((row) => row.page),
      restOfBrowserPercentOfCore: of((row) => row.rest),
      feedPercentOfCore: of((row) => row.watched - row.alone),
      directorPercentOfCore: of((row) => row.alone),
      machine: `${cpus().length} × ${cpus()[0]?.model}`,
    };
    console.log(JSON.stringify({ dashboard: result }));
  } finally {
    await processes.stopAll();
  }
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
