import { readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative, resolve } from "node:path";
import { isNativeError } from "node:util/types";
// Adds to protobufjs those of Protobuf's own files that it has but does not register.
import "@grpc/proto-loader";
import type Protobufjs from "protobufjs";

import { FabricError, messageOf } from "../core/errors";

const loaderRequire = createRequire(require.resolve("@grpc/proto-loader"));

/** The very copy that proto-loader uses: it registers Protobuf's own files there. */
export const protobufjs = loaderRequire("protobufjs") as typeof Protobufjs;

/** Its google/protobuf and google/api are found without being copied next to the user's files. */
const BUNDLED_DIR = dirname(loaderRequire.resolve("protobufjs/package.json"));

/** Ours, for `import "heddle/v1/options.proto"`: beside package.json, above src/ and above dist/src/. */
const OWN_DIR = [resolve(__dirname, "../../proto"), resolve(__dirname, "../../../proto")].find((dir) =>
  isFile(join(dir, "heddle/v1/options.proto")),
);

/** Found last, wherever the user's own files are. */
const LAST_DIRS = [...(OWN_DIR === undefined ? [] : [OWN_DIR]), BUNDLED_DIR];

/** A .proto file that was read. */
export interface ProtoSource {
  /** As other files import it: relative to the include folder it was found in, with forward slashes. */
  readonly name: string;
  /** Absolute. */
  readonly path: string;
  readonly text: string;
  readonly packageName: string;
  readonly syntax: "proto2" | "proto3" | "2023";
  readonly imports: readonly string[];
}

export interface ProtoSources {
  /** The files asked for, in that order. */
  readonly entries: readonly ProtoSource[];
  /** They and everything they import, by name; Protobuf's own files are not among them. */
  readonly files: ReadonlyMap<string, ProtoSource>;
  /** Names of Protobuf's own files that are imported. */
  readonly wellKnown: ReadonlySet<string>;
  /** All definitions, resolved. Those of a source have its `name` as `filename`. */
  readonly root: Protobufjs.Root;
  /** Where imports were looked for, absolute. */
  readonly includeDirs: readonly string[];
}

/**
 * Reads .proto files and all that they import. An import is looked for in `includeDirs`, in their order, then beside the files
 * asked for.
 * @throws FabricError INVALID_ARGUMENT with the place, as file:line, of what is missing or malformed
 */
export function readProtoSources(paths: readonly string[], includeDirs: readonly string[]): ProtoSources {
  const absolutePaths = paths.map((path) => resolve(path));
  const dirs = [...new Set([...includeDirs.map((dir) => resolve(dir)), ...absolutePaths.map(dirname), ...LAST_DIRS])];
  const root = new protobufjs.Root();
  const files = new Map<string, ProtoSource>();
  const wellKnown = new Set<string>();

  const entries = absolutePaths.map((path, index) => {
    if (!isFile(path))
      throw invalid(`the contract ${JSON.stringify(paths[index])} does not exist (looked for ${path})`);
    const name = nameIn(dirs, path);
    const source = files.get(name) ?? parseSource(name, path, root);
    files.set(name, source);
    return source;
  });
  for (const importer of files.values()) {
    // A Map's iteration goes on over what is added during it.
    for (const name of importer.imports) {
      if (files.has(name) || wellKnown.has(name)) continue;
      const common = protobufjs.common.get(name);
      if (common?.nested) {
        wellKnown.add(name);
        root.addJSON(common.nested);
        continue;
      }
      const path = dirs.map((dir) => join(dir, name)).find(isFile);
      if (path === undefined) {
        const place = placeOf(importer, (line) => line.includes("import") && line.includes(name));
        throw invalid(
          `${place}: the import "${name}" is in none of the include folders: ` +
            `${dirs.filter((dir) => !LAST_DIRS.includes(dir)).join(", ")}. Name its folder with --include`,
        );
      }
      files.set(name, parseSource(name, path, root));
    }
  }
  resolveTypes(root, [...files.values()]);
  return { entries, files, wellKnown, root, includeDirs: dirs };
}

function parseSource(name: string, path: string, root: Protobufjs.Root): ProtoSource {
  const text = readFileSync(path, "utf8");
  const parse = protobufjs.parse as typeof Protobufjs.parse & { filename: string | null };
  let parsed: Protobufjs.IParserResult;
  parse.filename = name;
  try {
    parsed = protobufjs.parse(text, root, { keepCase: true });
  } catch (cause) {
    throw invalid(located(cause, path, text), cause);
  } finally {
    parse.filename = null;
  }
  return {
    name,
    path,
    text,
    packageName: parsed.package ?? "",
    syntax: syntaxOf(text),
    imports: [...(parsed.imports ?? []), ...(parsed.weakImports ?? [])],
  };
}

/** protobufjs says "illegal token 'x' (file.proto, line 3)", or no place at all, or trips over the end of the file. */
function located(error: unknown, path: string, text: string): string {
  if (isNativeError(error) && error.name === "TypeError") {
    return `${path}:${text.trimEnd().split("\n").length}: the file ends in the middle of a definition`;
  }
  const message = messageOf(error);
  const line = /^(.*) \((?:.*, )?line (\d+)\)$/s.exec(message);
  return line ? `${path}:${line[2]}: ${line[1]}` : `${path}: ${message}`;
}

function syntaxOf(text: string): ProtoSource["syntax"] {
  const code = text.replace(/\/\*[^]*?\*\/|\/\/.*/g, "");
  const declared = /^\s*(?:syntax|edition)\s*=\s*["'](\w+)["']/.exec(code)?.[1];
  return declared === "proto3" || declared === "2023" ? declared : "proto2";
}

function resolveTypes(root: Protobufjs.Root, sources: readonly ProtoSource[]): void {
  try {
    root.resolveAll();
  } catch (cause) {
    const message = messageOf(cause);
    const typeName = /no such (?:type: |[\w ]+ ')([\w.]+)/i.exec(message)?.[1];
    const word = new RegExp(`(^|[^\\w.])${(typeName ?? "").replaceAll(".", "\\.")}([^\\w.]|$)`);
    const source = typeName === undefined ? undefined : sources.find(({ text }) => word.test(text));
    throw invalid(source ? `${placeOf(source, (line) => word.test(line))}: ${message}` : message, cause);
  }
}

function placeOf(source: ProtoSource, isIt: (line: string) => boolean): string {
  const index = source.text.split("\n").findIndex(isIt);
  return index < 0 ? source.path : `${source.path}:${index + 1}`;
}

function nameIn(dirs: readonly string[], path: string): string {
  const names = dirs.map((dir) => relative(dir, path)).filter((name) => !name.startsWith(".."));
  return names[0]!.replaceAll("\\", "/");
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

function invalid(message: string, cause?: unknown): FabricError {
  return new FabricError("INVALID_ARGUMENT", message, { cause });
}
