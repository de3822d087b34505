import type { Cancellation } from "./cancellation";

/** Ends a scheduled callback. Calling it after the callback ran, or twice, does nothing. */
export type CancelTimer = () => void;

/** Where the program gets time. Only `platform/` reads the real clock; tests and the simulator hand in their own. */
export interface Clock {
  /** Milliseconds from an arbitrary origin; never goes back. For ages, timeouts, measurements. */
  monotonicMs(): number;
  /** Unix time in milliseconds; may jump. Only for what people or other machines will read. */
  wallMs(): number;
  /** Resolves after `delayMs`. Rejects with `signal.reason` if aborted first. */
  sleep(delayMs: number, signal?: Cancellation): Promise<void>;
  /**
   * Runs `callback` once after `delayMs`, unless cancelled. For deadlines on the call path, where a promise per call
   * costs too much. Keeps the process alive, like a call that waits should: cancel it when it is not needed any more.
   */
  after(delayMs: number, callback: () => void): CancelTimer;
}
