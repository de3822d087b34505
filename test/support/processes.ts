import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { freeze } from "./freeze";

/** How long a line, an exit or an answer may take: generous, because it only decides how a failure looks. */
export const PATIENCE_MS = 20_000;

/** Whether this file is compiled itself or not. */
export const BIN = resolve(__dirname.replace(/\/dist\/test\/support$/, "/test/support"), "../../dist/src/bin");

export type Environment = Readonly<Record<string, string>>;

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface SpawnOptions {
  /** The whole environment, but for PATH and HOME: nothing of the test runner's own leaks in. */
  readonly env?: Environment;
  readonly cwd?: string;
  readonly args?: readonly string[];
  /** Name in error messages. Default: the program's. */
  readonly name?: string;
}

interface LineWaiter {
  readonly pattern: string | RegExp;
  readonly found: (index: number) => void;
  readonly failed: (error: Error) => void;
}

/** A program that runs, and what it has said. */
export class RunningProcess {
  readonly name: string;
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #rests = { stdout: "", stderr: "" };
  readonly #waiters = new Set<LineWaiter>();
  #exit: Exit | undefined;

  constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.#child = child;
    for (const stream of ["stdout", "stderr"] as const) {
      child[stream]?.setEncoding("utf8").on("data", (text: string) => this.#take(stream, text));
    }
    // "close" comes after all output was read, "exit" may come before.
    this.exited = new Promise((settle) => {
      child.once("close", (code, signal) => {
        for (const rest of Object.values(this.#rests)) if (rest !== "") this.#addLine(rest);
        this.#exit = { code, signal };
        for (const waiter of this.#waiters) {
          waiter.failed(this.#error(`ended (${signal ?? code}) without a line like ${String(waiter.pattern)}`));
        }
        settle(this.#exit);
      });
    });
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw this.#error("was not started");
    return this.#child.pid;
  }

  get isRunning(): boolean {
    return this.#exit === undefined;
  }

  /** Lines of standard output and standard error, as they came. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  get output(): string {
    return this.#lines.join("\n");
  }

  /**
   * Resolves to the first line, from the `from`th on, that contains the text or matches. Rejects, with all output, when the process
   * ends without it or the time is over.
   */
  async whenLogs(pattern: string | RegExp, options: { from?: number; withinMs?: number } = {}): Promise<string> {
    return this.#lines[await this.#indexOf(pattern, options)]!;
  }

  /** Resolves when all these lines have come, each after the one before it. */
  async whenLogsInOrder(
    patterns: readonly (string | RegExp)[],
    options: { from?: number; withinMs?: number } = {},
  ): Promise<void> {
    let from = options.from ?? 0;
    for (const pattern of patterns) from = (await this.#indexOf(pattern, { ...options, from })) + 1;
  }

  /** Lines so far; for `from`. */
  mark(): number {
    return this.#lines.length;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** SIGKILL, and gone when this resolves. */
  async kill(): Promise<void> {
    if (this.isRunning) this.#child.kill("SIGKILL");
    await this.exited;
  }

  /** SIGSTOP: connections stay open, nothing is answered. */
  freeze(): void {
    freeze(this.#child);
  }

  thaw(): void {
    this.#child.kill("SIGCONT");
  }

  /** SIGTERM; resolves to how it ended. */
  async stop(withinMs = PATIENCE_MS): Promise<Exit> {
    this.#child.kill("SIGTERM");
    return await this.whenExited(withinMs);
  }

  async whenExited(withinMs = PATIENCE_MS): Promise<Exit> {
    return await within(withinMs, this.exited, () => this.#error(`did not end within ${withinMs} ms`));
  }

  async #indexOf(pattern: string | RegExp, options: { from?: number; withinMs?: number }): Promise<number> {
    const { from = 0, withinMs = PATIENCE_MS } = options;
    const known = this.#lines.findIndex((line, index) => index >= from && matches(line, pattern));
    if (known !== -1) return known;
    if (this.#exit) throw this.#error(`ended without a line like ${String(pattern)}`);
    let waiter: LineWaiter | undefined;
    const coming = new Promise<number>((found, failed) => {
      waiter = { pattern, found, failed };
      this.#waiters.add(waiter);
    });
    try {
      const missing = () => this.#error(`wrote no line like ${String(pattern)} within ${withinMs} ms`);
      return await within(withinMs, coming, missing);
    } finally {
      if (waiter) this.#waiters.delete(waiter);
    }
  }

  #take(stream: "stdout" | "stderr", text: string): void {
    const parts = (this.#rests[stream] + text).split("\n");
    this.#rests[stream] = parts.pop() ?? "";
    for (const line of parts) this.#addLine(line);
  }

  #addLine(line: string): void {
    const index = this.#lines.push(line) - 1;
    for (const waiter of this.#waiters) if (matches(line, waiter.pattern)) waiter.found(index);
  }

  #error(what: string): Error {
    return new Error(`${this.name} ${what}. Its output:\n${this.output}`);
  }
}

/** The processes of one test or suite, in a temporary folder of their own. `stopAll` in `afterEach` or `afterAll`. */
export class Processes {
  readonly #running: RunningProcess[] = [];
  readonly #folder: Promise<string> = mkdtemp(join(tmpdir(), "heddle-e2e-"));

  constructor() {
    EVERYTHING.add(this);
  }

  /** Working directory of the processes; deleted by `stopAll`. */
  get folder(): Promise<string> {
    return this.#folder;
  }

  /** Any program. */
  async spawn(command: string, options: SpawnOptions = {}): Promise<RunningProcess> {
    const { env = {}, args = [], name = command } = options;
    const child = spawn(command, [...args], {
      cwd: options.cwd ?? (await this.#folder),
      env: { PATH: process.env["PATH"], HOME: process.env["HOME"], NO_COLOR: "1", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const running = new RunningProcess(name, child);
    this.#running.push(running);
    await once(child, "spawn");
    return running;
  }

  /** One of the programs that the package installs: "heddle", "heddle-director", "heddle-worker", "heddle-client". */
  async heddle(program: string, options: SpawnOptions = {}): Promise<RunningProcess> {
    const script = join(BIN, `${program}.js`);
    if (!existsSync(script)) throw new Error(`${script} is not there: run "make build" first`);
    return await this.spawn(process.execPath, { name: program, ...options, args: [script, ...(options.args ?? [])] });
  }

  /** Ends everything at once, with SIGKILL. */
  async stopAll(): Promise<void> {
    await Promise.all(this.#running.map((running) => running.kill()));
    await rm(await this.#folder, { recursive: true, force: true });
    EVERYTHING.delete(this);
  }

  /** For a test runner that is itself ended. */
  killNow(): void {
    for (const running of this.#running) running.signal("SIGKILL");
  }
}

const EVERYTHING = new Set<Processes>();
process.once("exit", () => {
  for (const processes of EVERYTHING) processes.killNow();
});

// Below the ports that systems take for outgoing connections; test runners beside each other begin at different places.
const PORTS = { first: 10_000, count: 20_000 };
let portOffset = (process.pid * 101) % PORTS.count;

/** An address at a port of this machine that nobody uses, and nobody gets by chance. */
export async function freeAddress(): Promise<string> {
  for (;;) {
    portOffset = (portOffset + 1) % PORTS.count;
    const port = PORTS.first + portOffset;
    if (await isFree(port)) return `127.0.0.1:${port}`;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((settle) => {
    const server = createServer();
    server.once("error", () => settle(false));
    server.listen(port, "127.0.0.1", () => server.close(() => settle(true)));
  });
}

/** Resolves when `condition` is true, which is asked again after every `everyMs`. Rejects when the time is over. */
export async function eventually(
  claim: string | (() => string),
  condition: () => boolean | Promise<boolean>,
  options: { withinMs?: number; everyMs?: number } = {},
): Promise<void> {
  const { withinMs = PATIENCE_MS, everyMs = 20 } = options;
  const deadlineMs = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > deadlineMs) {
      throw new Error(`not within ${withinMs} ms: ${typeof claim === "string" ? claim : claim()}`);
    }
    await new Promise((wake) => setTimeout(wake, everyMs));
  }
}

/** The result, or the error that `late` makes when the time is over. */
export async function within<T>(withinMs: number, result: Promise<T>, late: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), withinMs);
  });
  try {
    return await Promise.race([result, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

function matches(line: string, pattern: string | RegExp): boolean {
  return typeof pattern === "string" ? line.includes(pattern) : pattern.test(line);
}
