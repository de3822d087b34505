import type { IncomingCall } from "../../core/call";
import { endOfError } from "../../core/call-end";
import { CallMetadata } from "../../core/call-metadata";
import type { Clock } from "../../core/clock";
import { asFabricError } from "../../core/errors";
import { Status } from "../../core/status";
import { BatchReader } from "./batch";
import { Outbox } from "./outbox";
import { OP, type Batch } from "./port-messages";
import { ThreadCall } from "./thread-call";

export interface CallRunnerParts {
  readonly clock: Pick<Clock, "monotonicMs">;
  /** By path. */
  readonly methods: ReadonlyMap<string, (call: IncomingCall) => void>;
  post(batch: Batch): void;
  /** Runs it when everything that can go on without input or output has done so. */
  whenTurnEnds(callback: () => void): void;
  /** Runs it after the event loop had a chance to read the port. */
  afterInput(callback: () => void): void;
}

/** How long calls are begun one after the other before the port is read for cancels. */
const SLICE_MS = 5;

/**
 * Runs calls in a handler's thread. They begin one after the other, each after the one before it has done what it can without waiting,
 * so that the answers of those done go out, and calls cancelled meanwhile do not begin, however long each computes.
 */
export class CallRunner {
  readonly #parts: CallRunnerParts;
  readonly #outbox: Outbox;
  readonly #calls = new Map<number, ThreadCall>();
  /** Bounded by the calls that the worker admits. */
  readonly #notBegun: ThreadCall[] = [];
  #isRunning = false;
  #sliceStartedMs = 0;

  constructor(parts: CallRunnerParts) {
    this.#parts = parts;
    this.#outbox = new Outbox(parts);
  }

  receive(batch: Batch): void {
    const reader = new BatchReader(batch);
    this.#outbox.write((writer) => writer.add(OP.taken));
    while (reader.hasMore) this.#apply(reader);
    if (this.#isRunning || this.#notBegun.length === 0) return;
    this.#isRunning = true;
    this.#outbox.hold();
    this.#sliceStartedMs = this.#parts.clock.monotonicMs();
    this.#next();
  }

  #apply(reader: BatchReader): void {
    const op = reader.number();
    const id = reader.number();
    switch (op) {
      case OP.open:
        this.#open(id, reader);
        return;
      case OP.message: {
        const bytes = reader.bytes();
        this.#calls.get(id)?.receive(bytes);
        return;
      }
      case OP.halfClose:
        this.#calls.get(id)?.halfClose();
        return;
      case OP.credit: {
        const bytes = reader.number();
        this.#calls.get(id)?.credit(bytes);
        return;
      }
      case OP.cancel:
        this.#calls.get(id)?.cancel();
        return;
    }
  }

  #open(id: number, reader: BatchReader): void {
    const [path, peer, timeoutMs] = [reader.text(), reader.text(), reader.number()];
    const head = { path, peer, timeoutMs: timeoutMs < 0 ? undefined : timeoutMs, metadata: reader.metadata() };
    const call = new ThreadCall(id, head, this.#outbox, (left) => this.#calls.delete(left));
    this.#calls.set(id, call);
    this.#notBegun.push(call);
  }

  readonly #next = (): void => {
    this.#outbox.postIfSlow();
    if (this.#notBegun.length === 0) {
      this.#isRunning = false;
      this.#outbox.release();
      return;
    }
    if (this.#parts.clock.monotonicMs() - this.#sliceStartedMs >= SLICE_MS) {
      this.#outbox.release();
      this.#parts.afterInput(this.#nextSlice);
      return;
    }
    const call = this.#notBegun.shift()!;
    if (!call.isOver) this.#begin(call);
    this.#parts.whenTurnEnds(this.#next);
  };

  readonly #nextSlice = (): void => {
    this.#outbox.hold();
    this.#sliceStartedMs = this.#parts.clock.monotonicMs();
    this.#next();
  };

  #begin(call: ThreadCall): void {
    const run = this.#parts.methods.get(call.path);
    if (run === undefined) {
      const message = `${call.path} is not served by this thread`;
      call.finish({ status: Status.UNIMPLEMENTED, message, trailers: new CallMetadata() });
      return;
    }
    try {
      run(call);
    } catch (error) {
      call.finish(endOfError(asFabricError(error, "HANDLER_FAILED")));
    }
  }
}
