import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { transformFile } from "@swc/core";

const ROOT = resolve(__dirname, "..", "..");

/**
 * A program of TypeScript compiled to a folder of its own, for tests that start it so often that compiling at every start
 * would take most of their time.
 */
export class CompiledProgram {
  /** What to give to `node`. */
  readonly path: string;
  readonly #folder: string;

  private constructor(folder: string, path: string) {
    this.#folder = folder;
    this.path = path;
  }

  /** Compiles the program and the folders of sources that it imports from; all paths from the repository's root. */
  static async compile(program: string, folders: readonly string[]): Promise<CompiledProgram> {
    // Inside the repository, so that its packages are found.
    await mkdir(join(ROOT, ".cache"), { recursive: true });
    const target = await mkdtemp(join(ROOT, ".cache", "compiled-"));
    const sources = await Promise.all(folders.map((folder) => sourcesIn(join(ROOT, folder))));
    for (const source of [join(ROOT, program), ...sources.flat()]) {
      const { code } = await transformFile(source, {
        configFile: false,
        swcrc: false,
        jsc: { target: "es2023", parser: { syntax: "typescript" } },
        module: { type: "commonjs" },
      });
      const path = compiledPath(target, source);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, code);
    }
    return new CompiledProgram(target, compiledPath(target, join(ROOT, program)));
  }

  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}

async function sourcesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true });
  return entries.filter((entry) => entry.endsWith(".ts")).map((entry) => join(folder, entry));
}

function compiledPath(target: string, source: string): string {
  return join(target, relative(ROOT, source).replace(/\.ts$/, ".js"));
}
