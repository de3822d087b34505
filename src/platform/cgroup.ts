import { readFileSync } from "node:fs";
import { posix } from "node:path";

/** What a control group lets this process use, and what it uses. Absent: not limited, or not told. */
export interface CgroupUsage {
  /** CPUs, possibly a fraction. */
  readonly cpuLimit?: number;
  readonly cpuUsedSeconds?: number;
  readonly memoryLimitBytes?: number;
  /** Without the page cache that the kernel would give back first. */
  readonly memoryUsedBytes?: number;
}

/** Undefined when there is no such file. */
export type ReadText = (file: string) => string | undefined;

const ROOT = "/sys/fs/cgroup";
/** Version 1 says "no limit" with a number near 2^63. */
const V1_UNLIMITED = 2 ** 60;

/**
 * Reads the limits of this process's control group and all above it (the tightest counts), of version 2 or 1. Empty outside
 * of Linux. Cheap: a few files that live in memory.
 */
export function readCgroup(readText: ReadText = readFile): CgroupUsage {
  const groups = readText("/proc/self/cgroup");
  if (groups === undefined) return {};
  return readText(`${ROOT}/cgroup.controllers`) === undefined
    ? readVersion1(groups, readText)
    : readVersion2(groups, readText);
}

function readVersion2(groups: string, readText: ReadText): CgroupUsage {
  const own = /^0::(.*)$/m.exec(groups)?.[1] ?? "/";
  const folders = foldersUpwards(ROOT, own, (folder) => readText(`${folder}/cgroup.controllers`) !== undefined);
  const folder = folders[0] ?? ROOT;
  const cpuLimits = folders.map((each) => quota(readText(`${each}/cpu.max`)?.split(" ")));
  const memoryLimits = folders.map((each) => numberOf(readText(`${each}/memory.max`)));
  return compact({
    cpuLimit: least(cpuLimits),
    cpuUsedSeconds: scaled(fieldOf(readText(`${folder}/cpu.stat`), "usage_usec"), 1e-6),
    memoryLimitBytes: least(memoryLimits),
    memoryUsedBytes: withoutCache(
      numberOf(readText(`${folder}/memory.current`)),
      fieldOf(readText(`${folder}/memory.stat`), "inactive_file"),
    ),
  });
}

function readVersion1(groups: string, readText: ReadText): CgroupUsage {
  const foldersOf = (controller: string) => {
    const own = new RegExp(`^\\d+:(?:[^:]*,)?${controller}(?:,[^:]*)?:(.*)$`, "m").exec(groups)?.[1] ?? "/";
    return foldersUpwards(`${ROOT}/${controller}`, own, (folder) => readText(`${folder}/tasks`) !== undefined);
  };
  const cpuLimits = foldersOf("cpu").map((folder) =>
    quota([readText(`${folder}/cpu.cfs_quota_us`), readText(`${folder}/cpu.cfs_period_us`)]),
  );
  const memory = foldersOf("memory");
  const memoryLimits = memory
    .map((folder) => numberOf(readText(`${folder}/memory.limit_in_bytes`)))
    .map((limit) => (limit !== undefined && limit < V1_UNLIMITED ? limit : undefined));
  return compact({
    cpuLimit: least(cpuLimits),
    cpuUsedSeconds: scaled(numberOf(readText(`${foldersOf("cpuacct")[0]}/cpuacct.usage`)), 1e-9),
    memoryLimitBytes: least(memoryLimits),
    memoryUsedBytes: withoutCache(
      numberOf(readText(`${memory[0]}/memory.usage_in_bytes`)),
      fieldOf(readText(`${memory[0]}/memory.stat`), "total_inactive_file"),
    ),
  });
}

/** The process's own group first, its ancestors after. In a container the path may be that of the host: then the root. */
function foldersUpwards(root: string, own: string, exists: (folder: string) => boolean): string[] {
  const folders: string[] = [];
  for (let path = posix.join("/", own); path !== "/"; path = posix.dirname(path)) folders.push(`${root}${path}`);
  return [...folders.filter(exists), root];
}

/** "max 100000" or "50000 100000": microseconds of CPU time per period. */
function quota(parts: readonly (string | undefined)[] | undefined): number | undefined {
  const [allowed, period] = [numberOf(parts?.[0]), numberOf(parts?.[1])];
  return allowed !== undefined && period !== undefined && allowed > 0 && period > 0 ? allowed / period : undefined;
}

function numberOf(text: string | undefined): number | undefined {
  const value = Number.parseInt(text ?? "", 10);
  return Number.isNaN(value) ? undefined : value;
}

function fieldOf(text: string | undefined, name: string): number | undefined {
  return numberOf(new RegExp(`^${name} (\\d+)$`, "m").exec(text ?? "")?.[1]);
}

function scaled(value: number | undefined, factor: number): number | undefined {
  return value === undefined ? undefined : value * factor;
}

function withoutCache(used: number | undefined, cache: number | undefined): number | undefined {
  return used === undefined ? undefined : Math.max(0, used - (cache ?? 0));
}

function least(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

function compact(usage: { [Key in keyof CgroupUsage]: number | undefined }): CgroupUsage {
  return Object.fromEntries(Object.entries(usage).filter(([, value]) => value !== undefined));
}

function readFile(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
