import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { Processes, RunningProcess } from "../support/processes";
import { type Goodput, goodputOf, IN_TIME_MS, type InnocentSlice, SLICE_MS } from "./innocent-slice";

/** The innocent client of one target, and what it reports. */
export class Innocents {
  readonly #process: RunningProcess;

  private constructor(process: RunningProcess) {
    this.#process = process;
  }

  static async start(processes: Processes, address: string, tls: boolean): Promise<Innocents> {
    const args = [join(__dirname, "innocent.js"), address, tls ? "tls" : "plain"];
    const process_ = await processes.spawn(process.execPath, { name: "innocent", args });
    await process_.whenLogs('"keptGood"');
    return new Innocents(process_);
  }

  /** Calls that began in `[fromMs, toMs)`, Unix time; resolves when all of them have ended or are too late. */
  async between(fromMs: number, toMs: number): Promise<Goodput> {
    const patienceMs = toMs + IN_TIME_MS + 500;
    for (;;) {
      const slices = this.#slices();
      // They begin one after the other, and end in any order.
      const wanted = slices.filter(({ atMs }) => atMs >= fromMs && atMs + SLICE_MS <= toMs);
      const complete = wanted.length >= Math.floor((toMs - fromMs) / SLICE_MS) - 1;
      if (complete || Date.now() > patienceMs) return goodputOf(wanted);
      await wait(50);
    }
  }

  async stop(): Promise<void> {
    await this.#process.kill();
  }

  #slices(): InnocentSlice[] {
    return this.#process.lines
      .filter((line) => line.startsWith("{"))
      .slice(-SLICES_KEPT)
      .map((line) => JSON.parse(line) as InnocentSlice);
  }
}

/** More than the longest phase has. */
const SLICES_KEPT = 600;
