import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";

const REQUIREMENTS = join(process.cwd(), "scripts/conformance/python/requirements.txt");

/** A Python that has gRPC, or why there is none. */
export type PythonGrpc = { readonly python: string } | { readonly missing: string };

/** Makes a virtual environment under .cache with what the programs of scripts/conformance/python need, if it is not there. */
export function ensurePythonGrpc(): PythonGrpc {
  const hash = createHash("sha256").update(readFileSync(REQUIREMENTS)).digest("hex").slice(0, 12);
  const folder = join(process.cwd(), ".cache", `python-grpc-${hash}`);
  const python = join(folder, "bin", "python");
  if (existsSync(python)) return { python };
  if (spawnSync("python3", ["--version"]).status !== 0) return { missing: "there is no python3 here" };
  // Under another name until all is there: one that was interrupted would be taken for whole.
  const unfinished = `${folder}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  for (const args of [
    ["-m", "venv", "--copies", unfinished],
    ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:", "-r", REQUIREMENTS],
  ]) {
    const command = args[1] === "venv" ? "python3" : join(unfinished, "bin", "python");
    const done = spawnSync(command, args, { encoding: "utf8" });
    if (done.status !== 0) return { missing: `python3 ${args.slice(0, 3).join(" ")} failed: ${lastLine(done.stderr)}` };
  }
  renameSync(unfinished, folder);
  return { python };
}

function lastLine(text: string): string {
  return text.trimEnd().split("\n").at(-1) ?? "";
}
