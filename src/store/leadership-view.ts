import type { Candidate, Leader } from "./election";
import type { StoreEntry, WatchEvent } from "./store";

/** The election's keys as the watch tells them. Pure. */
export class LeadershipView {
  readonly leaderKey: string;
  readonly successorKey: string;
  readonly #candidatePrefix: string;
  readonly #entries = new Map<string, StoreEntry>();

  constructor(prefix: string) {
    this.leaderKey = `${prefix}leader`;
    this.successorKey = `${prefix}successor`;
    this.#candidatePrefix = `${prefix}candidates/`;
  }

  candidateKey(directorId: string): string {
    return this.#candidatePrefix + directorId;
  }

  apply(event: WatchEvent): void {
    if (event.kind === "snapshot") {
      this.#entries.clear();
      for (const entry of event.entries) this.#entries.set(entry.key, entry);
      return;
    }
    for (const change of event.changes) {
      if (change.kind === "put") this.#entries.set(change.entry.key, change.entry);
      else this.#entries.delete(change.key);
    }
  }

  leader(): Leader | undefined {
    const entry = this.#entries.get(this.leaderKey);
    if (!entry) return undefined;
    const { directorId, address } = decode(entry) as Candidate;
    return { directorId, address, epoch: entry.createRevision };
  }

  /** The lease under which the leader's key was put: tells one director's term from its next. */
  leaderLease(): string | undefined {
    const entry = this.#entries.get(this.leaderKey);
    return entry && (decode(entry) as { leaseId: string }).leaseId;
  }

  successor(): string | undefined {
    const entry = this.#entries.get(this.successorKey);
    return entry && (decode(entry) as string);
  }

  candidates(): readonly Candidate[] {
    return [...this.#entries.values()]
      .filter((entry) => entry.key.startsWith(this.#candidatePrefix))
      .sort((a, b) => (a.key < b.key ? -1 : 1))
      .map((entry) => decode(entry) as Candidate);
  }

  /** The createRevision of a candidate's registration; undefined when it does not take part. */
  candidateRevision(directorId: string): number | undefined {
    return this.#entries.get(this.candidateKey(directorId))?.createRevision;
  }
}

function decode(entry: StoreEntry): unknown {
  return JSON.parse(new TextDecoder().decode(entry.value));
}
