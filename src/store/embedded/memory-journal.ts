import type { Journal, JournalBatch, StoredEntry, StoredLease, StoredState } from "./journal";

/**
 * Keeps the record in memory only: for tests, the demo and the simulator. A second store opened on the same object finds what
 * the first acknowledged, as after a restart.
 */
export class MemoryJournal implements Journal {
  readonly #entries = new Map<string, StoredEntry>();
  readonly #leases = new Map<string, StoredLease>();
  #revision = 0;

  async load(): Promise<StoredState> {
    return { revision: this.#revision, entries: [...this.#entries.values()], leases: [...this.#leases.values()] };
  }

  async append({ records, revision }: JournalBatch): Promise<void> {
    for (const record of records) {
      switch (record.kind) {
        case "put":
          this.#entries.set(record.stored.entry.key, record.stored);
          break;
        case "delete":
          this.#entries.delete(record.key);
          break;
        case "grant":
          this.#leases.set(record.lease.leaseId, record.lease);
          break;
        case "revoke":
          this.#leases.delete(record.leaseId);
          break;
      }
    }
    this.#revision = revision;
  }

  async close(): Promise<void> {}
}
