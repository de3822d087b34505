import { spawn, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";

export interface DevProcessOptions {
  /** What the child does, as `dev-child` reads it. */
  readonly work: object;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A line of its standard output or error. */
  onLine(line: string): void;
}

/** What a process may take to finish its calls after it was told to stop. */
const STOP_MS = 40_000;

/** A director or a worker of `heddle dev`. It ends with this process, also when this one is killed. */
export class DevProcess {
  readonly exited: Promise<string>;
  readonly #child: ChildProcess;
  #isRunning = true;

  constructor({ work, env, onLine }: DevProcessOptions) {
    const child = spawn(process.execPath, [join(__dirname, "dev-child.js"), JSON.stringify(work)], {
      env: { ...env },
      // Its standard input is how it learns that this process is gone.
      stdio: ["pipe", "pipe", "pipe"],
      // Ctrl-C goes to this process alone, which stops the others in order.
      detached: true,
    });
    this.#child = child;
    const closed = [child.stdout, child.stderr].map(
      (input) => new Promise((resolve) => createInterface({ input }).on("line", onLine).once("close", resolve)),
    );
    child.stdin.on("error", () => {}); // it may be gone already
    this.exited = new Promise((resolve) => {
      child.once("error", (error) => resolve(error.message));
      child.once("exit", (code, signal) => {
        this.#isRunning = false;
        void Promise.all(closed).then(() => resolve(signal ?? `exit code ${code}`));
      });
    });
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** SIGTERM; resolves when it is gone. */
  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.kill(), STOP_MS);
    await this.exited;
    clearTimeout(timer);
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }
}
