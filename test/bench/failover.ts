/**
 * What the death of a process costs its callers: workers and directors are killed (SIGKILL) one after the other and started again, under
 * 500 calls a second, half of them through directors, half straight to workers; then workers are stopped (SIGSTOP), and it is measured how
 * long the directors take to suspect them.
 *
 * Method: three directors on etcd, six workers, two clients, all processes of their own. An open loop: calls begin when they are due, whatever became of those before,
 * and a call's time counts from when it was due. The stall of a kill is the longest time of any call that was under way or begun within 1.5 s of it.
 * Next comes only when the one before is back. Failed calls make the exit code 1. On a busy machine the times are those of the machine.
 *
 * Run: make bench-failover, or node dist/test/bench/failover.js [--kills 100] [--stops 30] [--quick]. The last line is one JSON object.
 */
import { join } from "node:path";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { setTimeout as wait } from "node:timers/promises";
import type { FabricClient } from "../../src/api/client";
import { Cluster, type Started } from "../support/cluster";
import { within, type RunningProcess } from "../support/processes";
import type { LoadOrder, LoadTotal, SlowCall } from "./failover/load-order";
import { quantile } from "./measure/statistics";

const HEARTBEAT_MS = 500;
const WORKERS = ["w1", "w2", "w3", "w4", "w5", "w6"];
const DIRECTORS = 3;
const CALLS_PER_SECOND = 500;
const TIMEOUT_MS = 10_000;
const SLOW_MS = 20;
/** Whatever a kill holds up begins within this. */
const AFTERMATH_MS = 1_500;
/** Heartbeats that the detectors have seen before a worker is stopped. */
const BEATS_BEFORE = 6;
const MODES = ["proxy", "direct"] as const;

interface Kill {
  readonly what: "worker" | "director";
  readonly atMs: number;
}

const nowMs = () => performance.timeOrigin + performance.now();
const two = (value: number) => Math.round(100 * value) / 100;

class FailoverBench {
  readonly #cluster: Cluster;
  readonly #client: FabricClient;
  readonly #directors: Started[];
  readonly #workers: Map<string, Started>;

  private constructor(cluster: Cluster, directors: Started[], workers: Map<string, Started>) {
    this.#cluster = cluster;
    this.#directors = directors;
    this.#workers = workers;
    this.#client = cluster.connect();
  }

  static async start(cluster: Cluster): Promise<FailoverBench> {
    const directors: Started[] = [];
    for (let count = 0; count < DIRECTORS; count += 1) directors.push(await cluster.director({ env: ENV }));
    const workers = await Promise.all(WORKERS.map((label) => cluster.worker(label)));
    const bench = new FailoverBench(
      cluster,
      directors,
      new Map(WORKERS.map((label, index) => [label, workers[index]!])),
    );
    await bench.#whenReady();
    return bench;
  }

  async kills(count: number): Promise<{ kills: Kill[]; slow: SlowCall[]; totals: LoadTotal[] }> {
    const loads = await Promise.all(MODES.map((mode) => this.#load(mode)));
    await wait(BEATS_BEFORE * HEARTBEAT_MS);
    const kills: Kill[] = [];
    for (let number = 0; number < count; number += 1) {
      const what = number % 2 === 0 ? "worker" : "director";
      kills.push({ what, atMs: nowMs() });
      if (what === "worker") await this.#killWorker(WORKERS[(number / 2) % WORKERS.length]!);
      else await this.#killDirector(((number - 1) / 2) % DIRECTORS);
      await this.#whenReady();
      await wait(AFTERMATH_MS);
    }
    const ended = await Promise.all(loads.map((load) => this.#end(load)));
    return { kills, slow: ended.flatMap(({ slow }) => slow), totals: ended.map(({ total }) => total) };
  }

  /** How long after a SIGSTOP the worker is suspected, in intervals, by the first director that tells of it. */
  async stops(count: number): Promise<number[]> {
    const intervals: number[] = [];
    for (let number = 0; number < count; number += 1) {
      const label = WORKERS[number % WORKERS.length]!;
      await wait(BEATS_BEFORE * HEARTBEAT_MS);
      const suspected = this.#suspicionOf(label);
      const { process: worker } = this.#workers.get(label)!;
      // At any point between two beats.
      await wait((HEARTBEAT_MS * number) / count);
      const stoppedMs = nowMs();
      worker.freeze();
      intervals.push(((await suspected) - stoppedMs) / HEARTBEAT_MS);
      worker.thaw();
      await this.#whenReady();
    }
    return intervals.sort((a, b) => a - b);
  }

  async #suspicionOf(label: string): Promise<number> {
    const ended = new AbortController();
    try {
      const seen = (async () => {
        for await (const { kind, memberId } of this.#client.events({ signal: ended.signal })) {
          if (memberId === label && kind === "node-suspected") return nowMs();
        }
        return NaN;
      })();
      return await within(TIMEOUT_MS, seen, () => new Error(`${label} was not suspected within ${TIMEOUT_MS} ms`));
    } finally {
      ended.abort();
    }
  }

  async #killWorker(label: string): Promise<void> {
    const { process: worker, address } = this.#workers.get(label)!;
    await worker.kill();
    await wait(HEARTBEAT_MS);
    this.#workers.set(label, await this.#cluster.worker(label, { address }));
  }

  async #killDirector(index: number): Promise<void> {
    const { process: director, address } = this.#directors[index]!;
    await director.kill();
    await wait(HEARTBEAT_MS);
    this.#directors[index] = await this.#cluster.director({ address, env: ENV });
  }

  #whenReady(): Promise<void> {
    return this.#cluster.whenReady(this.#client, WORKERS);
  }

  async #load(mode: (typeof MODES)[number]): Promise<RunningProcess> {
    const order: LoadOrder = {
      ...{ mode, timeoutMs: TIMEOUT_MS, slowMs: SLOW_MS, callsPerSecond: CALLS_PER_SECOND / MODES.length },
      directors: this.#directors.map(({ address }) => address),
    };
    const args = [join(__dirname, "failover", "load.js"), JSON.stringify(order)];
    const load = await this.#cluster.processes.spawn(process.execPath, { name: `${mode} load`, args });
    await load.whenLogs("calling");
    return load;
  }

  async #end(load: RunningProcess): Promise<{ slow: SlowCall[]; total: LoadTotal }> {
    await load.stop();
    const lines = load.lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line) as object);
    const slow = lines.filter((line): line is SlowCall => "latencyMs" in line);
    const last = lines.find((line): line is { total: LoadTotal } => "total" in line);
    if (!last) throw new Error(`a load did not tell its totals:\n${load.output.slice(-2_000)}`);
    return { slow, total: last.total };
  }
}

const ENV = { HEDDLE_HEARTBEAT_INTERVAL_MS: String(HEARTBEAT_MS) };

/** The longest that a call took on account of it; 0 when none was slow. */
function stallMs({ atMs }: Kill, slow: readonly SlowCall[]): number {
  const held = slow.filter(
    ({ intendedMs, latencyMs }) => intendedMs + latencyMs > atMs && intendedMs < atMs + AFTERMATH_MS,
  );
  return Math.max(0, ...held.map(({ latencyMs }) => latencyMs));
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { kills: { type: "string" }, stops: { type: "string" }, quick: { type: "boolean", default: false } },
  });
  const cluster = await Cluster.open("etcd");
  try {
    console.log(`${cpus()[0]?.model ?? "unknown CPU"} × ${cpus().length}, Node ${process.version}`);
    const bench = await FailoverBench.start(cluster);
    const { kills, slow, totals } = await bench.kills(Number(values.kills ?? (values.quick ? 6 : 100)));
    const failed = slow.filter(({ failure }) => failure !== "");
    const stallOf = (what: string) =>
      kills
        .filter((kill) => what === "" || kill.what === what)
        .map((kill) => stallMs(kill, slow))
        .sort((a, b) => a - b);
    const [all, ofWorkers, ofDirectors] = [stallOf(""), stallOf("worker"), stallOf("director")];
    const calls = totals.reduce((sum, total) => sum + total.calls, 0);
    console.log(`${kills.length} kills under ${CALLS_PER_SECOND} calls/s: ${calls} calls, ${failed.length} failed`);
    for (const [what, stalls] of Object.entries({ worker: ofWorkers, director: ofDirectors })) {
      const [p50, p99] = [quantile(stalls, 0.5), quantile(stalls, 0.99)];
      console.log(`  longest stall at the kill of a ${what}: p50 ${two(p50)} ms, p99 ${two(p99)} ms`);
    }
    for (const [index, { p50Ms, p99Ms }] of totals.entries()) {
      console.log(`  all calls, ${MODES[index]}: p50 ${two(p50Ms)} ms, p99 ${two(p99Ms)} ms`);
    }
    for (const { failure, latencyMs } of failed.slice(0, 5))
      console.log(`  FAILED after ${two(latencyMs)} ms: ${failure}`);
    const detection = await bench.stops(Number(values.stops ?? (values.quick ? 4 : 30)));
    const [detectionP50, detectionP99] = [quantile(detection, 0.5), quantile(detection, 0.99)];
    console.log(
      `SIGSTOP → suspect, ${detection.length} times: p50 ${two(detectionP50)}, p99 ${two(detectionP99)} intervals of ${HEARTBEAT_MS} ms`,
    );
    if (failed.length > 0) process.exitCode = 1;
    const failover = {
      ...{ kills: kills.length, calls, failed: failed.length },
      ...{ stallP50Ms: two(quantile(all, 0.5)), stallP99Ms: two(quantile(all, 0.99)) },
      stallP99Intervals: two(quantile(all, 0.99) / HEARTBEAT_MS),
      ...{ workerStallP99Ms: two(quantile(ofWorkers, 0.99)), directorStallP99Ms: two(quantile(ofDirectors, 0.99)) },
      ...{ detectionP50Intervals: two(detectionP50), detectionP99Intervals: two(detectionP99) },
    };
    console.log(JSON.stringify({ failover }));
  } finally {
    await cluster.close();
  }
}

// Leaving in order ends the processes too.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
