import type { StoreChange, StoreEntry, WatchEvent } from "./store";

/** Everything under a prefix, as of one revision. */
export interface PrefixState {
  readonly revision: number;
  readonly entries: readonly StoreEntry[];
}

/**
 * What lies between a store and one watcher: changes wait here until the watcher takes them. Bounded: a watcher that falls
 * more than `backlogMax` changes behind loses its backlog and is given a fresh snapshot instead, so a slow watcher costs
 * neither memory nor completeness (S2). Delivers nothing before the first `reset`.
 */
export class ChangeFeed {
  readonly #backlogMax: number;
  readonly #state: () => PrefixState;
  #backlog: StoreChange[] = [];
  #backlogRevision = 0;
  /** What is not above this is in the snapshot that the watcher already has. */
  #coveredRevision = 0;
  #snapshotDue = false;
  #ended = false;
  #wake: () => void = () => {};

  /** `state` is asked when the watcher takes a snapshot, not when it becomes due, so that the watcher gets the latest. */
  constructor(options: { readonly backlogMax: number; readonly state: () => PrefixState }) {
    this.#backlogMax = options.backlogMax;
    this.#state = options.state;
  }

  /** Queues changes, whose last has `revision`. Those that a due or delivered snapshot covers are dropped (S1). */
  offer(revision: number, changes: readonly StoreChange[]): void {
    if (this.#snapshotDue || revision <= this.#coveredRevision || changes.length === 0) return;
    if (this.#backlog.length + changes.length > this.#backlogMax) {
      this.reset();
      return;
    }
    for (const change of changes) this.#backlog.push(change);
    this.#backlogRevision = revision;
    this.#wake();
  }

  /** Drops the backlog; the next event is a snapshot. */
  reset(): void {
    this.#backlog = [];
    this.#snapshotDue = true;
    this.#wake();
  }

  /** The watcher gets nothing more, not even what is queued. */
  end(): void {
    this.#ended = true;
    this.#backlog = [];
    this.#wake();
  }

  /** The next event; undefined after `end`. For one caller at a time. */
  async next(): Promise<WatchEvent | undefined> {
    for (;;) {
      if (this.#ended) return undefined;
      if (this.#snapshotDue) {
        this.#snapshotDue = false;
        const { revision, entries } = this.#state();
        this.#coveredRevision = revision;
        return { kind: "snapshot", revision, entries };
      }
      if (this.#backlog.length > 0) {
        const changes = this.#backlog;
        this.#backlog = [];
        return { kind: "changes", revision: this.#backlogRevision, changes };
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
