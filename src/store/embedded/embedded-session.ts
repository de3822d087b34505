import type { CancelTimer, Clock } from "../../core/clock";
import type { Session } from "../store";
import { SessionClock } from "../session-clock";

/**
 * A session whose store is in the same process. Renewing it is a note in memory, so it ends only when it is closed, when the
 * process ends, or when the process stood still for so long that, in a store of its own, the lease would have run out.
 */
export class EmbeddedSession implements Session {
  readonly leaseId: string;
  readonly ttlMs: number;
  readonly #clock: Clock;
  readonly #sessionClock: SessionClock;
  readonly #revoke: (afterMs: number) => Promise<void>;
  readonly #lost = new AbortController();
  #cancelRenewal: CancelTimer = () => {};
  #closing: Promise<void> | undefined;

  /** `revoke` deletes the lease and its keys, `afterMs` from now; it does not reject. */
  constructor(options: {
    readonly leaseId: string;
    readonly ttlMs: number;
    readonly grantedMs: number;
    readonly clock: Clock;
    readonly revoke: (afterMs: number) => Promise<void>;
  }) {
    this.leaseId = options.leaseId;
    this.ttlMs = options.ttlMs;
    this.#clock = options.clock;
    this.#revoke = options.revoke;
    this.#sessionClock = new SessionClock(options.clock, options.ttlMs, options.grantedMs);
    this.#scheduleRenewal();
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

  /** Ends the session without touching the store: its keys stay until the lease runs out. */
  abandon(reason: string): void {
    this.#cancelRenewal();
    this.#lost.abort(new Error(reason));
  }

  async #close(): Promise<void> {
    const wasLost = this.#lost.signal.aborted;
    this.abandon(`The session ${this.leaseId} was closed.`);
    if (!wasLost) await this.#revoke(0);
  }

  #scheduleRenewal(): void {
    this.#cancelRenewal = this.#clock.after(this.ttlMs / 3, () => this.#renew());
  }

  #renew(): void {
    if (this.isAlive()) {
      this.#sessionClock.renewed(this.#clock.monotonicMs());
      this.#scheduleRenewal();
      return;
    }
    this.abandon(`The session ${this.leaseId} was not renewed in time: this process stood still.`);
    void this.#revoke(Math.max(0, this.#sessionClock.expiresInMs()));
  }
}
