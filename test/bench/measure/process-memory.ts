import { readFileSync } from "node:fs";

/** Resident memory of a process. `anonymous` is its own (heap, stacks, buffers), `file` pages of its program, which others share. */
export interface Memory {
  readonly rssMb: number;
  readonly anonymousMb: number;
  readonly fileMb: number;
}

export function memoryOf(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  const mb = (field: string) =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? Number.NaN) / 1_024;
  return { rssMb: mb("VmRSS"), anonymousMb: mb("RssAnon"), fileMb: mb("RssFile") };
}
