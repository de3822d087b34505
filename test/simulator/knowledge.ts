import type { Connection } from "../../src/core/call";
import type { Clock } from "../../src/core/clock";
import type { MemberRecord } from "../../src/core/member";
import { CLUSTER_PREFIX, KEYS, readFact } from "../../src/director/records";
import type { Store, Transaction, WatchEvent } from "../../src/store/store";
import { WatchEndpointsResponse } from "../../generated/heddle/v1/director";

const WATCH_ENDPOINTS = "/heddle.v1.DirectorService/WatchEndpoints";

interface Known {
  readonly record: MemberRecord | undefined;
  readonly revision: number;
  readonly sinceMs: number;
}

/**
 * What one director was told by the store, and what it told the store, as seen from outside of it: the watch's events once they
 * were delivered, and its own writes once they were acknowledged. While a write of its own about a member is under way or failed,
 * nothing is claimed to be known of it: the director may know better.
 */
export class DirectorKnowledge {
  readonly #clock: Clock;
  readonly #members = new Map<string, Known>();
  readonly #unsettled = new Map<string, number>();
  readonly #intents = new Map<string, { readonly kind: string; readonly sinceMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Why a call sent now would go to a member known to be unfit; undefined when it is not known to be. */
  objection(memberId: string): string | undefined {
    const nowMs = this.#clock.monotonicMs();
    const intent = this.#intents.get(memberId);
    if (intent && intent.sinceMs < nowMs && intent.kind !== "serving" && intent.kind !== "standby") {
      return `its operator set it ${intent.kind} ${nowMs - intent.sinceMs} ms ago`;
    }
    const known = this.#members.get(memberId);
    if (!known || known.sinceMs >= nowMs || (this.#unsettled.get(memberId) ?? 0) > 0) return undefined;
    // One whose record is gone may have lost it with its director's lease, and is kept while it answers.
    if (!known.record || known.record.state === "alive") return undefined;
    return `it is ${known.record.state}, which is known for ${nowMs - known.sinceMs} ms`;
  }

  /** The same store, listened to. */
  follow(store: Store): Store {
    const commit = (transaction: Transaction) => this.#commit(store, transaction);
    const watch = (prefix: string, signal: AbortSignal) => {
      const events = store.watch(prefix, signal);
      return prefix === CLUSTER_PREFIX ? this.#watch(events) : events;
    };
    return new Proxy(store, {
      get: (target, property) => {
        if (property === "commit") return commit;
        if (property === "watch") return watch;
        const value: unknown = Reflect.get(target, property, target);
        return typeof value === "function" ? (value.bind(target) as unknown) : value;
      },
    });
  }

  async #commit(store: Store, transaction: Transaction) {
    const written = transaction.operations.flatMap((operation) => {
      const fact = readFact(operation.key, operation.kind === "put" ? operation.value : undefined);
      return fact?.kind === "member" ? [{ memberId: fact.id, record: fact.value }] : [];
    });
    for (const { memberId } of written) this.#unsettled.set(memberId, 1);
    const result = await store.commit(transaction);
    // One that failed leaves it unsettled, until a later one succeeds: the director shows its own view meanwhile.
    for (const { memberId, record } of written) {
      this.#unsettled.delete(memberId);
      if (result.succeeded) this.#learn(memberId, record, result.revision);
    }
    return result;
  }

  async *#watch(events: AsyncIterable<WatchEvent>): AsyncIterable<WatchEvent> {
    for await (const event of events) {
      this.#take(event);
      yield event;
    }
  }

  #take(event: WatchEvent): void {
    if (event.kind === "snapshot") {
      const present = new Set(event.entries.map(({ key }) => key));
      for (const { key, value, modRevision } of event.entries) this.#fact(key, value, modRevision);
      for (const [memberId, { revision }] of this.#members) {
        if (revision <= event.revision && !present.has(KEYS.member(memberId))) {
          this.#learn(memberId, undefined, event.revision);
        }
      }
      for (const memberId of this.#intents.keys()) {
        if (!present.has(KEYS.intent(memberId))) this.#intents.delete(memberId);
      }
      return;
    }
    for (const change of event.changes) {
      if (change.kind === "put") this.#fact(change.entry.key, change.entry.value, change.entry.modRevision);
      else this.#fact(change.key, undefined, change.modRevision);
    }
  }

  #fact(key: string, value: Uint8Array | undefined, revision: number): void {
    const fact = readFact(key, value);
    if (fact?.kind === "member") this.#learn(fact.id, fact.value, revision);
    if (fact?.kind !== "intent") return;
    const known = this.#intents.get(fact.id);
    if (!fact.value) this.#intents.delete(fact.id);
    else if (known?.kind !== fact.value.kind) {
      this.#intents.set(fact.id, { kind: fact.value.kind, sinceMs: this.#clock.monotonicMs() });
    }
  }

  #learn(memberId: string, record: MemberRecord | undefined, revision: number): void {
    const known = this.#members.get(memberId);
    if (known && known.revision >= revision) return;
    const sinceMs = known?.record?.state === record?.state && known ? known.sinceMs : this.#clock.monotonicMs();
    this.#members.set(memberId, { record, revision, sinceMs });
  }
}

/** The list of workers that a client in direct mode was last given. */
export class ClientKnowledge {
  readonly #clock: Clock;
  #listed: ReadonlyMap<string, number> | undefined;
  #atMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  objection(address: string): string | undefined {
    if (!this.#listed || this.#atMs >= this.#clock.monotonicMs() || this.#listed.has(address)) return undefined;
    return `it is not in the list given ${this.#clock.monotonicMs() - this.#atMs} ms ago`;
  }

  /** Since when it is in the list without a break; undefined when it is not. */
  listedSinceMs(address: string): number | undefined {
    return this.#listed?.get(address);
  }

  /** The same connection, listened to. */
  follow(connection: Connection): Connection {
    return listenTo(connection, (path) => (path === WATCH_ENDPOINTS ? (bytes) => this.#take(bytes) : undefined));
  }

  #take(bytes: Uint8Array): void {
    const nowMs = this.#clock.monotonicMs();
    const { endpoints } = WatchEndpointsResponse.decode(bytes);
    const before = this.#listed;
    this.#listed = new Map(endpoints.map(({ address }) => [address, before?.get(address) ?? nowMs]));
    this.#atMs = nowMs;
  }
}

/** A connection that tells what its calls send and get. `started` gives who wants the answers' messages. */
export function listenTo(
  connection: Connection,
  started: (path: string) => ((bytes: Uint8Array) => void) | undefined,
): Connection {
  return {
    address: connection.address,
    isReady: () => connection.isReady(),
    onReadiness: (listener) => connection.onReadiness(listener),
    close: () => connection.close(),
    start: (start, listener) => {
      const told = started(start.path);
      if (!told) return connection.start(start, listener);
      return connection.start(start, {
        headers: (headers) => listener.headers(headers),
        message: (bytes) => {
          told(bytes);
          return listener.message(bytes);
        },
        drained: () => listener.drained?.(),
        ended: (end) => listener.ended(end),
      });
    },
  };
}
