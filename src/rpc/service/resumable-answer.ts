import type { CallMetadata } from "../../core/call-metadata";
import { CHECKPOINT_MAX_BYTES, withCheckpoint, withoutAny } from "../../core/checkpoint";
import { CallError } from "../../core/errors";
import { HEDDLE_KEYS } from "../../core/heddle-metadata";
import { positionOf, sequenceOf, type ResumePosition } from "../../core/resume-position";
import { Status } from "../../core/status";

/**
 * The answer of a method that is resumable, as its handler gives it.
 * - A1 what the caller has is not sent: a handler that looks at the position goes on after it, one that says where it begins begins there, and
 *   one that does neither begins anew.
 * - A2 the headers say so, before the first message.
 */
export class ResumableAnswer {
  readonly #position: ResumePosition;
  readonly #takesCheckpoints: boolean;
  #wasRead = false;
  #beginsAfter: number | undefined;
  /** The number of the latest message that the handler gave; undefined before the first. */
  #sequence: number | undefined;
  #checkpoint: Uint8Array | undefined;

  /**
   * @param metadata - of the request
   * @throws FabricError INVALID_ARGUMENT when its position is none
   */
  constructor(metadata: CallMetadata) {
    this.#position = positionOf(metadata);
    this.#takesCheckpoints = metadata.text(HEDDLE_KEYS.checkpoints) !== undefined;
  }

  /** See CallContext.resume. */
  read(): ResumePosition | undefined {
    this.#wasRead = true;
    return this.#position.afterSequence === 0 ? undefined : this.#position;
  }

  /** See CallContext.beginAfter. */
  beginAfter(sequence: number): void {
    const { afterSequence } = this.#position;
    if (!Number.isInteger(sequence) || sequence < 0 || sequence > afterSequence) {
      throw new RangeError(`the answer cannot begin after message ${sequence}: the caller has ${afterSequence}`);
    }
    if (this.#sequence !== undefined) throw new TypeError("the answer has begun: say before the first message where");
    this.#beginsAfter = sequence;
  }

  /** See CallContext.checkpoint. */
  checkpoint(state: Uint8Array): void {
    if (!(state instanceof Uint8Array)) throw new TypeError(`a checkpoint is a Uint8Array, and not ${typeof state}`);
    if (state.length > CHECKPOINT_MAX_BYTES) {
      throw new RangeError(
        `a checkpoint has ${state.length} bytes and may have ${CHECKPOINT_MAX_BYTES}: put the rest where its key finds it`,
      );
    }
    this.#checkpoint = this.#takesCheckpoints ? Uint8Array.from(state) : undefined;
  }

  /** Adds what the caller must know (A2). What a handler without a context said there of its beginning counts. */
  addTo(headers: CallMetadata): void {
    const { afterSequence } = this.#position;
    const said = sequenceOf(headers.text(HEDDLE_KEYS.resumeAfter) ?? "");
    if (said !== undefined) this.beginAfter(said);
    headers.delete(HEDDLE_KEYS.resumeAfter);
    if (afterSequence > 0) headers.append(HEDDLE_KEYS.resumeAfter, String(afterSequence));
    if (this.#takesCheckpoints) headers.set(HEDDLE_KEYS.checkpoints, "1");
  }

  /** The next message as it is sent; undefined when the caller has it (A1). */
  next(message: Uint8Array): Uint8Array | undefined {
    const sequence = this.#latest + 1;
    const checkpoint = this.#checkpoint;
    this.#sequence = sequence;
    this.#checkpoint = undefined;
    if (sequence <= this.#position.afterSequence) return undefined;
    if (checkpoint !== undefined) return withCheckpoint(message, checkpoint);
    return this.#takesCheckpoints ? withoutAny(message) : message;
  }

  /** @throws CallError when the handler has given less than the caller has: it cannot be the same stream */
  end(): void {
    const { afterSequence } = this.#position;
    if (this.#latest >= afterSequence) return;
    const what = `the handler was done after message ${this.#latest}, and the caller has ${afterSequence}`;
    throw new CallError(
      Status.INTERNAL,
      `${what}: a resumable method gives the same messages again, or goes on after them`,
    );
  }

  get #latest(): number {
    return this.#sequence ?? this.#beginsAfter ?? (this.#wasRead ? this.#position.afterSequence : 0);
  }
}
