import type { IncomingCall } from "../../core/call";
import { endOfError } from "../../core/call-end";
import { CallMetadata } from "../../core/call-metadata";
import type { Clock } from "../../core/clock";
import { asFabricError } from "../../core/errors";
import { Status } from "../../core/status";
import { BatchReader } from "./batch";
import { RingReader, type ThreadRings } from "./byte-ring";
import { CertificateReader } from "./certificates";
import { Outbox } from "./outbox";
import { OP, type Batch } from "./port-messages";
import { ThreadCall } from "./thread-call";

export interface CallRunnerParts {
  readonly clock: Pick<Clock, "monotonicMs">;
  /** By path. */
  readonly methods: ReadonlyMap<string, (call: IncomingCall) => void>;
  readonly rings: ThreadRings;
  post(batch: Batch): void;
  /** Runs it when everything that can go on without input or output has done so. */
  whenTurnEnds(callback: () => void): void;
  /** Runs it after the event loop had a chance to read the port. */
  afterInput(callback: () => void): void;
}

/** How long calls are begun one after the other before answers go out and the port is read. */
const SLICE_MS = 2;

/**
 * Runs calls in a handler's thread.
 * - R1 calls begin one after the other, each after the one before it has done what it can without waiting; so the answer of one that
 *   computes does not wait for the next.
 * - R2 everything on the port is read before a call begins; so one that was cancelled meanwhile does not.
 * - R3 that a batch was taken is said after what it sets off: a thread that computes has not taken it.
 */
export class CallRunner {
  readonly #parts: CallRunnerParts;
  readonly #outbox: Outbox;
  readonly #ring: RingReader;
  readonly #certificates = new CertificateReader();
  readonly #calls = new Map<number, ThreadCall>();
  /** Bounded by the calls that the worker admits. */
  readonly #notBegun: ThreadCall[] = [];
  #batchesTaken = 0;
  #callsBegun = 0;
  #isRunning = false;
  #sliceStartedMs = 0;

  constructor(parts: CallRunnerParts) {
    this.#parts = parts;
    this.#ring = new RingReader(parts.rings.toThread);
    this.#outbox = new Outbox({ ...parts, ring: parts.rings.fromThread });
  }

  receive(batch: Batch): void {
    this.#batchesTaken += 1;
    const reader = new BatchReader(batch, this.#ring);
    while (reader.hasMore) this.#apply(reader);
    if (this.#isRunning) return;
    if (this.#notBegun.length === 0) {
      this.#sayTaken(0);
      return;
    }
    this.#isRunning = true;
    this.#parts.afterInput(this.#runSlice); // R2
  }

  #apply(reader: BatchReader): void {
    const op = reader.number();
    const id = reader.number();
    switch (op) {
      case OP.certificate:
        this.#certificates.take(reader);
        return;
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
    const head = {
      path: reader.text(),
      peer: reader.text(),
      authority: reader.text() || undefined,
      certificate: this.#certificates.get(reader.text()),
      timeoutMs: positive(reader.number()),
      metadata: reader.metadata(),
    };
    const call = new ThreadCall(id, head, this.#outbox, (left) => this.#calls.delete(left));
    this.#calls.set(id, call);
    this.#notBegun.push(call);
  }

  readonly #runSlice = (): void => {
    this.#outbox.hold();
    this.#sliceStartedMs = this.#parts.clock.monotonicMs();
    this.#next();
  };

  readonly #next = (): void => {
    const isDone = this.#notBegun.length === 0;
    const sliceMs = this.#parts.clock.monotonicMs() - this.#sliceStartedMs;
    if (isDone || sliceMs >= SLICE_MS) {
      this.#sayTaken(sliceMs); // R3
      this.#outbox.release();
      this.#isRunning = !isDone;
      if (!isDone) this.#parts.afterInput(this.#runSlice);
      return;
    }
    const call = this.#notBegun.shift()!;
    this.#callsBegun += 1;
    if (!call.isOver) this.#begin(call);
    this.#parts.whenTurnEnds(this.#next); // R1
  };

  #sayTaken(sliceMs: number): void {
    const [batches, calls] = [this.#batchesTaken, this.#callsBegun];
    this.#batchesTaken = 0;
    this.#callsBegun = 0;
    this.#outbox.write((writer) => writer.add(OP.taken, batches, calls, sliceMs));
  }

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

function positive(value: number): number | undefined {
  return value < 0 ? undefined : value;
}
