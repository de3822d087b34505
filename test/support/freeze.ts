import { readdirSync, readFileSync } from "node:fs";
import type { ChildProcess } from "node:child_process";

/** Threads stop one by one, within a scheduler's slice or two. */
const STOP_WITHIN_MS = 2_000;

/**
 * Stops a process with SIGSTOP: its connections stay open, and nothing is answered. Returns when every thread has really stopped
 * (where /proc tells): until then a process with several still answers.
 */
export function freeze(child: ChildProcess): void {
  child.kill("SIGSTOP");
  const deadlineMs = performance.now() + STOP_WITHIN_MS;
  while (!threadStates(child.pid).every((state) => state === "T")) {
    if (performance.now() > deadlineMs)
      throw new Error(`process ${child.pid} did not stop within ${STOP_WITHIN_MS} ms`);
  }
}

/** The one-letter states of proc(5); empty where there is no /proc. */
function threadStates(pid: number | undefined): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map((thread) => {
      const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, "utf8");
      return stat.charAt(stat.lastIndexOf(")") + 2);
    });
  } catch {
    return [];
  }
}
