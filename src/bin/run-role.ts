import { ConfigError } from "../config/config-error";
import { FabricError, messageOf } from "../core/errors";
import type { Logger } from "../core/logger";
import { createLogger, type LoggerOptions, type ProcessLogger } from "../platform/logger";
import { onStopSignal } from "../platform/signals";

/** Something that runs until it is told to stop. */
export interface RunningRole {
  stop(reason: string): Promise<void>;
  /** Settles by itself only when it cannot go on. */
  readonly finished?: Promise<void>;
}

/** Exit codes: of a role that ended well, that could not go on, and that was told something wrong. */
const EXIT = { ok: 0, failed: 1, usage: 2 } as const;

/** The part of any role's settings that makes its logger. */
export function logging(config: {
  readonly logLevel: LoggerOptions["level"];
  readonly logFormat: LoggerOptions["format"];
}): LoggerOptions {
  return { level: config.logLevel, format: config.logFormat };
}

/**
 * Runs one role of the process: starts it, waits for a stop signal or its own end, stops it, and makes sure that every log line is
 * out. Resolves to the exit code. Mistakes in the settings are printed plainly, without a stack.
 */
export async function runRole(
  options: () => LoggerOptions,
  start: (logger: Logger) => Promise<RunningRole>,
): Promise<number> {
  let logger: ProcessLogger | undefined;
  try {
    logger = createLogger(options());
    const role = await start(logger);
    const stopped = new Promise<string>((resolve) => onStopSignal(resolve));
    const finished = role.finished?.then(() => "finished") ?? new Promise<string>(() => {});
    const reason = await Promise.race([stopped, finished]);
    await role.stop(reason);
    return EXIT.ok;
  } catch (error) {
    const isMistake =
      error instanceof ConfigError || (error instanceof FabricError && error.code === "INVALID_ARGUMENT");
    const text = isMistake || error instanceof FabricError ? messageOf(error) : describe(error);
    process.stderr.write(`${text}\n`);
    return isMistake ? EXIT.usage : EXIT.failed;
  } finally {
    await logger?.close();
  }
}

function describe(error: unknown): string {
  return error instanceof Error && error.stack ? error.stack : messageOf(error);
}
