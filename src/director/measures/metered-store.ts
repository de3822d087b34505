import type { Clock } from "../../core/clock";
import type { Session, Store, StoreEntry, Transaction, TransactionResult, WatchEvent } from "../../store/store";
import { LATENCY_CLASSES, latencyClass } from "./latency-scale";

/** A store that is measured: what it is asked, how long it takes to answer, and how often it does not. */
export class MeteredStore implements Store {
  readonly #store: Store;
  readonly #clock: Clock;
  /** Answers, by class of latency. */
  readonly latency = new Float64Array(LATENCY_CLASSES);
  latencySumMs = 0;
  failures = 0;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  get engine(): string {
    return this.#store.engine;
  }

  get(key: string): Promise<StoreEntry | undefined> {
    return this.#measured(this.#store.get(key));
  }

  list(prefix: string): ReturnType<Store["list"]> {
    return this.#measured(this.#store.list(prefix));
  }

  commit(transaction: Transaction): Promise<TransactionResult> {
    return this.#measured(this.#store.commit(transaction));
  }

  put(key: string, value: Uint8Array, session?: Session): Promise<number> {
    return this.#measured(this.#store.put(key, value, session));
  }

  delete(key: string): Promise<boolean> {
    return this.#measured(this.#store.delete(key));
  }

  openSession(options: { readonly ttlMs: number }): Promise<Session> {
    return this.#measured(this.#store.openSession(options));
  }

  watch(prefix: string, signal: AbortSignal): AsyncIterable<WatchEvent> {
    return this.#store.watch(prefix, signal);
  }

  isAvailable(): boolean {
    return this.#store.isAvailable();
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  async #measured<T>(answer: Promise<T>): Promise<T> {
    const askedAtMs = this.#clock.monotonicMs();
    try {
      const result = await answer;
      const latencyMs = this.#clock.monotonicMs() - askedAtMs;
      this.latency[latencyClass(latencyMs)]! += 1;
      this.latencySumMs += latencyMs;
      return result;
    } catch (error) {
      this.failures += 1;
      throw error;
    }
  }
}
