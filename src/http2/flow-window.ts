import { WINDOW_MAX } from "./frame-types";

/** What windows may grow by, those of all connections that share it together. At its end windows stay as they are. */
export class WindowBudget {
  #leftBytes: number;

  constructor(bytes: number) {
    this.#leftBytes = bytes;
  }

  get leftBytes(): number {
    return this.#leftBytes;
  }

  /** Takes up to `bytes`, and returns how many there were. */
  take(bytes: number): number {
    const taken = Math.min(bytes, this.#leftBytes);
    this.#leftBytes -= taken;
    return taken;
  }

  giveBack(bytes: number): void {
    this.#leftBytes += bytes;
  }
}

/** How far a window may grow, and at whose expense. */
export interface WindowGrowth {
  readonly maxBytes: number;
  readonly budget: WindowBudget;
}

/**
 * What a peer may still send us, of one stream or of the connection (RFC 9113 §6.9).
 *
 * - F1: nothing is credited before it is consumed, so the window bounds what waits here unconsumed.
 * - F2: credit goes out once half of the window is consumed: seldom enough to be cheap, early enough that a sender who is
 *   a round trip away does not stop.
 * - F3: a window that may grow doubles when all of it was consumed at once, as it came. So a sender far
 *   away gets what it needs after a few round trips, and one whose reader is slow fills no more than the first window.
 */
export class ReceiveWindow {
  /** What the peer may send; below 0 after a cut of SETTINGS_INITIAL_WINDOW_SIZE. */
  availableBytes: number;
  #windowBytes: number;
  #consumedBytes = 0;
  #grownBytes = 0;
  /** Consumed without delay since it grew. */
  #promptBytes = 0;
  readonly #growth: WindowGrowth | undefined;
  /** What came was not consumed at once. */
  lagged = false;

  constructor(availableBytes: number, windowBytes: number, growth?: WindowGrowth) {
    this.availableBytes = availableBytes;
    this.#windowBytes = windowBytes;
    this.#growth = growth;
  }

  /** Takes what was received. False: the peer sent more than it may. */
  receive(bytes: number): boolean {
    this.availableBytes -= bytes;
    return this.availableBytes >= 0;
  }

  /** Notes consumption. Returns the credit to send now, often 0. */
  consume(bytes: number): number {
    this.#consumedBytes += bytes;
    if (this.#consumedBytes === 0 || this.#consumedBytes * 2 < this.#windowBytes) return 0;
    let credit = this.#consumedBytes;
    if (this.#growth !== undefined) credit += this.#grow(this.#growth);
    this.#consumedBytes = 0;
    this.availableBytes += credit;
    return credit;
  }

  /** Its stream is over: what it grew by is for others. */
  release(): void {
    if (this.#grownBytes === 0) return;
    this.#growth!.budget.giveBack(this.#grownBytes);
    this.#grownBytes = 0;
  }

  #grow({ maxBytes, budget }: WindowGrowth): number {
    const wanted = Math.min(this.#windowBytes, maxBytes - this.#windowBytes);
    this.#promptBytes = this.lagged ? 0 : this.#promptBytes + this.#consumedBytes;
    this.lagged = false;
    if (wanted <= 0 || this.#promptBytes < this.#windowBytes) return 0;
    this.#promptBytes = 0;
    const grown = budget.take(wanted);
    this.#windowBytes += grown;
    this.#grownBytes += grown;
    return grown;
  }
}

/** `window` after an update; undefined if it would go over 2^31 − 1 (§6.9.1). */
export function grownWindow(window: number, bytes: number): number | undefined {
  const grown = window + bytes;
  return grown > WINDOW_MAX ? undefined : grown;
}
