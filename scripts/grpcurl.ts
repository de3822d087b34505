/** Finds grpcurl to test against and prints its path: `npx tsx scripts/grpcurl.ts`. */
import { execFileSync } from "node:child_process";
import { accessSync, constants, mkdirSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";

const FOLDER = resolve(__dirname, "..", ".cache", "bin");
const MODULE = "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4";
/** Go compiles it from its sources, with some hundred packages. */
const BUILD_WITHIN_MS = 8 * 60_000;

/** Path of grpcurl: the one on PATH, else the one built earlier, else built by Go under .cache/bin. Otherwise why there is none. */
export function findGrpcurl(): { readonly path: string } | { readonly missing: string } {
  const onPath = find("grpcurl");
  if (onPath !== undefined) return { path: onPath };
  const built = join(FOLDER, "grpcurl");
  if (isExecutable(built)) return { path: built };
  const go = find("go") ?? "/usr/local/go/bin/go";
  if (!isExecutable(go)) return { missing: "neither grpcurl nor Go to build it is installed" };
  mkdirSync(FOLDER, { recursive: true });
  try {
    execFileSync(go, ["install", MODULE], {
      env: { ...process.env, GOBIN: FOLDER },
      timeout: BUILD_WITHIN_MS,
      stdio: "pipe",
    });
    return { path: built };
  } catch (error) {
    const reason = error instanceof Error ? error.message.trim().split("\n").at(-1) : String(error);
    return { missing: `Go could not build grpcurl (${reason})` };
  }
}

function find(program: string): string | undefined {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    const path = join(folder, program);
    if (folder !== "" && isExecutable(path)) return path;
  }
  return undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

if (require.main === module) {
  const found = findGrpcurl();
  if ("path" in found) console.log(found.path);
  else console.error(`There is no grpcurl: ${found.missing}`);
}
