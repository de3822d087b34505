/**
 * What the dashboard costs with many workers that change every second: the processor time of the page, and of making its feed.
 *
 * - page: the processes that run pages in headless Chromium, by the kernel's count of processor time, while the table of workers is shown
 *   and every worker's load, latencies and counters change every second (test/support/many-workers.ts). The rest of Chromium is beside it:
 *   without a graphics card it draws what elsewhere the card does.
 * - feed: for all viewers together, once a second: the answers of ListMembers and GetStats are encoded and decoded, as they are on their
 *   way through the director's own RPCs, compared with those before, and what changed is written as JSON. What the director needs to
 *   find the answers is not in it.
 *
 * Run: npm run build && node dist/test/bench/dashboard.js [--workers 1000] [--seconds 10] [--turns 3]. Of turns and rounds the median; the
 * last line is one JSON object.
 */
import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { parseArgs } from "node:util";

import { ClusterReadings } from "../../src/gateway/dashboard/cluster-readings";
import { GetStatsResponse, ListMembersResponse } from "../../src/wire/contract";
import { Browser } from "../support/browser";
import { manyWorkers, membersOf, statsOf } from "../support/many-workers";
import { cpuUsOf, descendantsOf } from "./measure/process-cpu";

const FEED_ROUNDS = 60;

const { values } = parseArgs({
  options: {
    workers: { type: "string", default: "1000" },
    seconds: { type: "string", default: "10" },
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
const percent = (ofCore: number) => Math.round(ofCore * 1_000) / 10;

/** Shares of one core: of the page, and of the rest of its browser. */
async function pageShares(url: string): Promise<{ page: number; rest: number }> {
  const browser = await Browser.start({ width: 1440, height: 900 });
  try {
    const page = await browser.newPage();
    await page.goto(url);
    await page.locator(".shown", { hasText: `${workers} workers` }).waitFor({ timeout: 60_000 });
    await sleep(5);
    const { root, renderers } = chromium();
    const before = { page: sum(renderers), all: sum([root]) };
    const beganMs = performance.now();
    await sleep(seconds);
    const tookMs = performance.now() - beganMs;
    const ofPage = (sum(renderers) - before.page) / tookMs;
    return { page: ofPage, rest: (sum([root]) - before.all) / tookMs - ofPage };
  } finally {
    await browser.close();
  }
}

/** Milliseconds of processor time to make the feed's message of one second, and its length. */
function feedCost(): { ms: number; bytes: number } {
  const readings = new ClusterReadings("director-1");
  const spent: number[] = [];
  const lengths: number[] = [];
  for (let round = 0; round < FEED_ROUNDS; round += 1) {
    const answers = { members: { members: membersOf(workers, round), revision: 1n }, stats: statsOf(workers, round) };
    const before = process.cpuUsage();
    const { members } = ListMembersResponse.decode(ListMembersResponse.encode(answers.members).finish());
    const stats = GetStatsResponse.decode(GetStatsResponse.encode(answers.stats).finish());
    const delta = readings.apply({ members, stats, cluster: undefined, agents: [] }, Date.now(), round * 1_000);
    lengths.push(JSON.stringify(delta).length);
    const { user, system } = process.cpuUsage(before);
    spent.push((user + system) / 1_000);
  }
  return { ms: median(spent), bytes: median(lengths) };
}

async function main(): Promise<void> {
  const feed = feedCost();
  console.log(`feed: ${feed.ms.toFixed(1)} ms and ${feed.bytes} bytes a second`);
  const app = manyWorkers(workers);
  const url = await app.listen({ port: 0, host: "127.0.0.1" });
  const rows: { page: number; rest: number }[] = [];
  for (let turn = 0; turn < turns; turn += 1) {
    const row = await pageShares(url);
    rows.push(row);
    console.log(`turn ${turn + 1}: page ${percent(row.page)} %, rest of Chromium ${percent(row.rest)} % of a core`);
  }
  await app.close();
  const dashboard = {
    workers,
    pagePercentOfCore: percent(median(rows.map(({ page }) => page))),
    restOfBrowserPercentOfCore: percent(median(rows.map(({ rest }) => rest))),
    feedPercentOfCore: Math.round(feed.ms) / 10,
    feedBytesPerSecond: feed.bytes,
    machine: `${cpus().length} × ${cpus()[0]?.model}`,
  };
  console.log(JSON.stringify({ dashboard }));
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
