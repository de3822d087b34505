import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Version of this package; package.json is two folders up in the sources and three in the build. */
export function packageVersion(): string {
  for (const up of [
    ["..", ".."],
    ["..", "..", ".."],
  ]) {
    try {
      const text = readFileSync(join(__dirname, ...up, "package.json"), "utf8");
      const { name, version } = JSON.parse(text) as { name?: string; version?: string };
      if (name === "heddle" && version) return version;
    } catch {
      continue;
    }
  }
  return "0.0.0";
}
