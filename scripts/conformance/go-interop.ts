import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { basename, join } from "node:path";

/** The newest when this was written; needs Go 1.25. */
const VERSION = "v1.85.0";

/** Paths of grpc-go's own interop programs. */
export interface GoInterop {
  readonly client: string;
  readonly server: string;
  /** Of the negative HTTP/2 cases. */
  readonly negativeClient: string;
}

/** Builds grpc-go's interop programs under .cache, if they are not there. Undefined: there is no Go to build them with. */
export function buildGoInterop(): GoInterop | undefined {
  const folder = join(process.cwd(), ".cache", "bin", `grpc-go-interop-${VERSION}`);
  const programs = {
    client: join(folder, "client"),
    server: join(folder, "server"),
    negativeClient: join(folder, "http2"),
  };
  if (Object.values(programs).every((path) => existsSync(path))) return programs;
  if (spawnSync("go", ["version"]).status !== 0) return undefined;
  mkdirSync(folder, { recursive: true });
  const packages = Object.values(programs).map((path) => `google.golang.org/grpc/interop/${basename(path)}@${VERSION}`);
  const built = spawnSync("go", ["install", ...packages], {
    env: { ...process.env, GOBIN: folder },
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (built.status !== 0) throw new Error(`go install of grpc-go's interop programs ${VERSION} failed`);
  return programs;
}
