import { createLogger as createWinston, format, type Logger as Winston, transports } from "winston";
import type { LogFields, Logger } from "../core/logger";
import { jsonLine, type LogEntry, type LogLevel, prettyLine } from "./log-line";

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly format: "pretty" | "json";
  /** Default: standard output. */
  readonly stream?: NodeJS.WritableStream;
  /** Default: the stream is a terminal and NO_COLOR is unset. */
  readonly coloured?: boolean;
}

/** The logger of a process. */
export interface ProcessLogger extends Logger {
  /** Resolves when every line is written. To be awaited before the process exits; nothing is logged afterwards. */
  close(): Promise<void>;
}

/** Makes the process's one logger. Everything else gets a `child` of it, which is cheap. */
export function createLogger(options: LoggerOptions): ProcessLogger {
  const stream = options.stream ?? process.stdout;
  const coloured = options.coloured ?? wantsColour(stream);
  const line = options.format === "json" ? jsonLine : (entry: LogEntry) => prettyLine(entry, coloured);
  const winston = createWinston({
    level: options.level,
    format: format.printf((info) => line(info["entry"] as LogEntry)),
    transports: [new transports.Stream({ stream })],
  });
  // A reader of the log that goes away must not take the process with it.
  stream.on("error", () => {});
  let closing: Promise<void> | undefined;
  return { ...loggerWith(winston, {}), close: () => (closing ??= closed(winston, stream)) };
}

/** NO_COLOR: see no-color.org; any value but the empty one turns colours off. */
function wantsColour(stream: NodeJS.WritableStream): boolean {
  return "isTTY" in stream && stream.isTTY === true && (process.env["NO_COLOR"] ?? "") === "";
}

function loggerWith(winston: Winston, bound: LogFields): Logger {
  // The entry travels whole, because winston would append a field named "message" to the message.
  const log = (level: LogLevel, message: string, fields: LogFields | undefined) => {
    if (!winston.isLevelEnabled(level)) return;
    const entry: LogEntry = { level, message, fields: { ...bound, ...fields }, at: new Date() };
    winston.log({ level, message, entry });
  };
  return {
    debug: (message, fields) => log("debug", message, fields),
    info: (message, fields) => log("info", message, fields),
    warn: (message, fields) => log("warn", message, fields),
    error: (message, fields) => log("error", message, fields),
    child: (fields) => loggerWith(winston, { ...bound, ...fields }),
  };
}

async function closed(winston: Winston, stream: NodeJS.WritableStream): Promise<void> {
  await new Promise<void>((resolve) => {
    winston.once("finish", resolve);
    winston.end();
  });
  // Pipes are written to asynchronously: an empty write comes back when those before it are done. A reader that is gone
  // (EPIPE) ends the wait as well.
  await new Promise<void>((resolve) => stream.write("", () => resolve()));
}
