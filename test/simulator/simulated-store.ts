import { FabricError } from "../../src/core/errors";
import type { Random } from "../../src/core/random";
import { EtcdSession } from "../../src/store/etcd/etcd-session";
import type { Operation, Session, Store, Transaction, TransactionResult, WatchEvent } from "../../src/store/store";
import type { ManualClock } from "../../src/testing/manual-clock";
import { MemoryPipe } from "../../src/testing/memory-pipe";
import type { MemoryHost } from "../../src/testing/memory-network";
import type { StoreFault } from "./scenario";

/** How long a client waits for an answer. */
const TIMEOUT_MS = 2_000;
const REWATCH_MS = 200;
const FLAKY_RATIO = 1 / 3;

interface Lease {
  readonly session: Session;
  readonly owner: string;
  readonly ttlMs: number;
  cancelExpiry: () => void;
}

/** A transaction that the store has done. */
export interface Done {
  readonly by: string;
  readonly transaction: Transaction;
  readonly revision: number;
}

/**
 * A linearizable store that every director reaches over a path of its own: the embedded one, with leases that run out on its own
 * clock unless a renewal arrives, as those of etcd do. What its clients gave up long ago may still arrive, and is done then: that
 * is what fences are for.
 */
export class SimulatedStore {
  /** Where it runs. */
  readonly host: MemoryHost;
  readonly #inner: Store;
  readonly #clock: ManualClock;
  readonly #random: Random;
  readonly #leases = new Map<string, Lease>();
  readonly #paths = new Map<string, StorePath>();
  /** Told of each transaction that was done, in the order in which it was. */
  onDone: (done: Done) => void = () => {};

  constructor(inner: Store, host: MemoryHost, clock: ManualClock, random: Random) {
    this.#inner = inner;
    this.host = host;
    this.#clock = clock;
    this.#random = random;
  }

  get inner(): Store {
    return this.#inner;
  }

  /** What a process has for a store. */
  client(host: MemoryHost): SimulatedStoreClient {
    return new SimulatedStoreClient(this, host, this.path(host.name), this.#clock, this.#random);
  }

  /** The way from that director to the store. */
  path(name: string): StorePath {
    let path = this.#paths.get(name);
    if (!path) this.#paths.set(name, (path = new StorePath()));
    return path;
  }

  /** What is held back on every path arrives, unless something is still in the way. */
  release(): void {
    for (const path of this.#paths.values()) path.release();
  }

  healAll(): void {
    for (const path of this.#paths.values()) path.heal();
  }

  /** Lets the leases of one director run out now. */
  expireLeases(owner: string): void {
    for (const [leaseId, lease] of this.#leases) if (lease.owner === owner) void this.revoke(leaseId);
  }

  async grant(owner: string, ttlMs: number): Promise<{ leaseId: string; ttlMs: number }> {
    const session = await this.#inner.openSession({ ttlMs });
    const lease: Lease = { session, owner, ttlMs: session.ttlMs, cancelExpiry: () => {} };
    this.#leases.set(session.leaseId, lease);
    this.#arm(session.leaseId, lease);
    return { leaseId: session.leaseId, ttlMs: session.ttlMs };
  }

  /** The milliseconds that it has left; 0 when it is gone. */
  renew(leaseId: string): Promise<number> {
    const lease = this.#leases.get(leaseId);
    if (!lease) return Promise.resolve(0);
    this.#arm(leaseId, lease);
    return Promise.resolve(lease.ttlMs);
  }

  async revoke(leaseId: string): Promise<void> {
    const lease = this.#leases.get(leaseId);
    if (!lease) return;
    lease.cancelExpiry();
    this.#leases.delete(leaseId);
    await lease.session.close();
  }

  async commit(by: string, { conditions, operations }: Transaction): Promise<TransactionResult> {
    const leased = operations.map((operation): Operation => {
      if (operation.kind === "delete" || !operation.session) return operation;
      const lease = this.#leases.get(operation.session.leaseId);
      if (!lease) throw new FabricError("STORE_UNAVAILABLE", "requested lease not found");
      return { ...operation, session: lease.session };
    });
    const result = await this.#inner.commit({ conditions, operations: leased });
    if (result.succeeded) this.onDone({ by, transaction: { conditions, operations }, revision: result.revision });
    return result;
  }

  close(): void {
    for (const lease of this.#leases.values()) lease.cancelExpiry();
    this.#leases.clear();
  }

  #arm(leaseId: string, lease: Lease): void {
    lease.cancelExpiry();
    lease.cancelExpiry = this.#clock.after(lease.ttlMs, () => void this.revoke(leaseId));
  }
}

/** One director's way to the store, there and back. All that it runs on is one at a time. */
export class StorePath {
  #fault: StoreFault | undefined;
  readonly #pipes = new Set<MemoryPipe>();
  readonly #broken = new Set<(reason: string) => void>();

  get fault(): StoreFault | undefined {
    return this.#fault;
  }

  fail(fault: StoreFault): void {
    this.#fault = fault;
    if (fault === "refused") this.cut("the store went away");
  }

  heal(): void {
    this.#fault = undefined;
    this.release();
  }

  get holdsRequests(): boolean {
    return this.#fault === "requests-held" || this.#fault === "silent";
  }

  get holdsAnswers(): boolean {
    return this.#fault === "answers-held" || this.#fault === "silent";
  }

  /** Ends what is under way: the connection broke. */
  cut(reason: string): void {
    for (const broken of [...this.#broken]) broken(reason);
  }

  onBreak(broken: (reason: string) => void): () => void {
    this.#broken.add(broken);
    return () => this.#broken.delete(broken);
  }

  add(pipe: MemoryPipe): MemoryPipe {
    this.#pipes.add(pipe);
    return pipe;
  }

  remove(pipe: MemoryPipe): void {
    this.#pipes.delete(pipe);
  }

  release(): void {
    for (const pipe of this.#pipes) pipe.release();
  }
}

/** A process's client of the store; like the one for etcd, with the very same session. */
export class SimulatedStoreClient implements Store {
  readonly engine = "simulated";
  readonly #store: SimulatedStore;
  readonly #host: MemoryHost;
  readonly #path: StorePath;
  readonly #random: Random;
  readonly #closed = new AbortController();
  readonly #sessions = new Set<EtcdSession>();
  readonly #requests: MemoryPipe;
  readonly #answers: MemoryPipe;
  #available = true;

  constructor(store: SimulatedStore, host: MemoryHost, path: StorePath, clock: ManualClock, random: Random) {
    this.#store = store;
    this.#host = host;
    this.#path = path;
    this.#random = random;
    const at = store.host;
    const packetMs = () => 1 + random.below(path.fault === "slow" ? 500 : 3);
    this.#requests = path.add(
      new MemoryPipe({ clock, from: host, to: at, packetMs, isBlocked: () => path.holdsRequests }),
    );
    this.#answers = path.add(
      new MemoryPipe({ clock, from: at, to: host, packetMs, isBlocked: () => path.holdsAnswers }),
    );
  }

  get(key: string) {
    return this.#call(() => this.#store.inner.get(key));
  }

  list(prefix: string) {
    return this.#call(() => this.#store.inner.list(prefix));
  }

  commit(transaction: Transaction): Promise<TransactionResult> {
    const over = transaction.operations.find(
      (operation) => operation.kind === "put" && operation.session && !operation.session.isAlive(),
    );
    if (over) return Promise.reject(unavailable("the session of a put is over"));
    return this.#call(() => this.#store.commit(this.#host.name, transaction));
  }

  async put(key: string, value: Uint8Array, session?: Session): Promise<number> {
    const operation: Operation = { kind: "put", key, value, ...(session && { session }) };
    return (await this.commit({ conditions: [], operations: [operation] })).revision;
  }

  async delete(key: string): Promise<boolean> {
    return this.#call(async () => {
      const existed = (await this.#store.inner.get(key)) !== undefined;
      await this.#store.commit(this.#host.name, { conditions: [], operations: [{ kind: "delete", key }] });
      return existed;
    });
  }

  async openSession({ ttlMs }: { readonly ttlMs: number }): Promise<Session> {
    const grantedMs = this.#host.clock.monotonicMs();
    const granted = await this.#call(() => this.#store.grant(this.#host.name, ttlMs));
    const session: EtcdSession = new EtcdSession({
      ...granted,
      grantedMs,
      clock: this.#host.clock,
      calls: {
        renew: (leaseId, timeoutMs) => this.#call(() => this.#store.renew(leaseId), timeoutMs),
        revoke: (leaseId) => this.#call(() => this.#store.revoke(leaseId)).catch(() => {}),
      },
      onEnd: () => this.#sessions.delete(session),
    });
    this.#sessions.add(session);
    return session;
  }

  async *watch(prefix: string, signal: AbortSignal): AsyncIterable<WatchEvent> {
    const ended = AbortSignal.any([signal, this.#closed.signal]);
    while (!ended.aborted) {
      if (this.#path.fault === "refused") await this.#host.clock.sleep(REWATCH_MS, ended).catch(() => {});
      else yield* this.#watchOnce(prefix, ended);
    }
  }

  isAvailable(): boolean {
    return this.#available;
  }

  close(): Promise<void> {
    this.#closed.abort();
    for (const session of [...this.#sessions]) session.end("The store was closed.");
    for (const pipe of [this.#requests, this.#answers]) this.#path.remove(pipe);
    return Promise.resolve();
  }

  /** Until the connection breaks. */
  async *#watchOnce(prefix: string, ended: AbortSignal): AsyncIterable<WatchEvent> {
    const broken = new AbortController();
    const over = AbortSignal.any([ended, broken.signal]);
    const arrived: WatchEvent[] = [];
    let wake = () => {};
    const pump = async () => {
      for await (const event of this.#store.inner.watch(prefix, over)) {
        this.#answers.send(() => {
          arrived.push(event);
          wake();
        });
      }
    };
    this.#requests.send(() => void pump());
    const onOver = () => wake();
    over.addEventListener("abort", onOver);
    const forget = this.#path.onBreak(() => broken.abort());
    try {
      while (!over.aborted) {
        const event = arrived.shift();
        if (!event) await new Promise<void>((resolve) => (wake = resolve));
        else if (!this.#host.dead) yield event;
      }
    } finally {
      forget();
      over.removeEventListener("abort", onOver);
      broken.abort();
    }
  }

  #call<T>(operation: () => Promise<T>, timeoutMs = TIMEOUT_MS): Promise<T> {
    if (this.#host.dead) return new Promise(() => {});
    if (this.#closed.signal.aborted) return Promise.reject(unavailable("the store is closed"));
    return new Promise<T>((resolve, reject) => {
      let isSettled = false;
      const settle = (available: boolean, tell: () => void) => {
        if (isSettled || this.#host.dead) return;
        isSettled = true;
        this.#available = available;
        cancelTimeout();
        forget();
        tell();
      };
      const fail = (reason: string) => settle(false, () => reject(unavailable(reason)));
      const cancelTimeout = this.#host.clock.after(timeoutMs, () => fail(`no answer within ${timeoutMs} ms`));
      const forget = this.#path.onBreak(fail);
      if (this.#path.fault === "refused") {
        this.#answers.send(() => fail("connection refused"));
        return;
      }
      const isLost = this.#path.fault === "flaky" && this.#random.unit() < FLAKY_RATIO;
      if (isLost && this.#random.unit() < 0.5) {
        this.#answers.send(() => fail("connection reset"));
        return;
      }
      const answer = (tell: () => void) => {
        if (isLost) this.#answers.send(() => fail("connection reset after it was sent"));
        else this.#answers.send(tell);
      };
      this.#requests.send(() => {
        operation().then(
          (value) => answer(() => settle(true, () => resolve(value))),
          (error: Error) => answer(() => settle(true, () => reject(error))),
        );
      });
    });
  }
}

function unavailable(reason: string): FabricError {
  return new FabricError("STORE_UNAVAILABLE", `${reason}.`);
}
