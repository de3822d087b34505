import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";

/** The repository's folder. */
export const ROOT = join(__dirname, "..", "..");

export interface SourceFile {
  /** From the repository's folder, with "/" on every system: "src/core/clock.ts". */
  readonly path: string;
  readonly text: string;
}

/** Every TypeScript file under the folders that exist, given from the repository's folder. */
export function sourceFiles(...folders: string[]): SourceFile[] {
  return folders
    .map((folder) => join(ROOT, folder))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => join(folder, name)))
    .filter((file) => /\.tsx?$/.test(file) && !file.includes(`${sep}node_modules${sep}`))
    .sort()
    .map((file) => ({ path: relative(ROOT, file).split(sep).join("/"), text: readFileSync(file, "utf8") }));
}
