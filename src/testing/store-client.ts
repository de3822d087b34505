import { FabricError } from "../core/errors";
import { EtcdSession } from "../store/etcd/etcd-session";
import type { Operation, Session, Store, Transaction, WatchEvent } from "../store/store";
import type { MemoryHost } from "./memory-host";
import type { MemoryPipe } from "./memory-pipe";
import type { StoreServer } from "./store-server";

/** As with etcd. */
const TIMEOUT_MS = 3_000;

export interface StoreClientParts {
  readonly host: MemoryHost;
  readonly server: StoreServer;
  readonly toServer: MemoryPipe;
  readonly toClient: MemoryPipe;
}

/**
 * One process's connection to a store that others use as well, over the network: what happens to packets happens to its requests
 * and answers, and a session lives by its renewals, fenced by the same code as with etcd. Closing it leaves the store open; what
 * hung on its leases goes when they run out. A process that died does nothing any more.
 */
export class StoreClient implements Store {
  readonly #parts: StoreClientParts;
  readonly #closed = new AbortController();
  readonly #watches = new AbortController();
  readonly #sessions = new Map<string, EtcdSession>();
  /** Of the requests that have no answer yet. */
  readonly #waiting = new Set<() => void>();
  #available = true;

  constructor(parts: StoreClientParts) {
    this.#parts = parts;
  }

  get engine(): string {
    return this.#parts.server.store.engine;
  }

  get(key: string) {
    return this.#request(`get "${key}"`, (store) => store.get(key));
  }

  list(prefix: string) {
    return this.#request(`list "${prefix}"`, (store) => store.list(prefix));
  }

  commit({ conditions, operations }: Transaction) {
    return this.#request("commit", async (store) =>
      store.commit({ conditions, operations: operations.map((operation) => this.#atServer(operation)) }),
    );
  }

  async put(key: string, value: Uint8Array, session?: Session): Promise<number> {
    const operation: Operation = { kind: "put", key, value, ...(session && { session }) };
    return (await this.commit({ conditions: [], operations: [operation] })).revision;
  }

  delete(key: string) {
    return this.#request(`delete "${key}"`, (store) => store.delete(key));
  }

  async openSession({ ttlMs }: { readonly ttlMs: number }): Promise<Session> {
    const { host, server } = this.#parts;
    const grantedMs = host.clock.monotonicMs();
    const leaseId = await this.#request("open a session", () => server.grant(ttlMs));
    const session = new EtcdSession({
      leaseId,
      ttlMs,
      grantedMs,
      clock: host.clock,
      calls: {
        renew: (id, timeoutMs) => this.#request("renew a lease", async () => server.renew(id), timeoutMs),
        revoke: (id) => this.#request("revoke a lease", () => server.revoke(id)).catch(() => {}),
      },
      onEnd: () => void this.#sessions.delete(leaseId),
    });
    this.#sessions.set(leaseId, session);
    return session;
  }

  async *watch(prefix: string, signal: AbortSignal): AsyncIterable<WatchEvent> {
    const ended = AbortSignal.any([signal, this.#closed.signal]);
    const events: WatchEvent[] = [];
    let wake = () => {};
    const onEnd = () => wake();
    ended.addEventListener("abort", onEnd, { once: true });
    this.#parts.toServer.send(() => {
      void this.#sendEvents(prefix, AbortSignal.any([ended, this.#watches.signal]), (event) => {
        events.push(event);
        wake();
      });
    });
    try {
      while (!ended.aborted) {
        const event = events.shift();
        if (event) yield event;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      ended.removeEventListener("abort", onEnd);
    }
  }

  isAvailable(): boolean {
    return this.#available;
  }

  close(): Promise<void> {
    this.#closed.abort();
    for (const onClose of [...this.#waiting]) onClose();
    for (const session of [...this.#sessions.values()]) session.end("The store was closed.");
    return Promise.resolve();
  }

  /** The process died: the store sends it nothing more, and it is told nothing. Its leases run out. */
  abandon(): void {
    this.#watches.abort();
    this.#parts.toClient.close();
  }

  /** Ends its leases at the store, with their keys. It learns of that by its next renewal. */
  async loseLeases(): Promise<void> {
    await Promise.all([...this.#sessions.keys()].map((leaseId) => this.#parts.server.revoke(leaseId)));
  }

  async #sendEvents(prefix: string, ended: AbortSignal, take: (event: WatchEvent) => void): Promise<void> {
    const { server, toClient } = this.#parts;
    for await (const event of server.store.watch(prefix, ended)) toClient.send(() => take(event));
  }

  #atServer(operation: Operation): Operation {
    if (operation.kind === "delete" || !operation.session) return operation;
    const session = this.#parts.server.session(operation.session.leaseId);
    if (session) return { ...operation, session };
    const what = `put "${operation.key}": its session ${operation.session.leaseId} is lost. Nothing was changed.`;
    throw new FabricError("STORE_UNAVAILABLE", what);
  }

  /** There and back. One that arrives later than its sender waits for it does nothing. */
  #request<T>(what: string, operation: (store: Store) => Promise<T>, timeoutMs = TIMEOUT_MS): Promise<T> {
    const { host, server, toServer, toClient } = this.#parts;
    if (this.#closed.signal.aborted) {
      return Promise.reject(new FabricError("STORE_UNAVAILABLE", "The store is closed. Nothing was changed."));
    }
    return new Promise((resolve, reject) => {
      let over = false;
      const settle = (isAnswered: boolean, tell: () => void) => {
        if (over) return;
        over = true;
        cancel();
        this.#waiting.delete(onClose);
        this.#available = isAnswered;
        tell();
      };
      const fail = (error: unknown) => settle(!isUnavailable(error), () => reject(error));
      const onClose = () => fail(new FabricError("STORE_UNAVAILABLE", `${what}: the store was closed.`));
      const cancel = host.clock.after(timeoutMs, () => {
        const late = `${what}: no answer within ${timeoutMs} ms; it may still happen.`;
        fail(new FabricError("STORE_UNAVAILABLE", late));
      });
      this.#waiting.add(onClose);
      toServer.send(() => {
        if (over) return;
        operation(server.store).then(
          (answer) => toClient.send(() => settle(true, () => resolve(answer))),
          (error: unknown) => toClient.send(() => fail(error)),
        );
      });
    });
  }
}

function isUnavailable(error: unknown): boolean {
  return error instanceof FabricError && error.code === "STORE_UNAVAILABLE";
}
