import { Backoff } from "../../core/backoff";
import type { CancelTimer, Clock } from "../../core/clock";
import { asFabricError, FabricError, messageOf } from "../../core/errors";
import type { Logger } from "../../core/logger";
import type { Random } from "../../core/random";
import { withinDeadline } from "../answer-deadline";
import { ChangeFeed } from "../change-feed";
import { checkKey, checkPrefix, checkTransaction, checkTtl } from "../limits";
import type {
  Operation,
  Session,
  Store,
  StoreChange,
  StoreEntry,
  Transaction,
  TransactionResult,
  WatchEvent,
} from "../store";
import { EmbeddedSession } from "./embedded-session";
import { GroupCommit } from "./group-commit";
import type { FlushedBatch } from "./group-commit";
import type { Journal, JournalRecord, StoredState } from "./journal";
import { KeySpace } from "./key-space";
import type { Write } from "./key-space";

export interface EmbeddedStoreOptions {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** How long an operation waits for the disk. Default 5,000: a busy disk flushes in well under one second. */
  readonly timeoutMs?: number;
  /** Changes that may wait for one slow watcher before it gets a snapshot instead. Default 1,024. */
  readonly watchBacklogMax?: number;
}

interface Lease {
  readonly ttlMs: number;
  cancelExpiry: CancelTimer;
}

type Phase =
  | { readonly kind: "open" }
  /** The disk refused a write, so memory may be ahead of it; reading it back until that works. */
  | { readonly kind: "recovering" }
  | { readonly kind: "closed" };

/**
 * The store inside the director's own process: keys in memory, made durable by a journal.
 *
 * A transaction is decided against memory at once, in one turn, which orders it; its batch is then flushed; then watchers and
 * the caller hear of it.
 * - B1: nothing leaves the store before it is durable: callers, readers and watchers wait for the flush of what they saw (S5).
 * - B2: batches are flushed, and published, in the order of their revisions (S1).
 * - B3: when a flush fails, everything that rests on it is rejected, the state is read back from the journal, and watchers get
 *   a fresh snapshot. No one has seen anything of what was given up (B1).
 * - B4: a lease that was granted is in the journal; at reopen it is armed with its full TTL, and nobody renews it.
 */
export class EmbeddedStore implements Store {
  readonly engine = "embedded";
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #logger: Logger;
  readonly #timeoutMs: number;
  readonly #watchBacklogMax: number;
  readonly #commits: GroupCommit;
  readonly #leases = new Map<string, Lease>();
  readonly #sessions = new Map<string, EmbeddedSession>();
  readonly #watches = new Map<ChangeFeed, string>();
  readonly #closed = new AbortController();
  #space: KeySpace;
  #phase: Phase = { kind: "open" };
  #durableRevision: number;
  /** Wakes watches that wait for `#durableRevision`, or for the state to be read back. */
  #progress = signalled();
  #recovery: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;

  /** Rejects when the journal cannot be opened: STORE_LOCKED, or STORE_UNUSABLE that says what is wrong with it. */
  static async open(options: EmbeddedStoreOptions): Promise<EmbeddedStore> {
    return new EmbeddedStore(options, await options.journal.load());
  }

  private constructor(options: EmbeddedStoreOptions, state: StoredState) {
    this.#journal = options.journal;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#logger = options.logger.child({ store: "embedded" });
    this.#timeoutMs = options.timeoutMs ?? 5_000;
    this.#watchBacklogMax = options.watchBacklogMax ?? 1_024;
    this.#commits = new GroupCommit(options.journal, {
      flushed: (batch) => this.#publish(batch),
      failed: (error) => {
        this.#recovery = this.#recover(error);
      },
    });
    this.#space = new KeySpace(state);
    this.#durableRevision = state.revision;
    this.#armStoredLeases(state);
  }

  async get(key: string): Promise<StoreEntry | undefined> {
    checkKey(key);
    this.#assertOpen();
    const entry = this.#space.get(key);
    await this.#answer(`get "${key}"`, this.#commits.barrier());
    return entry;
  }

  async list(prefix: string): Promise<{ readonly revision: number; readonly entries: readonly StoreEntry[] }> {
    checkPrefix(prefix);
    this.#assertOpen();
    const state = this.#space.list(prefix);
    await this.#answer(`list "${prefix}"`, this.#commits.barrier());
    return state;
  }

  async commit(transaction: Transaction): Promise<TransactionResult> {
    checkTransaction(transaction);
    this.#assertOpen();
    const writes = transaction.operations.map((operation) => this.#write(operation));
    if (!this.#space.meets(transaction.conditions)) {
      const { revision } = this.#space;
      await this.#answer("commit", this.#commits.barrier());
      return { succeeded: false, revision };
    }
    const durable = this.#apply(writes, []);
    const { revision } = this.#space;
    await this.#answer("commit", durable);
    return { succeeded: true, revision };
  }

  async put(key: string, value: Uint8Array, session?: Session): Promise<number> {
    const operation: Operation = { kind: "put", key, value, ...(session && { session }) };
    return (await this.commit({ conditions: [], operations: [operation] })).revision;
  }

  async delete(key: string): Promise<boolean> {
    checkKey(key);
    this.#assertOpen();
    const existed = this.#space.get(key) !== undefined;
    await this.#answer(`delete "${key}"`, this.#apply([{ kind: "delete", key }], []));
    return existed;
  }

  async openSession({ ttlMs }: { readonly ttlMs: number }): Promise<Session> {
    checkTtl(ttlMs);
    this.#assertOpen();
    const leaseId = this.#newLeaseId();
    const grantedMs = this.#clock.monotonicMs();
    // Known before it is durable, so that no other session can get the same id.
    this.#leases.set(leaseId, { ttlMs, cancelExpiry: () => {} });
    try {
      await this.#answer("open a session", this.#apply([], [{ kind: "grant", lease: { leaseId, ttlMs } }]));
    } catch (error) {
      // The grant may yet turn out to be durable, and nobody would ever revoke it.
      if (this.#phase.kind !== "closed") this.#expireAfter(leaseId, ttlMs);
      throw error;
    }
    this.#assertOpen();
    const session = new EmbeddedSession({
      leaseId,
      ttlMs,
      grantedMs,
      clock: this.#clock,
      revoke: async (afterMs) => {
        this.#sessions.delete(leaseId);
        if (afterMs > 0) this.#expireAfter(leaseId, afterMs);
        else await this.#revoke(leaseId);
      },
    });
    this.#sessions.set(leaseId, session);
    return session;
  }

  async *watch(prefix: string, signal: AbortSignal): AsyncIterable<WatchEvent> {
    checkPrefix(prefix);
    const feed = new ChangeFeed({ backlogMax: this.#watchBacklogMax, state: () => this.#space.list(prefix) });
    const ended = AbortSignal.any([signal, this.#closed.signal]);
    const onEnd = () => {
      feed.end();
      this.#progress.signal();
    };
    if (ended.aborted) return;
    ended.addEventListener("abort", onEnd, { once: true });
    this.#watches.set(feed, prefix);
    feed.reset();
    try {
      for (;;) {
        const event = await feed.next();
        if (event === undefined) return;
        if (event.kind === "snapshot" && !(await this.#becomesDurable(event.revision, ended))) {
          if (ended.aborted) return;
          feed.reset();
          continue;
        }
        yield event;
      }
    } finally {
      ended.removeEventListener("abort", onEnd);
      this.#watches.delete(feed);
    }
  }

  isAvailable(): boolean {
    return this.#phase.kind === "open";
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#phase = { kind: "closed" };
    // Like a crash to the leases: their keys stay until they run out, here or after the next open (B4).
    for (const session of this.#sessions.values()) session.abandon("The store was closed.");
    for (const lease of this.#leases.values()) lease.cancelExpiry();
    this.#closed.abort(new FabricError("STORE_UNAVAILABLE", "The store is closed."));
    this.#progress.signal();
    // What was accepted before is either acknowledged now or rejected.
    await this.#commits.barrier().catch(() => {});
    await this.#recovery;
    await this.#journal.close();
  }

  /** Does the writes in memory and hands them to the journal. */
  #apply(writes: readonly Write[], leaseRecords: readonly JournalRecord[]): Promise<void> {
    const changes = this.#space.apply(writes);
    const records = [...changes.map((change) => this.#recordOf(change)), ...leaseRecords];
    // A transaction that changes nothing still waits for what it saw.
    if (records.length === 0) return this.#commits.barrier();
    return this.#commits.append({ records, changes, revision: this.#space.revision, entryCount: this.#space.size });
  }

  #recordOf(change: StoreChange): JournalRecord {
    if (change.kind === "delete") return { kind: "delete", key: change.key };
    return { kind: "put", stored: { entry: change.entry, leaseId: this.#space.leaseOf(change.entry.key) } };
  }

  #write(operation: Operation): Write {
    if (operation.kind === "delete") return operation;
    const { key, value, session } = operation;
    if (session && (!session.isAlive() || !this.#sessions.has(session.leaseId))) {
      throw new FabricError(
        "STORE_UNAVAILABLE",
        `put "${key}": its session ${session.leaseId} is lost. Nothing was changed.`,
      );
    }
    return { kind: "put", key, value, leaseId: session?.leaseId };
  }

  async #answer(what: string, durable: Promise<void>): Promise<void> {
    try {
      await withinDeadline(this.#clock, this.#timeoutMs, what, durable);
    } catch (error) {
      throw asFabricError(error, "STORE_UNAVAILABLE");
    }
  }

  #publish({ revision, changes }: FlushedBatch): void {
    this.#durableRevision = revision;
    for (const [feed, prefix] of this.#watches) {
      feed.offer(
        revision,
        changes.filter((change) => keyOf(change).startsWith(prefix)),
      );
    }
    this.#progress.signal();
  }

  /** Waits until `revision` is durable; false when it was given up (B3) or the watch ended. */
  async #becomesDurable(revision: number, ended: AbortSignal): Promise<boolean> {
    const space = this.#space;
    while (!ended.aborted && space === this.#space) {
      if (this.#durableRevision >= revision) return true;
      await this.#progress.next();
    }
    return false;
  }

  async #recover(error: unknown): Promise<void> {
    if (this.#phase.kind === "closed") return;
    this.#phase = { kind: "recovering" };
    this.#logger.error("the journal refused a write; reading it back", { error: messageOf(error) });
    const backoff = new Backoff({ initialMs: 100, maxMs: 5_000 }, this.#random);
    for (;;) {
      try {
        await this.#clock.sleep(backoff.nextMs(), this.#closed.signal);
        const state = await this.#journal.load();
        if (this.#closed.signal.aborted) return;
        this.#resume(state);
        return;
      } catch (failure) {
        if (this.#closed.signal.aborted) return;
        this.#logger.error("the journal cannot be read back", { error: messageOf(failure) });
      }
    }
  }

  #resume(state: StoredState): void {
    this.#space = new KeySpace(state);
    this.#durableRevision = state.revision;
    this.#phase = { kind: "open" };
    this.#commits.resume();
    this.#armStoredLeases(state);
    for (const feed of this.#watches.keys()) feed.reset();
    this.#progress.signal();
    this.#logger.info("the journal works again", { revision: state.revision });
  }

  /** Arms what the journal holds and no session of this process renews (B4). */
  #armStoredLeases({ leases }: StoredState): void {
    for (const { leaseId, ttlMs } of leases) {
      if (this.#leases.has(leaseId)) continue;
      this.#leases.set(leaseId, { ttlMs, cancelExpiry: () => {} });
      this.#expireAfter(leaseId, ttlMs);
    }
  }

  #expireAfter(leaseId: string, delayMs: number): void {
    const lease = this.#leases.get(leaseId);
    if (!lease) return;
    lease.cancelExpiry();
    lease.cancelExpiry = this.#clock.after(delayMs, () => void this.#revoke(leaseId));
  }

  /** Deletes the lease and its keys. Does not reject: when the journal is away, it is tried again later. */
  async #revoke(leaseId: string): Promise<void> {
    const lease = this.#leases.get(leaseId);
    if (!lease || this.#phase.kind === "closed") return;
    lease.cancelExpiry();
    const writes = this.#space.keysUnder(leaseId).map((key): Write => ({ kind: "delete", key }));
    try {
      this.#assertOpen();
      await this.#answer("revoke a lease", this.#apply(writes, [{ kind: "revoke", leaseId }]));
      this.#leases.delete(leaseId);
    } catch {
      if (!this.#closed.signal.aborted) this.#expireAfter(leaseId, REVOKE_AGAIN_MS);
    }
  }

  #newLeaseId(): string {
    for (;;) {
      const leaseId = [0, 1]
        .map(() =>
          this.#random
            .below(2 ** 32)
            .toString(16)
            .padStart(8, "0"),
        )
        .join("");
      if (!this.#leases.has(leaseId)) return leaseId;
    }
  }

  #assertOpen(): void {
    switch (this.#phase.kind) {
      case "open":
        return;
      case "recovering":
        throw new FabricError(
          "STORE_UNAVAILABLE",
          "The journal refused a write and is being read back. Nothing was changed.",
        );
      case "closed":
        throw new FabricError("STORE_UNAVAILABLE", "The store is closed. Nothing was changed.");
    }
  }
}

const REVOKE_AGAIN_MS = 1_000;

function keyOf(change: StoreChange): string {
  return change.kind === "put" ? change.entry.key : change.key;
}

/** Lets many wait for the next `signal`. */
function signalled(): { next(): Promise<void>; signal(): void } {
  let resolve: () => void = () => {};
  let promise = new Promise<void>((done) => (resolve = done));
  return {
    next: () => promise,
    signal: () => {
      resolve();
      promise = new Promise<void>((done) => (resolve = done));
    },
  };
}
