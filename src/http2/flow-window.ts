import { WINDOW_MAX } from "./frame-types";

/**
 * What a peer may still send us, of one stream or of the connection (RFC 9113 §6.9).
 *
 * - F1: nothing is credited before it is consumed, so `windowBytes` bounds what waits here unconsumed.
 * - F2: credit goes out once half of the window is consumed: seldom enough to be cheap, early enough that a sender who is
 *   a round trip away does not stop.
 */
export class ReceiveWindow {
  /** What the peer may send; below 0 after a cut of SETTINGS_INITIAL_WINDOW_SIZE. */
  availableBytes: number;
  #windowBytes: number;
  #consumedBytes = 0;

  constructor(availableBytes: number, windowBytes: number) {
    this.availableBytes = availableBytes;
    this.#windowBytes = windowBytes;
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
    const credit = this.#consumedBytes;
    this.#consumedBytes = 0;
    this.availableBytes += credit;
    return credit;
  }

  /** The peer acknowledged another initial size (§6.9.2). */
  resize(deltaBytes: number): void {
    this.availableBytes += deltaBytes;
    this.#windowBytes += deltaBytes;
  }
}

/** `window` after an update; undefined if it would go over 2^31 − 1 (§6.9.1). */
export function grownWindow(window: number, bytes: number): number | undefined {
  const grown = window + bytes;
  return grown > WINDOW_MAX ? undefined : grown;
}
