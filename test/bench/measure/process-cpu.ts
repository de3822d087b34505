import { readdirSync, readFileSync } from "node:fs";

/**
 * CPU time that a process and its descendants have used so far, in microseconds: utime + stime, read where the kernel keeps them in
 * nanoseconds (schedstat) instead of in ticks of 10 ms. Threads and children that ended are not in it; proxies keep theirs.
 */
export function cpuUsOf(pid: number): number {
  let totalNs = 0;
  for (const each of withDescendants(pid)) {
    for (const thread of listed(`/proc/${each}/task`)) {
      const runNs = Number(text(`/proc/${each}/task/${thread}/schedstat`).split(" ")[0]);
      if (Number.isFinite(runNs)) totalNs += runNs;
    }
  }
  return totalNs / 1_000;
}

/** Time for which a process was ready to run and had no processor, in microseconds, so far; its threads together. */
export function waitedUsOf(pid: number): number {
  let totalNs = 0;
  for (const thread of listed(`/proc/${pid}/task`)) {
    const waitedNs = Number(text(`/proc/${pid}/task/${thread}/schedstat`).split(" ")[1]);
    if (Number.isFinite(waitedNs)) totalNs += waitedNs;
  }
  return totalNs / 1_000;
}

/** Share of all CPUs' time that the hypervisor or others took, between two of these. */
export interface MachineTimes {
  readonly totalTicks: number;
  readonly idleTicks: number;
  readonly stolenTicks: number;
}

export function machineTimes(): MachineTimes {
  const [, ...ticks] = text("/proc/stat").split("\n")[0]!.trim().split(/\s+/).map(Number);
  const [, , , idle = 0, waiting = 0, , , stolen = 0] = ticks;
  return {
    totalTicks: ticks.slice(0, 8).reduce((sum, each) => sum + each, 0),
    idleTicks: idle + waiting,
    stolenTicks: stolen,
  };
}

/** The processes that this one started, and those that they did. */
export function descendantsOf(pid: number): number[] {
  return withDescendants(pid).slice(1);
}

function withDescendants(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const entry of listed("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    // The name in parentheses may hold anything; the parent is the second field after it.
    const stat = text(`/proc/${entry}/stat`);
    parents.set(Number(entry), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
  }
  const family = [pid];
  for (const member of family) for (const [child, parent] of parents) if (parent === member) family.push(child);
  return family;
}

/** A process may end while it is looked at: it counts as nothing then. */
function listed(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function text(file: string): string {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return "";
  }
}
