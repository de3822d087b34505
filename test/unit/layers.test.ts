import { readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { join, posix } from "node:path";
import { preProcessFile } from "typescript";
import { ROOT, type SourceFile, sourceFiles } from "../support/source-files";

/** Who may import whom (docs/architecture.md draws it). A folder may always import itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  http2: [],
  rpc: ["core", "http2"],
  membership: ["core"],
  balancing: ["core"],
  store: ["core"],
  config: ["core"],
  platform: ["core"],
  wire: ["core", "rpc", "generated"],
  worker: ["core", "wire", "rpc"],
  client: ["core", "wire", "rpc", "balancing"],
  director: ["core", "membership", "balancing", "store", "wire", "rpc"],
  "relay-process": ["core", "balancing", "director"],
  // Of the dashboard only what the feed says: src/dashboard/feed-messages.ts.
  gateway: ["core", "wire", "rpc", "client", "dashboard"],
  dashboard: [],
  cli: ["core", "config", "wire", "client", "rpc"],
};

/** Roots put the parts together and may import all of them: what users construct, the programs, and the test kit. */
const ROOTS = /^src\/(bin|api|testing)\//;

/** Each package is known to one place, so that replacing it changes one place. */
const PACKAGE_HOMES: Readonly<Record<string, readonly string[]>> = {
  "@grpc/grpc-js": ["src/wire/", "src/store/etcd/"],
  "@grpc/proto-loader": ["src/wire/"],
  "@bufbuild/protobuf": ["src/wire/", "src/gateway/"],
  protobufjs: ["src/wire/"],
  etcd3: ["src/store/etcd/"],
  "classic-level": ["src/store/embedded/"],
  winston: ["src/platform/"],
  systeminformation: ["src/platform/"],
  commander: ["src/cli/", "src/bin/"],
  "cli-progress": ["src/cli/"],
  fastify: ["src/gateway/"],
  "@fastify/static": ["src/gateway/"],
  "@fastify/swagger": ["src/gateway/"],
  "@fastify/swagger-ui": ["src/gateway/"],
  "prom-client": ["src/gateway/"],
  // Bundled into the page when it is built, so not installed with ours.
  preact: ["src/dashboard/"],
  uplot: ["src/dashboard/"],
};

const BUNDLED = ["preact", "uplot"];

/** Folders that only compute. Of Node they may use what neither reads nor writes anything. */
const PURE = ["core", "membership", "balancing", "config"];
const PURE_BUILTINS = ["node:assert", "node:buffer", "node:crypto", "node:path", "node:util"];

/** What is wrong with the imports of one file under src/. */
function forbiddenImports({ path, text }: SourceFile): string[] {
  const layer = path.split("/")[1]!;
  return preProcessFile(text, true, true)
    .importedFiles.map(({ fileName }) => fileName)
    .flatMap((target) => {
      const reason = target.startsWith(".") ? ofOurs(path, layer, target) : ofPackages(path, layer, target);
      return reason === undefined ? [] : [`${path} imports ${target}: ${reason}`];
    });
}

function ofOurs(path: string, layer: string, target: string): string | undefined {
  const [top, folder, ...rest] = posix.join(posix.dirname(path), target).split("/");
  const wanted = top === "src" ? folder! : top!;
  if (top !== "src" && top !== "generated") return "only src/ and generated/ are built into the package";
  if (top === "src" && rest.length === 0) return "the package's entry points are for its users";
  if (wanted === layer || ROOTS.test(path)) return undefined;
  const allowed = MAY_IMPORT[layer];
  if (!allowed) return `${layer}/ is not in the table; add it with what it may import`;
  return allowed.includes(wanted) ? undefined : `${layer}/ may import ${allowed.join(", ") || "nothing"}`;
}

function ofPackages(path: string, layer: string, target: string): string | undefined {
  if (isBuiltin(target)) {
    if (!target.startsWith("node:")) return `write node:${target}`;
    return PURE.includes(layer) && !PURE_BUILTINS.includes(target) ? `${layer}/ does no input or output` : undefined;
  }
  const name = target.split("/", target.startsWith("@") ? 2 : 1).join("/");
  const homes = PACKAGE_HOMES[name];
  if (!homes) return "no folder is this package's home; name one in PACKAGE_HOMES";
  return homes.some((home) => path.startsWith(home)) ? undefined : `${name} is known to ${homes.join(" and ")} only`;
}

describe("Layers", () => {
  const files = sourceFiles("src");

  it("every file of src/ imports only what its folder may", () => {
    expect(files.length).toBeGreaterThan(0);
    expect(files.flatMap(forbiddenImports)).toEqual([]);
  });

  it("every package with a home is one that is installed with ours", () => {
    const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { dependencies: object };
    expect(Object.keys(PACKAGE_HOMES).filter((name) => !(name in manifest.dependencies))).toEqual(BUNDLED);
  });

  it.each([
    ["an upward import", "src/core/x.ts", 'import { a } from "../wire/a";'],
    ["a type-only import", "src/balancing/x.ts", 'import type { A } from "../membership/a";'],
    ["a re-export", "src/membership/x.ts", 'export * from "../store/store";'],
    ["a dynamic import", "src/worker/x.ts", 'const a = await import("../director/a");'],
    ["a require", "src/worker/x.ts", 'const a = require("../director/a");'],
    ["generated code outside wire/", "src/director/x.ts", 'import { A } from "../../generated/heddle/v1/attach";'],
    ["an entry point from within", "src/client/x.ts", 'import { A } from "../index";'],
    ["test code", "src/client/x.ts", 'import { A } from "../../test/support/a";'],
    ["grpc-js outside wire/", "src/director/x.ts", 'import { Server } from "@grpc/grpc-js";'],
    ["a package's inner file outside its home", "src/director/x.ts", 'import a from "winston/lib/a";'],
    ["a package without a home", "src/director/x.ts", 'import a from "left-pad";'],
    ["files in a pure folder", "src/membership/x.ts", 'import { readFileSync } from "node:fs";'],
    ["a folder that is not in the table", "src/novelty/x.ts", 'import { A } from "../core/a";'],
  ])("catches %s", (_name, path, text) => {
    expect(forbiddenImports({ path, text })).toHaveLength(1);
  });

  it.each([
    ["a folder's own files", "src/worker/x.ts", 'import { A } from "./y";'],
    ["what the table allows", "src/director/x.ts", 'import { A } from "../membership/a";'],
    [
      "everything in a program",
      "src/bin/x.ts",
      'import { A } from "../director/a"; import { B } from "../platform/b";',
    ],
    ["words that only look like an import", "src/core/x.ts", '// import { a } from "../wire/a";'],
  ])("allows %s", (_name, path, text) => {
    expect(forbiddenImports({ path, text })).toEqual([]);
  });
});
