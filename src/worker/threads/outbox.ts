import type { Clock } from "../../core/clock";
import { BatchWriter } from "./batch";
import type { Batch } from "./port-messages";

export interface OutboxParts {
  readonly clock: Pick<Clock, "monotonicMs">;
  /** Shared with the other thread. */
  readonly ring: SharedArrayBuffer;
  post(batch: Batch): void;
  /** Runs it when the present turn of the event loop has done its work. */
  whenTurnEnds(callback: () => void): void;
}

/** A batch of so many bytes waits for no more. */
const BATCH_BYTES = 64 * 1_024;
/** Who computes for so long in one turn has its answers posted meanwhile. */
const SLOW_TURN_MS = 2;

/**
 * What is to be posted to another thread. One post costs about as much as a call's work here, so what is said in one turn of the event loop
 * goes in one; but nothing waits for a turn that takes long, for in a thread that computes they all do.
 */
export class Outbox {
  readonly #parts: OutboxParts;
  readonly #writer: BatchWriter;
  #firstWrittenMs: number | undefined;
  #isScheduled = false;
  #isHeld = false;

  constructor(parts: OutboxParts) {
    this.#parts = parts;
    this.#writer = new BatchWriter(parts.ring);
  }

  /** Adds operations: `add` must write whole ones. */
  write(add: (writer: BatchWriter) => void): void {
    add(this.#writer);
    if (!this.#isScheduled && !this.#isHeld) {
      this.#isScheduled = true;
      this.#parts.whenTurnEnds(this.#turnEnded);
    }
    const nowMs = this.#parts.clock.monotonicMs();
    this.#firstWrittenMs ??= nowMs;
    if (nowMs - this.#firstWrittenMs >= SLOW_TURN_MS || this.#writer.byteLength >= BATCH_BYTES) this.#post();
  }

  /** Until `release`, the end of a turn posts nothing: for who goes on in the next. */
  hold(): void {
    this.#isHeld = true;
  }

  release(): void {
    this.#isHeld = false;
    this.#turnEnded();
  }

  readonly #turnEnded = (): void => {
    this.#isScheduled = false;
    if (this.#isHeld) return;
    this.#firstWrittenMs = undefined;
    this.#post();
  };

  #post(): void {
    if (!this.#writer.isEmpty) this.#parts.post(this.#writer.take());
  }
}
