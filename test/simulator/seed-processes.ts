import { spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { REPOSITORY } from "./repository";
import type { Line } from "./run";

export const PROCESSES = Math.max(1, Math.min(4, availableParallelism()));

/** Runs one process of the simulator, as it was built, to its end; `line` is told of each seed, and ends the process by saying false. */
export function runSeeds(options: readonly string[], line: (line: Line) => boolean): Promise<void> {
  const program = [join(REPOSITORY, "dist/test/simulator/run.js"), ...options];
  const child = spawn(process.execPath, program, { stdio: ["ignore", "pipe", "pipe"] });
  let isWanted = true;
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  createInterface({ input: child.stdout }).on("line", (text) => {
    if (!isWanted || !text.startsWith("{")) return;
    isWanted = line(JSON.parse(text) as Line);
    if (!isWanted) child.kill();
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0 || !isWanted) resolve();
      else reject(new Error(`a process of the simulator ended with ${code}: ${errors.slice(-4_000)}`));
    });
  });
}
