import { FabricError } from "../core/errors";
import type { Session, Store, Transaction, WatchEvent } from "../store/store";
import type { MemoryHost } from "./memory-network";

/**
 * One process's connection to a store that others use as well. Closing it leaves the store open; what hung on its leases goes when
 * they run out, as with a client of etcd. A process that died does nothing any more.
 */
export class StoreClient implements Store {
  readonly #inner: Store;
  readonly #host: MemoryHost;
  readonly #later: (delayMs: number, action: () => void) => void;
  readonly #closed = new AbortController();
  readonly #sessions = new Set<Session>();

  /** `later` runs whatever happens to the process. */
  constructor(inner: Store, host: MemoryHost, later: (delayMs: number, action: () => void) => void) {
    this.#inner = inner;
    this.#host = host;
    this.#later = later;
  }

  get engine(): string {
    return this.#inner.engine;
  }

  get(key: string) {
    return this.#run(() => this.#inner.get(key));
  }

  list(prefix: string) {
    return this.#run(() => this.#inner.list(prefix));
  }

  commit(transaction: Transaction) {
    return this.#run(() => this.#inner.commit(transaction));
  }

  put(key: string, value: Uint8Array, session?: Session) {
    return this.#run(() => this.#inner.put(key, value, session));
  }

  delete(key: string) {
    return this.#run(() => this.#inner.delete(key));
  }

  async openSession(options: { readonly ttlMs: number }): Promise<Session> {
    const session = await this.#run(() => this.#inner.openSession(options));
    this.#sessions.add(session);
    return session;
  }

  async *watch(prefix: string, signal: AbortSignal): AsyncIterable<WatchEvent> {
    const ended = AbortSignal.any([signal, this.#closed.signal]);
    for await (const event of this.#inner.watch(prefix, ended)) if (!this.#host.dead) yield event;
  }

  isAvailable(): boolean {
    return this.#inner.isAvailable();
  }

  /** Also to be called for a process that died: its leases run out. */
  close(): Promise<void> {
    this.#closed.abort();
    for (const session of this.#sessions) this.#later(session.ttlMs, () => void session.close());
    this.#sessions.clear();
    return Promise.resolve();
  }

  #run<T>(operation: () => Promise<T>): Promise<T> {
    if (this.#host.dead) return new Promise(() => {});
    if (this.#closed.signal.aborted) {
      return Promise.reject(new FabricError("STORE_UNAVAILABLE", "The store is closed."));
    }
    return operation();
  }
}
