import { appendFile } from "node:fs/promises";
import type { RunningProcess } from "../support/processes";

/** A program that is killed, stopped and started again, and must not end by itself. */
export class Supervised {
  readonly name: string;
  readonly #logFile: string;
  readonly #startProcess: () => Promise<RunningProcess>;
  #process: RunningProcess | undefined;
  #lives = 0;
  #logged: Promise<void> = Promise.resolve();
  /** How it ended without being told to; one for each time. */
  readonly deaths: string[] = [];

  constructor(name: string, logFile: string, startProcess: () => Promise<RunningProcess>) {
    this.name = name;
    this.#logFile = logFile;
    this.#startProcess = startProcess;
  }

  get lives(): number {
    return this.#lives;
  }

  /** Resolves when it has written that it is ready. */
  async start(): Promise<void> {
    this.#lives += 1;
    const life = this.#lives;
    const started = await this.#startProcess();
    this.#process = started;
    void started.exited.then(({ code, signal }) => {
      this.#logged = this.#logged.then(() => appendFile(this.#logFile, `--- life ${life}\n${started.output}\n`));
      if (this.#process === started) this.deaths.push(`${this.name} ended by itself: ${signal ?? `exit code ${code}`}`);
    });
  }

  async kill(): Promise<void> {
    await this.#expectEnd()?.kill();
  }

  /** SIGTERM. Rejects when it does not end, or not in order. */
  async stop(withinMs?: number): Promise<void> {
    const stopped = this.#expectEnd();
    const exit = await stopped?.stop(withinMs);
    if (exit && exit.code !== 0) this.deaths.push(`${this.name} ended SIGTERM with ${exit.signal ?? exit.code}`);
  }

  freeze(): void {
    this.#process?.freeze();
  }

  thaw(): void {
    this.#process?.thaw();
  }

  signal(signal: NodeJS.Signals): void {
    this.#process?.signal(signal);
  }

  /** Resolves when the logs of all its lives are in its file. */
  async logged(): Promise<void> {
    await this.#logged;
  }

  #expectEnd(): RunningProcess | undefined {
    const running = this.#process;
    this.#process = undefined;
    return running;
  }
}
