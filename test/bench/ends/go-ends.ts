import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { isInstalled } from "../relay/contestants";

/** Of the sources: the build holds no Go. */
const SOURCES = join(__dirname, "../../../../test/bench/ends/go");
const PROGRAM = join(SOURCES, "../../../../.cache/bin/bench-ends-go");

/**
 * Builds the ends of grpc-go under .cache. Undefined: there is no Go, or it cannot build them, and has said why; the first time it
 * gets grpc-go from the module proxy.
 */
export function buildGoEnds(): string | undefined {
  if (!isInstalled("go")) return undefined;
  mkdirSync(join(PROGRAM, ".."), { recursive: true });
  const built = spawnSync("go", ["build", "-buildvcs=false", "-o", PROGRAM, "."], {
    cwd: SOURCES,
    stdio: ["ignore", "ignore", "inherit"],
  });
  return built.status === 0 ? PROGRAM : undefined;
}
