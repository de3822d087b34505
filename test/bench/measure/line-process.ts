import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** A process that is told something by a line on its standard input and answers by one on its standard output, in order. */
export class LineProcess {
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(name: string, [program, ...args]: readonly string[]) {
    this.#name = name;
    this.#child = spawn(program!, args, { stdio: ["pipe", "pipe", "inherit"] });
    this.#child.once("error", () => {}); // ends its output, which is noticed when it is read
    this.#child.stdin!.on("error", () => {}); // likewise
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
    const kill = () => this.end();
    process.once("exit", kill);
    this.#child.once("exit", () => process.removeListener("exit", kill));
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** The next line that it writes. Rejects when it has ended. */
  async line(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`${this.#name} has ended`);
    return value;
  }

  ask(line: string): Promise<string> {
    this.#child.stdin!.write(`${line}\n`);
    return this.line();
  }

  /** SIGKILL. */
  end(): void {
    this.#child.kill("SIGKILL");
  }
}
