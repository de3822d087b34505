import type { PeerCertificate } from "./call";
import type { Clock } from "./clock";

/** Cancels at once, and in the long run, that are nothing unusual: deadlines that pass together, users who change their minds. */
const BURST = 50;
const PER_SECOND = 5;

/**
 * A client's connection as the origin of calls, and whether it cancels calls in a storm. What a cancelled call leaves at the worker can
 * burden whoever shares a connection with it; so calls from such a source keep to themselves.
 *
 * Stormy from the cancel that empties a bucket of 50 until it is full again: 10 s without a cancel.
 */
export class CallSource {
  /** The client's address, for logs. */
  readonly peer: string;
  /** What the client showed, if it was asked and verified. */
  readonly certificate: () => PeerCertificate | undefined;
  readonly #clock: Clock;
  #tokens = BURST;
  #refilledMs = 0;
  #isStormy = false;

  constructor(peer: string, clock: Clock, certificate: () => PeerCertificate | undefined = () => undefined) {
    this.peer = peer;
    this.certificate = certificate;
    this.#clock = clock;
  }

  /** Read for every call: looks at the clock only during a storm. */
  get isStormy(): boolean {
    if (!this.#isStormy) return false;
    this.#refill();
    this.#isStormy = this.#tokens < BURST;
    return this.#isStormy;
  }

  /** A call that a worker had been sent was cancelled. */
  cancelled(): void {
    this.#refill();
    if (this.#tokens < 1) this.#isStormy = true;
    else this.#tokens -= 1;
  }

  #refill(): void {
    const nowMs = this.#clock.monotonicMs();
    this.#tokens = Math.min(BURST, this.#tokens + ((nowMs - this.#refilledMs) * PER_SECOND) / 1_000);
    this.#refilledMs = nowMs;
  }
}
