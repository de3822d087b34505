import { statfs } from "node:fs/promises";
import { arch, availableParallelism, cpus, hostname, platform, totalmem } from "node:os";
import type { Resources } from "../core/member";
import { type CgroupUsage, readCgroup } from "./cgroup";

/** What the system tells; each may fail or hang. Tests hand in their own. */
export interface InventorySources {
  cgroup(): CgroupUsage;
  cpuModel(): Promise<string>;
  totalMemoryBytes(): Promise<number>;
  diskBytes(): Promise<number>;
}

/** No fact is worth a later start than this. */
const TIMEOUT_MS = 1_500;
const MIB = 1024 * 1024;

/**
 * Finds what this machine has, limits of control groups included. To be called once, at start. Never rejects and takes at
 * most 1.5 s: a fact that does not come in time is replaced by what `os` knows, or 0.
 */
export async function readHostInventory(
  sources: InventorySources = SYSTEM_SOURCES,
  timeoutMs = TIMEOUT_MS,
): Promise<Resources> {
  const [cpuModel, memoryBytes, diskBytes] = await Promise.all([
    inTime(sources.cpuModel, timeoutMs, cpus()[0]?.model ?? ""),
    inTime(sources.totalMemoryBytes, timeoutMs, totalmem()),
    inTime(sources.diskBytes, timeoutMs, 0),
  ]);
  const { cpuLimit, memoryLimitBytes } = sources.cgroup();
  return {
    cpuCores: Math.min(availableParallelism(), cpuLimit ?? Infinity),
    memoryMib: Math.floor(Math.min(memoryBytes, memoryLimitBytes ?? Infinity) / MIB),
    diskMib: Math.floor(diskBytes / MIB),
    hostname: hostname(),
    platform: `${platform()} ${arch()}`,
    cpuModel: cpuModel.trim(),
  };
}

const SYSTEM_SOURCES: InventorySources = {
  cgroup: () => readCgroup(),
  cpuModel: async () => {
    // Loaded here, because only a starting worker needs it and it is large.
    const { cpu } = await import("systeminformation");
    const { manufacturer, brand } = await cpu();
    return `${manufacturer} ${brand}`;
  },
  totalMemoryBytes: async () => {
    const { mem } = await import("systeminformation");
    return (await mem()).total;
  },
  diskBytes: async () => {
    const { blocks, bsize } = await statfs(".");
    return blocks * bsize;
  },
};

/** `otherwise` stands in for an answer that fails, is empty, or takes longer than `timeoutMs`. */
async function inTime<T>(ask: () => Promise<T>, timeoutMs: number, otherwise: T): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<T>((resolve) => {
    timer = setTimeout(() => resolve(otherwise), timeoutMs);
  });
  try {
    const answer = await Promise.race([ask(), late]);
    return typeof answer === "string" && answer.trim() === "" ? otherwise : answer;
  } catch {
    return otherwise;
  } finally {
    clearTimeout(timer);
  }
}
