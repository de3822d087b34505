import type { LogFields, Logger } from "../core/logger";

/** A line for a logger elsewhere. */
export interface LogMessage {
  readonly kind: "log";
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  readonly fields: LogFields;
}

/** Logs where another process or thread logs. The fields go with the line. */
export function sendingLogger(send: (line: LogMessage) => void, bound: LogFields = {}): Logger {
  const log = (level: LogMessage["level"]) => (message: string, fields?: LogFields) =>
    send({ kind: "log", level, message, fields: { ...bound, ...fields } });
  return {
    debug: log("debug"),
    info: log("info"),
    warn: log("warn"),
    error: log("error"),
    child: (fields) => sendingLogger(send, { ...bound, ...fields }),
  };
}
