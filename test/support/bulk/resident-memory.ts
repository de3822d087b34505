import { readFileSync, writeFileSync } from "node:fs";

/** Why a test is left out where the kernel does not tell what a process holds; "" where it does. */
export const NO_RESIDENT_MEMORY = process.platform === "linux" ? "" : " (skipped: needs Linux's /proc)";

/** Makes the present size the peak so far (proc(5), clear_refs). */
export function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
}

/** Resident memory, now and at its peak. */
export function residentBytes(pid: number): { readonly nowBytes: number; readonly peakBytes: number } {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  return { nowBytes: kilobytes(status, "VmRSS") * 1_024, peakBytes: kilobytes(status, "VmHWM") * 1_024 };
}

function kilobytes(status: string, name: string): number {
  const match = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status);
  if (!match) throw new Error(`/proc has no ${name}`);
  return Number(match[1]);
}
