import type { CallLeg } from "./call-leg";
import { CHUNK_OVERHEAD_BYTES, keepable, type RetryMemory } from "./retry-memory";

/**
 * The requests of a call that is made several times, for its next leg. At most `bytesMax` of them, and none while the memory of
 * all calls is full: a call that sent more, or sends then, has the legs that it has.
 */
export class KeptRequests {
  readonly #bytesMax: number;
  readonly #memory: RetryMemory;
  #chunks: Uint8Array[] | undefined = [];
  #bytes = 0;
  #halfClosed = false;

  constructor(bytesMax: number, memory: RetryMemory) {
    this.#bytesMax = bytesMax;
    this.#memory = memory;
  }

  /** Whether another leg can be made. */
  get isWhole(): boolean {
    return this.#chunks !== undefined;
  }

  keep(bytes: Uint8Array): void {
    if (this.#chunks === undefined) return;
    if (this.#bytes + bytes.length > this.#bytesMax || this.#memory.isFull) {
      this.drop();
      return;
    }
    const chunk = keepable(bytes);
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    this.#memory.take(chunk.length + CHUNK_OVERHEAD_BYTES);
  }

  halfClosed(): void {
    this.#halfClosed = true;
  }

  /** Sends a leg all that the caller has sent so far. To be called only while `isWhole`. */
  replay(leg: CallLeg): void {
    for (const chunk of this.#chunks ?? []) leg.request(chunk);
    if (this.#halfClosed) leg.halfClose();
  }

  /** Keeps nothing any more. Twice is once. */
  drop(): void {
    if (this.#chunks === undefined) return;
    this.#memory.giveBack(this.#bytes + this.#chunks.length * CHUNK_OVERHEAD_BYTES);
    this.#chunks = undefined;
    this.#bytes = 0;
  }
}
