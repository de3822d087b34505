/** Makes a Python with gRPC under .cache, if it can, and prints where: `npx tsx scripts/python-grpc.ts`. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";

const ROOT = resolve(__dirname, "..");
const REQUIREMENTS = join(ROOT, "scripts/conformance/python/requirements.txt");

/** A Python that has gRPC, or why there is none. */
export type PythonGrpc = { readonly python: string } | { readonly missing: string };

/** The one that `ensurePythonGrpc` made, or the machine's own, if it has gRPC. */
export function findPythonGrpc(): PythonGrpc {
  const python = join(venvFolder(), "bin", "python");
  if (existsSync(python)) return { python };
  if (spawnSync("python3", ["-c", "import grpc"]).status === 0) return { python: "python3" };
  return { missing: "python3 has no grpc module" };
}

/**
 * Makes a virtual environment under .cache with what the programs of scripts/conformance/python need, if it is not there. Nothing is
 * compiled: where the package index has nothing for this machine, or is out of reach, that is what is missing.
 */
export function ensurePythonGrpc(): PythonGrpc {
  const folder = venvFolder();
  const python = join(folder, "bin", "python");
  if (existsSync(python)) return { python };
  if (spawnSync("python3", ["--version"]).status !== 0) return { missing: "there is no python3 here" };
  // Under another name until all is there: one that was interrupted would be taken for whole.
  const unfinished = `${folder}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  const install = ["install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:", "--retries", "1"];
  const steps = [
    ["python3", "-m", "venv", unfinished],
    [join(unfinished, "bin", "python"), "-m", "pip", ...install, "--timeout", "20", "-r", REQUIREMENTS],
  ] as const;
  for (const [command, ...args] of steps) {
    const { status, stderr } = spawnSync(command, args, { encoding: "utf8" });
    if (status === 0) continue;
    rmSync(unfinished, { recursive: true, force: true });
    return { missing: `python3 ${args.slice(0, 2).join(" ")} failed: ${lastLine(stderr)}` };
  }
  renameSync(unfinished, folder);
  return { python };
}

function venvFolder(): string {
  const hash = createHash("sha256").update(readFileSync(REQUIREMENTS)).digest("hex").slice(0, 12);
  return join(ROOT, ".cache", `python-grpc-${hash}`);
}

function lastLine(text: string): string {
  return text.trimEnd().split("\n").at(-1) ?? "";
}

if (require.main === module) {
  const found = ensurePythonGrpc();
  console.log("python" in found ? found.python : `Tests with Python are skipped: ${found.missing}`);
}
