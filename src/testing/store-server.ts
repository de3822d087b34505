import type { CancelTimer, Clock } from "../core/clock";
import type { Session, Store } from "../store/store";

interface Lease {
  readonly session: Session;
  readonly ttlMs: number;
  cancelEnd: CancelTimer;
}

/**
 * The leases of a store that is reached over a network, as etcd keeps them: granted to a client, renewed by its requests, and gone
 * with their keys when they are not. The sessions of `store` itself never run out; what ends them is here.
 */
export class StoreServer {
  readonly store: Store;
  readonly #clock: Clock;
  readonly #leases = new Map<string, Lease>();
  #away = false;

  constructor(store: Store, clock: Clock) {
    this.store = store;
    this.#clock = clock;
  }

  async grant(ttlMs: number): Promise<string> {
    const session = await this.store.openSession({ ttlMs });
    const lease: Lease = { session, ttlMs: session.ttlMs, cancelEnd: () => {} };
    this.#leases.set(session.leaseId, lease);
    this.#arm(session.leaseId, lease);
    return session.leaseId;
  }

  /** The milliseconds that it has now; 0 when it is gone. */
  renew(leaseId: string): number {
    const lease = this.#leases.get(leaseId);
    if (!lease) return 0;
    this.#arm(leaseId, lease);
    return lease.ttlMs;
  }

  /** Ends a lease, and deletes its keys. Its holder is not told. */
  async revoke(leaseId: string): Promise<void> {
    const lease = this.#leases.get(leaseId);
    if (!lease) return;
    this.#leases.delete(leaseId);
    lease.cancelEnd();
    await lease.session.close();
  }

  /** What keys are put under, while the lease lives. */
  session(leaseId: string): Session | undefined {
    return this.#leases.get(leaseId)?.session;
  }

  /** While it is away no lease runs out: a store that is down cannot end one, and when etcd has a leader again, it starts all of them anew. */
  set away(away: boolean) {
    this.#away = away;
    for (const [leaseId, lease] of this.#leases) this.#arm(leaseId, lease);
  }

  #arm(leaseId: string, lease: Lease): void {
    lease.cancelEnd();
    lease.cancelEnd = this.#away ? () => {} : this.#clock.after(lease.ttlMs, () => void this.revoke(leaseId));
  }
}
