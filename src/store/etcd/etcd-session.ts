import type { CancelTimer, Clock } from "../../core/clock";
import type { Session } from "../store";
import { SessionClock } from "../session-clock";

/** What a session needs of etcd. */
export interface LeaseCalls {
  /** Resolves to the milliseconds that the lease has left, 0 when it is gone; rejects by `timeoutMs`. */
  renew(leaseId: string, timeoutMs: number): Promise<number>;
  /** Does not reject. */
  revoke(leaseId: string): Promise<void>;
}

export interface EtcdSessionOptions {
  readonly leaseId: string;
  readonly ttlMs: number;
  /** Monotonic time when the lease was asked for. */
  readonly grantedMs: number;
  readonly clock: Clock;
  readonly calls: LeaseCalls;
  readonly onEnd: () => void;
}

/** Renewals in one TTL; so two may fail in a row without harm. */
const RENEWALS_PER_TTL = 3;

/**
 * A lease in etcd, renewed in the background.
 * - L1: `lost` aborts, and `isAlive` is false, before etcd can have expired the lease: the deadline counts from when the last
 *   acknowledged renewal was sent (SessionClock).
 * - L2: what etcd says of the lease being gone is final at once, before the deadline.
 * - L3: a session that is lost never comes back; whoever needs one opens a new one.
 */
export class EtcdSession implements Session {
  readonly leaseId: string;
  readonly ttlMs: number;
  readonly #clock: Clock;
  readonly #calls: LeaseCalls;
  readonly #onEnd: () => void;
  readonly #sessionClock: SessionClock;
  readonly #lost = new AbortController();
  #cancelFence: CancelTimer = () => {};
  #closing: Promise<void> | undefined;

  constructor(options: EtcdSessionOptions) {
    this.leaseId = options.leaseId;
    this.ttlMs = options.ttlMs;
    this.#clock = options.clock;
    this.#calls = options.calls;
    this.#onEnd = options.onEnd;
    this.#sessionClock = new SessionClock(options.clock, options.ttlMs, options.grantedMs);
    this.#fence();
    void this.#renewAlways();
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  isAlive(): boolean {
    return !this.#lost.signal.aborted && this.#sessionClock.leftMs() > 0;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Ends the session without asking etcd. Its keys stay until the lease runs out. */
  end(reason: string): void {
    if (this.#lost.signal.aborted) return;
    this.#cancelFence();
    this.#lost.abort(new Error(reason));
    this.#onEnd();
  }

  async #close(): Promise<void> {
    this.end(`The session ${this.leaseId} was closed.`);
    // Also when it was lost before: the lease may live on for a moment, and its keys should not.
    await this.#calls.revoke(this.leaseId);
  }

  /** Keeps L1, whatever becomes of the renewals. */
  #fence(): void {
    const leftMs = this.#sessionClock.leftMs();
    if (leftMs <= 0) {
      this.end(
        `The session ${this.leaseId} was not renewed in time: etcd did not answer, or this process stood still.`,
      );
      return;
    }
    this.#cancelFence = this.#clock.after(leftMs, () => this.#fence());
  }

  async #renewAlways(): Promise<void> {
    const intervalMs = this.ttlMs / RENEWALS_PER_TTL;
    let delayMs = intervalMs;
    for (;;) {
      try {
        await this.#clock.sleep(delayMs, this.#lost.signal);
      } catch {
        return;
      }
      delayMs = (await this.#renew(intervalMs / 2)) ? intervalMs : intervalMs / 4;
    }
  }

  async #renew(timeoutMs: number): Promise<boolean> {
    const sentMs = this.#clock.monotonicMs();
    try {
      const ttlLeftMs = await this.#calls.renew(this.leaseId, timeoutMs);
      if (ttlLeftMs > 0) this.#sessionClock.renewed(sentMs);
      else this.end(`The session ${this.leaseId} is gone from etcd: its lease ran out or was revoked.`); // L2
      return true;
    } catch {
      return false;
    }
  }
}
