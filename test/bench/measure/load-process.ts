import { PREFIX_BYTES, type CallKind, type CallShape } from "../relay/echo-contract";
import { LineProcess } from "./line-process";

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
  /** Whether each call has metadata: what a token and a trace come to, an id that no other call has included. */
  readonly withMetadata: boolean;
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

/** Metadata that all calls have in common, of those that have any; grpc-go's client has the same. */
export const TOKEN = { authorization: `Bearer ${"0123456789abcdef".repeat(8)}` };
/** And the key of what differs. */
export const ID_KEY = "x-request-id";

/** Long enough never to pass: what all clients' calls have as a deadline, since real ones do. */
const TIMEOUT_MS = 30_000;

/** A client in a process of its own, whose CPU time may be measured. It makes calls when told to. */
export class LoadProcess {
  readonly #process: LineProcess;

  private constructor(process: LineProcess) {
    this.#process = process;
  }

  /** Resolves when it can take orders. */
  static async start(kind: string, command: readonly string[]): Promise<LoadProcess> {
    const process = new LineProcess(`the ${kind} client`, command);
    await process.line();
    return new LoadProcess(process);
  }

  get pid(): number {
    return this.#process.pid;
  }

  async run(
    { kind, path, message, answers }: CallShape,
    how: { concurrency: number; calls: number; withMetadata?: boolean; checked?: boolean },
  ): Promise<LoadOutcome> {
    const { concurrency, calls, withMetadata = false, checked = false } = how;
    const order: LoadOrder = {
      ...{ kind, path, answers, concurrency, calls, withMetadata, checked },
      message: message.subarray(PREFIX_BYTES).toString("base64"),
      timeoutMs: TIMEOUT_MS,
    };
    return JSON.parse(await this.#process.ask(JSON.stringify(order))) as LoadOutcome;
  }

  /** SIGKILL. */
  end(): void {
    this.#process.end();
  }
}
