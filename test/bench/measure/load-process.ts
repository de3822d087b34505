import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { PREFIX_BYTES, type CallKind, type CallShape } from "../relay/echo-contract";

/** What a client's process is asked for, as a line of JSON on its standard input. */
export interface LoadOrder {
  readonly kind: CallKind;
  readonly path: string;
  /** The message without its gRPC prefix, in base64. */
  readonly message: string;
  readonly answers: number;
  /** Calls in flight. */
  readonly concurrency: number;
  readonly calls: number;
  /** Deadline of each call. */
  readonly timeoutMs: number;
  /** Whether the bytes of each answer are compared. If not, only counted: comparing is not what is measured. */
  readonly checked: boolean;
}

/** And what it says when that is done, as a line on its standard output. */
export interface LoadOutcome {
  readonly p50Us: number;
  readonly p99Us: number;
  readonly wallMs: number;
  /** "" when every call was answered in full. */
  readonly failure: string;
}

/** Long enough never to pass: what all clients' calls have as a deadline, since real ones do. */
const TIMEOUT_MS = 30_000;

/** A client in a process of its own, whose CPU time may be measured. It makes calls when told to. */
export class LoadProcess {
  readonly pid: number;
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(name: string, child: ChildProcess) {
    this.#name = name;
    this.#child = child;
    this.pid = child.pid!;
    this.#lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
    const kill = () => child.kill("SIGKILL");
    process.once("exit", kill);
    child.once("exit", () => process.removeListener("exit", kill));
  }

  /** Resolves when it can take orders. */
  static async start(name: string, [program, ...args]: readonly string[]): Promise<LoadProcess> {
    const child = spawn(program!, args, { stdio: ["pipe", "pipe", "inherit"] });
    child.once("error", () => {}); // ends its output, which is noticed below
    const load = new LoadProcess(name, child);
    await load.#nextLine();
    return load;
  }

  async run(
    { kind, path, message, answers }: CallShape,
    how: { concurrency: number; calls: number; checked?: boolean },
  ): Promise<LoadOutcome> {
    const { concurrency, calls, checked = false } = how;
    const bytes = message.subarray(PREFIX_BYTES).toString("base64");
    const order: LoadOrder = {
      ...{ kind, path, answers, concurrency, calls, checked },
      message: bytes,
      timeoutMs: TIMEOUT_MS,
    };
    this.#child.stdin!.write(`${JSON.stringify(order)}\n`);
    return JSON.parse(await this.#nextLine()) as LoadOutcome;
  }

  /** SIGKILL. */
  end(): void {
    this.#child.kill("SIGKILL");
  }

  async #nextLine(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`the ${this.#name} client has ended`);
    return value;
  }
}
