import type { DirectorMessage, WorkerMessage } from "../../src/core/attach-messages";
import { FabricError } from "../../src/core/errors";
import { MessageQueue } from "../../src/core/message-queue";
import type { MessageStream } from "../../src/core/message-stream";

/** The director's end of an Attach stream, played by a test. */
export class FakeDirector {
  /** What the worker sent, with the time at which it did. */
  readonly received: { readonly atMs: number; readonly message: WorkerMessage }[] = [];
  readonly #incoming = new MessageQueue<DirectorMessage>();
  readonly #nowMs: () => number;
  acknowledges: boolean;
  halfClosed = false;
  aborted = false;

  constructor(nowMs: () => number, options: { readonly acknowledges?: boolean } = {}) {
    this.#nowMs = nowMs;
    this.acknowledges = options.acknowledges ?? true;
  }

  readonly stream: MessageStream<DirectorMessage, WorkerMessage> = {
    incoming: this.#incoming,
    send: (message) => {
      if (this.aborted || this.halfClosed) return false;
      this.received.push({ atMs: this.#nowMs(), message });
      if (message.kind === "heartbeat" && this.acknowledges) {
        const { seq, sentAtMs } = message;
        this.#incoming.push({ kind: "heartbeat-ack", seq, sentAtMs, directorTimeUnixMs: 0 });
      }
      return true;
    },
    drained: () => Promise.resolve(),
    end: () => {
      this.halfClosed = true;
    },
    abort: (error) => {
      this.aborted = true;
      this.#incoming.fail(error instanceof FabricError ? error : new FabricError("CANCELLED", "aborted"));
    },
  };

  get kinds(): readonly string[] {
    return this.received.map(({ message }) => message.kind);
  }

  /** When the beats came. */
  get beats(): readonly number[] {
    return this.received.filter(({ message }) => message.kind === "heartbeat").map(({ atMs }) => atMs);
  }

  welcome(heartbeatIntervalMs = 1_000): void {
    this.send({
      kind: "welcome",
      sessionId: "s1",
      directorId: "d1",
      clusterId: "test",
      heartbeatIntervalMs,
      directors: ["d1:61000"],
      epoch: 1,
      wantsDescriptors: false,
    });
  }

  send(message: DirectorMessage): void {
    this.#incoming.push(message);
  }

  refuse(error: FabricError): void {
    this.#incoming.fail(error);
  }

  close(): void {
    this.#incoming.end();
  }
}
