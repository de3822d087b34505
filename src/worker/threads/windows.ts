/**
 * What one call may have under way between two threads, in each direction, beyond one message of any length: as much as the relay
 * keeps for a call. Less would make a stream stop for every answer of the other thread; more only waits.
 */
export const WINDOW_BYTES = 64 * 1_024;

/** Counted for each message beside its bytes, so that empty ones are bounded too. */
const MESSAGE_COST_BYTES = 128;

/** What a message takes of a window. */
export function costOf(message: Uint8Array): number {
  return message.length + MESSAGE_COST_BYTES;
}

/** Of the thread that sends: how much the other has not taken yet. */
export class SendWindow {
  #underWayBytes = 0;
  #isFull = false;

  /** False: it may be sent, but no more after it until `credit` says so. */
  spend(bytes: number): boolean {
    this.#underWayBytes += bytes;
    if (this.#underWayBytes >= WINDOW_BYTES) this.#isFull = true;
    return !this.#isFull;
  }

  /** True when it was full, and half of it is free again. */
  credit(bytes: number): boolean {
    this.#underWayBytes -= bytes;
    if (!this.#isFull || this.#underWayBytes > WINDOW_BYTES / 2) return false;
    this.#isFull = false;
    return true;
  }
}

/** Of the thread that receives. */
export class ReceiveWindow {
  #owedBytes = 0;

  /** A message was passed on. Returns what is to be credited now: 0 until it is worth saying. */
  took(bytes: number): number {
    this.#owedBytes += bytes;
    if (this.#owedBytes < WINDOW_BYTES / 4) return 0;
    const creditBytes = this.#owedBytes;
    this.#owedBytes = 0;
    return creditBytes;
  }
}
