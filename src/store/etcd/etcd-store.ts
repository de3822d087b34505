import type { Clock } from "../../core/clock";
import { FabricError, messageOf } from "../../core/errors";
import type { Logger } from "../../core/logger";
import type { Random } from "../../core/random";
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
import { EtcdEndpoint, isRefusal } from "./etcd-endpoint";
import type { EtcdEndpointOptions, EtcdWrite, KeyRange, RangeAnswer, WatchListener } from "./etcd-endpoint";
import { EtcdEndpoints } from "./etcd-endpoints";
import { EtcdSession } from "./etcd-session";
import { PrefixWatch } from "./prefix-watch";

export interface EtcdStoreOptions {
  /** At least one of `host:port`, `http://host:port` or, all of them, `https://host:port`. */
  readonly endpoints: readonly string[];
  /** What comes before every key, so that clusters can share an etcd. Default "/heddle/". */
  readonly keyPrefix?: string;
  readonly tls?: NonNullable<EtcdEndpointOptions["tls"]>;
  readonly auth?: NonNullable<EtcdEndpointOptions["auth"]>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** How long an operation waits for etcd. Default 3,000: an election of etcd's own leader takes about 1,000. */
  readonly timeoutMs?: number;
  /** Time between the lists that confirm a watch. Default 60,000. */
  readonly relistIntervalMs?: number;
  /** Changes that may wait for one slow watcher before it gets a snapshot instead. Default 1,024. */
  readonly watchBacklogMax?: number;
}

/**
 * The store in an etcd cluster (3.4 or newer). A write is sent once, to one server; what became of it when the answer is lost
 * is not guessed (S6). Reads are repeated on the other servers, within the same time.
 */
export class EtcdStore implements Store {
  readonly engine = "etcd";
  readonly #endpoints: EtcdEndpoints;
  readonly #keyPrefix: string;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #logger: Logger;
  readonly #timeoutMs: number;
  readonly #relistIntervalMs: number;
  readonly #watchBacklogMax: number;
  readonly #sessions = new Set<EtcdSession>();
  readonly #closed = new AbortController();
  #available = false;

  constructor(options: EtcdStoreOptions) {
    const { endpoints, clock, random, tls, auth } = options;
    checkEndpoints(endpoints);
    this.#endpoints = new EtcdEndpoints(
      endpoints.map((address) => new EtcdEndpoint({ address, clock, ...(tls && { tls }), ...(auth && { auth }) })),
      random,
    );
    this.#keyPrefix = options.keyPrefix ?? "/heddle/";
    checkPrefix(this.#keyPrefix);
    this.#clock = clock;
    this.#random = random;
    this.#logger = options.logger.child({ store: "etcd" });
    this.#timeoutMs = options.timeoutMs ?? 3_000;
    this.#relistIntervalMs = options.relistIntervalMs ?? 60_000;
    this.#watchBacklogMax = options.watchBacklogMax ?? 1_024;
  }

  async get(key: string): Promise<StoreEntry | undefined> {
    checkKey(key);
    const range: KeyRange = { key: Buffer.from(this.#keyPrefix + key) };
    const { entries } = await this.#read(`get "${key}"`, range);
    return entries[0];
  }

  async list(prefix: string): Promise<{ readonly revision: number; readonly entries: readonly StoreEntry[] }> {
    checkPrefix(prefix);
    const { revision, entries } = await this.#read(`list "${prefix}"`, this.#rangeOf(prefix));
    return { revision, entries };
  }

  async commit(transaction: Transaction): Promise<TransactionResult> {
    checkTransaction(transaction);
    const { succeeded, revision } = await this.#transact("commit", transaction);
    return { succeeded, revision };
  }

  async put(key: string, value: Uint8Array, session?: Session): Promise<number> {
    const operation: Operation = { kind: "put", key, value, ...(session && { session }) };
    const transaction: Transaction = { conditions: [], operations: [operation] };
    checkTransaction(transaction);
    return (await this.#transact(`put "${key}"`, transaction)).revision;
  }

  async delete(key: string): Promise<boolean> {
    checkKey(key);
    const operation: Operation = { kind: "delete", key };
    const { deletedCount } = await this.#transact(`delete "${key}"`, { conditions: [], operations: [operation] });
    return deletedCount > 0;
  }

  async openSession({ ttlMs: askedTtlMs }: { readonly ttlMs: number }): Promise<Session> {
    checkTtl(askedTtlMs);
    const grantedMs = this.#clock.monotonicMs();
    const { leaseId, ttlMs } = await this.#ask("open a session", (endpoint) =>
      // Whole seconds are all that etcd has.
      endpoint.grantLease(Math.ceil(askedTtlMs / 1_000), this.#timeoutMs),
    );
    const session: EtcdSession = new EtcdSession({
      leaseId,
      ttlMs,
      grantedMs,
      clock: this.#clock,
      calls: {
        renew: (id, timeoutMs) =>
          this.#ask("renew a session", (endpoint) => endpoint.renewLease(id, Math.min(timeoutMs, this.#timeoutMs))),
        revoke: (id) =>
          this.#ask("revoke a session", (endpoint) => endpoint.revokeLease(id, this.#timeoutMs)).catch(
            (error: unknown) => {
              this.#logger.debug("a session was not revoked; its lease runs out", { error: messageOf(error) });
            },
          ),
      },
      onEnd: () => this.#sessions.delete(session),
    });
    this.#sessions.add(session);
    return session;
  }

  async *watch(prefix: string, signal: AbortSignal): AsyncIterable<WatchEvent> {
    checkPrefix(prefix);
    const range = this.#rangeOf(prefix);
    const watch = new PrefixWatch({
      calls: {
        list: () => this.#read(`list "${prefix}" for a watch`, range),
        open: (startRevision, listener) => this.#openStream(range, startRevision, listener),
      },
      clock: this.#clock,
      random: this.#random,
      logger: this.#logger.child({ prefix }),
      backlogMax: this.#watchBacklogMax,
      timeoutMs: this.#timeoutMs,
      relistIntervalMs: this.#relistIntervalMs,
    });
    const stopped = new AbortController();
    const ended = AbortSignal.any([signal, this.#closed.signal, stopped.signal]);
    if (ended.aborted) return;
    ended.addEventListener("abort", () => watch.feed.end(), { once: true });
    const running = watch.run(ended);
    try {
      for (;;) {
        const event = await watch.feed.next();
        if (event === undefined) return;
        yield event;
      }
    } finally {
      stopped.abort();
      await running;
    }
  }

  isAvailable(): boolean {
    return this.#available;
  }

  async close(): Promise<void> {
    if (this.#closed.signal.aborted) return;
    this.#available = false;
    this.#closed.abort(new FabricError("STORE_UNAVAILABLE", "The store is closed."));
    // Without revoking: that would need etcd's answer. Whoever wants the keys gone at once closes the session first.
    for (const session of [...this.#sessions]) session.end("The store was closed.");
    this.#endpoints.close();
  }

  async #read(what: string, range: KeyRange): Promise<RangeAnswer> {
    const attemptsMax = this.#endpoints.count;
    // The share of each server, so that one that hangs leaves time for the others.
    const timeoutMs = this.#timeoutMs / attemptsMax;
    for (let attempt = 1; ; attempt += 1) {
      try {
        const answer = await this.#ask(what, (endpoint) => endpoint.range(range, timeoutMs));
        return { ...answer, entries: answer.entries.map((entry) => this.#withoutPrefix(entry)) };
      } catch (error) {
        if (attempt >= attemptsMax || this.#closed.signal.aborted) throw error;
      }
    }
  }

  #transact(what: string, { conditions, operations }: Transaction) {
    return this.#ask(what, (endpoint) =>
      endpoint.transact(
        conditions.map((condition) => ({ ...condition, key: this.#keyPrefix + condition.key })),
        operations.map((operation) => this.#toWrite(operation)),
        this.#timeoutMs,
      ),
    );
  }

  /** Asks the current server, once. A server that does not answer is left for the next one, which the next call asks. */
  async #ask<T>(what: string, call: (endpoint: EtcdEndpoint) => Promise<T>): Promise<T> {
    this.#assertOpen(what);
    const endpoint = this.#endpoints.current();
    try {
      const answer = await call(endpoint);
      this.#assertOpen(what);
      this.#available = true;
      return answer;
    } catch (error) {
      if (this.#closed.signal.aborted) this.#assertOpen(what, error);
      if (error instanceof FabricError) throw error;
      if (!isRefusal(error)) {
        this.#available = false;
        this.#endpoints.moveOnFrom(endpoint);
      }
      throw new FabricError("STORE_UNAVAILABLE", `${what}: etcd at ${endpoint.address}: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  #openStream(range: KeyRange, startRevision: number, listener: WatchListener) {
    const endpoint = this.#endpoints.current();
    const end = endpoint.watch(range, startRevision, {
      created: listener.created,
      changes: (changes) => listener.changes(changes.map((change) => this.#changeWithoutPrefix(change))),
      ended: listener.ended,
    });
    return { end, failed: () => this.#endpoints.moveOnFrom(endpoint) };
  }

  #toWrite(operation: Operation): EtcdWrite {
    const key = this.#keyPrefix + operation.key;
    if (operation.kind === "delete") return { kind: "delete", key };
    const { value, session } = operation;
    // Refused here too, not only by etcd: its clock may run behind ours.
    if (session && !session.isAlive()) {
      throw new FabricError(
        "STORE_UNAVAILABLE",
        `put "${operation.key}": its session ${session.leaseId} is lost. Nothing was changed.`,
      );
    }
    return { kind: "put", key, value, ...(session && { leaseId: session.leaseId }) };
  }

  #rangeOf(prefix: string): KeyRange {
    const start = Buffer.from(this.#keyPrefix + prefix);
    // "\0" to "\0" is etcd's way to say "everything".
    if (start.length === 0) return { key: Buffer.from([0]), end: Buffer.from([0]) };
    const end = Buffer.from(start);
    // Keys are ASCII, so the last byte can always rise by one.
    end[end.length - 1]! += 1;
    return { key: start, end };
  }

  #withoutPrefix(entry: StoreEntry): StoreEntry {
    return { ...entry, key: entry.key.slice(this.#keyPrefix.length) };
  }

  #changeWithoutPrefix(change: StoreChange): StoreChange {
    if (change.kind === "put") return { kind: "put", entry: this.#withoutPrefix(change.entry) };
    return { ...change, key: change.key.slice(this.#keyPrefix.length) };
  }

  #assertOpen(what: string, cause?: unknown): void {
    if (!this.#closed.signal.aborted) return;
    throw new FabricError("STORE_UNAVAILABLE", `${what}: the store is closed.`, { cause });
  }
}

function checkEndpoints(endpoints: readonly string[]): void {
  const secureCount = endpoints.filter((endpoint) => endpoint.startsWith("https://")).length;
  const remedy = 'Give one or more of "host:port", "http://host:port", or only "https://host:port".';
  if (endpoints.length === 0) throw new FabricError("INVALID_ARGUMENT", `There is no etcd endpoint. ${remedy}`);
  for (const endpoint of endpoints) {
    if (
      !/^(https?:\/\/)?[^\s/:]+:\d{1,5}$/.test(endpoint) &&
      !/^(https?:\/\/)?\[[0-9a-fA-F:]+\]:\d{1,5}$/.test(endpoint)
    ) {
      throw new FabricError("INVALID_ARGUMENT", `etcd endpoint "${endpoint}" is malformed. ${remedy}`);
    }
  }
  if (secureCount > 0 && secureCount < endpoints.length) {
    throw new FabricError("INVALID_ARGUMENT", `Some etcd endpoints are https and some are not. ${remedy}`);
  }
}
