import type { StoreChange } from "../store";
import type { Journal, JournalRecord } from "./journal";

/** Transactions that one flush makes durable together. */
export interface FlushedBatch {
  readonly revision: number;
  readonly changes: readonly StoreChange[];
}

interface OpenBatch {
  readonly records: JournalRecord[];
  readonly changes: StoreChange[];
  revision: number;
  entryCount: number;
  readonly flushed: Promise<void>;
  readonly settle: (error?: unknown) => void;
}

/**
 * Makes transactions durable in the order in which they were appended. While one batch is being flushed, what arrives waits
 * and shares the next one, so a slow disk costs latency, not throughput.
 *
 * After a failed flush everything appended since is rejected too, until `resume`: it rests on what may not be on the disk.
 */
export class GroupCommit {
  readonly #journal: Journal;
  readonly #onFlushed: (batch: FlushedBatch) => void;
  readonly #onFailed: (error: unknown) => void;
  #waiting: OpenBatch | undefined;
  #flushing: OpenBatch | undefined;
  #running = false;
  #failure: { readonly error: unknown } | undefined;

  /** `onFlushed` runs before the appenders hear of it; `onFailed` after they do. */
  constructor(journal: Journal, on: { flushed(batch: FlushedBatch): void; failed(error: unknown): void }) {
    this.#journal = journal;
    this.#onFlushed = on.flushed;
    this.#onFailed = on.failed;
  }

  /** Resolves once the records are durable. `revision` and `entryCount` are those after them. */
  append(part: {
    readonly records: readonly JournalRecord[];
    readonly changes: readonly StoreChange[];
    readonly revision: number;
    readonly entryCount: number;
  }): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure.error);
    const batch = (this.#waiting ??= openBatch());
    for (const record of part.records) batch.records.push(record);
    for (const change of part.changes) batch.changes.push(change);
    batch.revision = part.revision;
    batch.entryCount = part.entryCount;
    if (!this.#running) void this.#flush();
    return batch.flushed;
  }

  /** Resolves once everything appended so far is durable. */
  barrier(): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure.error);
    return (this.#waiting ?? this.#flushing)?.flushed ?? Promise.resolve();
  }

  /** Takes transactions again, after the journal was loaded anew. */
  resume(): void {
    this.#failure = undefined;
  }

  async #flush(): Promise<void> {
    this.#running = true;
    // One turn later, so that what is appended in the same turn shares the batch.
    await Promise.resolve();
    while (this.#waiting) {
      const batch = this.#waiting;
      this.#flushing = batch;
      this.#waiting = undefined;
      try {
        await this.#journal.append(batch);
      } catch (error) {
        this.#fail(batch, error);
        break;
      }
      this.#onFlushed(batch);
      batch.settle();
    }
    this.#flushing = undefined;
    this.#running = false;
  }

  #fail(batch: OpenBatch, error: unknown): void {
    const rejected = [batch, this.#waiting];
    this.#failure = { error };
    this.#waiting = undefined;
    for (const open of rejected) open?.settle(error);
    this.#onFailed(error);
  }
}

function openBatch(): OpenBatch {
  let settle: OpenBatch["settle"] = () => {};
  const flushed = new Promise<void>((resolve, reject) => {
    settle = (error?: unknown) => (error === undefined ? resolve() : reject(error));
  });
  // Appenders have their own branch of the promise; a batch that nobody waits for any more must not end the process.
  flushed.catch(() => {});
  return { records: [], changes: [], revision: 0, entryCount: 0, flushed, settle };
}
