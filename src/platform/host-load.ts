import { readFileSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { cpus, freemem, loadavg, totalmem } from "node:os";
import { performance } from "node:perf_hooks";
import type { Load } from "../core/member";
import { type CgroupUsage, readCgroup } from "./cgroup";
import { LoopLag } from "./loop-lag";

/** Processor time of the machine, in any one unit. */
export interface CpuTimes {
  readonly busy: number;
  readonly total: number;
}

/** Where the figures come from; tests hand in their own. */
export interface LoadSources {
  nowMs(): number;
  cpuTimes(): CpuTimes;
  cgroup(): CgroupUsage;
  memory(): { readonly freeBytes: number; readonly totalBytes: number };
  /** Share of the working directory's filesystem in use. */
  diskRatio(): Promise<number>;
  loadAverage(): number;
  loopLagMaxMs(): number;
}

/** The machine's share of a heartbeat's Load. The caller adds what it alone knows. */
export type HostLoad = Omit<Load, "inFlight">;

/**
 * Samples how busy the machine is, for a heartbeat: under half a millisecond, no processes, nothing that can block. Where a
 * control group limits the process, that limit is the whole.
 */
export class HostLoadSampler {
  readonly #sources: LoadSources;
  #lastMs: number;
  #lastCpu: CpuTimes;
  #lastCgroup: CgroupUsage;
  #diskRatio = 0;
  #readingDisk = false;

  constructor(sources: LoadSources) {
    this.#sources = sources;
    this.#lastMs = sources.nowMs();
    this.#lastCpu = sources.cpuTimes();
    this.#lastCgroup = sources.cgroup();
    this.#readDisk();
  }

  /** CPU and loop lag are those since the last sample; the disk's ratio may be one sample old. */
  sample(): HostLoad {
    const nowMs = this.#sources.nowMs();
    const cpu = this.#sources.cpuTimes();
    const cgroup = this.#sources.cgroup();
    const load: HostLoad = {
      cpuRatio: cpuRatio(this.#lastCpu, cpu, this.#lastCgroup, cgroup, nowMs - this.#lastMs),
      memoryRatio: memoryRatio(cgroup, this.#sources.memory()),
      diskRatio: this.#diskRatio,
      loadAverage: this.#sources.loadAverage(),
      loopLagMs: this.#sources.loopLagMaxMs(),
    };
    this.#lastMs = nowMs;
    this.#lastCpu = cpu;
    this.#lastCgroup = cgroup;
    this.#readDisk();
    return load;
  }

  /** In the background and never twice at once: a network filesystem that hangs must not hang the heartbeat. */
  #readDisk(): void {
    if (this.#readingDisk) return;
    this.#readingDisk = true;
    this.#sources
      .diskRatio()
      .then(
        (ratio) => {
          this.#diskRatio = ratio;
        },
        () => {}, // A filesystem that does not tell keeps its last figure.
      )
      .finally(() => {
        this.#readingDisk = false;
      });
  }
}

/** A sampler of this machine. */
export function systemHostLoad(): HostLoadSampler {
  const loopLag = new LoopLag();
  return new HostLoadSampler({
    nowMs: () => performance.now(),
    cpuTimes,
    cgroup: () => readCgroup(),
    memory: () => ({ freeBytes: freemem(), totalBytes: totalmem() }),
    diskRatio: async () => {
      const { blocks, bavail } = await statfs(".");
      return blocks === 0 ? 0 : clamp(1 - bavail / blocks);
    },
    loadAverage: () => loadavg()[0] ?? 0,
    loopLagMaxMs: () => loopLag.take().maxMs,
  });
}

function cpuRatio(
  from: CpuTimes,
  to: CpuTimes,
  fromGroup: CgroupUsage,
  toGroup: CgroupUsage,
  elapsedMs: number,
): number {
  const { cpuLimit, cpuUsedSeconds } = toGroup;
  if (cpuLimit !== undefined && cpuUsedSeconds !== undefined && fromGroup.cpuUsedSeconds !== undefined) {
    return elapsedMs <= 0 ? 0 : clamp(((cpuUsedSeconds - fromGroup.cpuUsedSeconds) * 1_000) / (cpuLimit * elapsedMs));
  }
  const total = to.total - from.total;
  return total <= 0 ? 0 : clamp((to.busy - from.busy) / total);
}

function memoryRatio(group: CgroupUsage, machine: { freeBytes: number; totalBytes: number }): number {
  const { memoryLimitBytes, memoryUsedBytes } = group;
  if (memoryLimitBytes !== undefined && memoryUsedBytes !== undefined && memoryLimitBytes < machine.totalBytes) {
    return clamp(memoryUsedBytes / memoryLimitBytes);
  }
  return machine.totalBytes === 0 ? 0 : clamp(1 - machine.freeBytes / machine.totalBytes);
}

/** The sum over all processors. `os.cpus()` would read one file per processor, so on Linux the first line of /proc/stat. */
function cpuTimes(): CpuTimes {
  try {
    return parseProcStat(readFileSync("/proc/stat", "latin1"));
  } catch {
    const times = cpus().map((cpu) => cpu.times);
    const idle = times.reduce((sum, time) => sum + time.idle, 0);
    const busy = times.reduce((sum, time) => sum + time.user + time.nice + time.sys + time.irq, 0);
    return { busy, total: busy + idle };
  }
}

/** "cpu  user nice system idle iowait irq softirq steal guest guest_nice"; guests are counted in user already. */
export function parseProcStat(text: string): CpuTimes {
  const line = /^cpu +(.*)$/m.exec(text);
  if (!line) throw new Error("/proc/stat has no line for all processors");
  const ticks = line[1]!.split(" ").slice(0, 8).map(Number);
  const total = ticks.reduce((sum, value) => sum + value, 0);
  return { busy: total - (ticks[3] ?? 0) - (ticks[4] ?? 0), total };
}

function clamp(ratio: number): number {
  return Math.min(1, Math.max(0, ratio));
}
