import type { LogFields, Logger } from "../core/logger";

/** Of a failed assertion: enough to see the fault and what followed. */
const LINES_SHOWN = 20;

/** An assertion about a test cluster that does not hold. Its message has the seed that plays the run again, and how it ended. */
export class ClusterAssertionError extends Error {
  override readonly name = "ClusterAssertionError";

  constructor(claim: string, run: { readonly seed: number; readonly log: readonly string[] }) {
    const last = run.log.slice(-LINES_SHOWN).map((line) => `  ${line}`);
    super([claim, `seed: ${run.seed}`, `last lines of the log, in ms of virtual time:`, ...last].join("\n"));
  }
}

/** A logger whose lines, debug left out, go to `note` behind the name of who wrote them. */
export function notingLogger(name: string, note: (line: string) => void, always: LogFields = {}): Logger {
  const write = (level: string) => (message: string, fields?: LogFields) => {
    const all = JSON.stringify({ ...always, ...fields });
    note(`${name} ${level}: ${message}${all === "{}" ? "" : ` ${all}`}`);
  };
  return {
    debug: () => {},
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
    child: (fields) => notingLogger(name, note, { ...always, ...fields }),
  };
}
