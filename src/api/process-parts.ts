import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import type { Clock } from "../core/clock";
import type { Logger } from "../core/logger";
import type { Random } from "../core/random";
import { createLogger, type LoggerOptions } from "../platform/logger";
import { systemClock } from "../platform/system-clock";
import { systemRandom } from "../platform/system-random";

/** What every role gets of the process it runs in. */
export interface ProcessParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** The real clock, real randomness, and the given logger or one of the process's own. */
export function processParts(logger: Logger | undefined, options: LoggerOptions): ProcessParts {
  return { clock: systemClock, random: systemRandom(), logger: logger ?? createLogger(options) };
}

/** 16 random characters: unlike any other, and short enough to read. */
export function newId(): string {
  return randomBytes(8).toString("hex");
}

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
