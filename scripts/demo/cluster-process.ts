import { spawn, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** A log line of a process of the demonstration. */
export interface LogLine {
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface ClusterProcessOptions {
  readonly name: string;
  /** "heddle-director", "heddle-worker", "heddle-client". */
  readonly program: string;
  readonly env: Readonly<Record<string, string>>;
  onLine(line: LogLine): void;
}

const PROGRAMS = join(__dirname, "..", "..", "src", "bin");

/** One real process of the cluster, as a user would start it. */
export class ClusterProcess {
  readonly #options: ClusterProcessOptions;
  readonly #waiting: { readonly text: string; readonly resolve: (line: LogLine) => void }[] = [];
  #child: ChildProcess | undefined;

  constructor(options: ClusterProcessOptions) {
    this.#options = options;
  }

  start(): void {
    const { program, env } = this.#options;
    const child = spawn(process.execPath, [join(PROGRAMS, `${program}.js`)], {
      env: { PATH: process.env["PATH"] ?? "", ...env, HEDDLE_LOG_FORMAT: "json" },
      stdio: ["ignore", "pipe", "pipe"],
      // Ctrl-C goes to the demonstration alone, which stops its processes in order.
      detached: true,
    });
    this.#child = child;
    createInterface({ input: child.stdout }).on("line", (text) => this.#take(text));
    createInterface({ input: child.stderr }).on("line", (text) => this.#options.onLine({ message: text, fields: {} }));
  }

  /** Resolves with the first line from now on that contains the text; rejects when the process ends first. */
  line(text: string): Promise<LogLine> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ text, resolve });
      this.#child?.once("exit", () => reject(new Error(`${this.#options.name} ended before it said "${text}"`)));
    });
  }

  kill(): void {
    this.#child?.kill("SIGKILL");
  }

  /** Resolves when the process has ended. */
  stop(): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
    return new Promise((resolve) => {
      child.once("exit", () => resolve());
      child.kill("SIGTERM");
    });
  }

  #take(text: string): void {
    const line = parse(text);
    this.#options.onLine(line);
    const index = this.#waiting.findIndex((waiting) => line.message.includes(waiting.text));
    if (index >= 0) this.#waiting.splice(index, 1)[0]?.resolve(line);
  }
}

function parse(text: string): LogLine {
  try {
    const { message, time: _time, level: _level, ...fields } = JSON.parse(text) as Record<string, unknown>;
    return { message: String(message), fields };
  } catch {
    return { message: text, fields: {} };
  }
}
