import type { Clock } from "../core/clock";
import { FabricError } from "../core/errors";
import type { Random } from "../core/random";
import type { Session, Store, Transaction, WatchEvent } from "../store/store";

/** How often something goes wrong, as ratios from 0 to 1. */
export interface Faults {
  /** Operations that are refused before they reach the store. */
  readonly refuseRatio: number;
  /** Operations that are done, but whose answer is lost. */
  readonly loseAnswerRatio: number;
  /** Watch events before which the stream is cut, to go on with a fresh snapshot. */
  readonly cutRatio: number;
  /** Operations take up to this long. */
  readonly delayMaxMs: number;
}

/**
 * A store like the one inside it, on a bad day that its seed decides: slow, failing, with watches that break. It keeps the
 * store's guarantees, so what works on a good store must work on this one.
 */
export class FaultyStore implements Store {
  readonly #inner: Store;
  readonly #clock: Clock;
  readonly #random: Random;
  #faults: Faults;

  constructor(inner: Store, parts: { readonly clock: Clock; readonly random: Random; readonly faults: Faults }) {
    this.#inner = inner;
    this.#clock = parts.clock;
    this.#random = parts.random;
    this.#faults = parts.faults;
  }

  get engine(): string {
    return this.#inner.engine;
  }

  /** Changes what goes wrong from now on. */
  set faults(faults: Faults) {
    this.#faults = faults;
  }

  get(key: string) {
    return this.#spoil("get", () => this.#inner.get(key));
  }

  list(prefix: string) {
    return this.#spoil("list", () => this.#inner.list(prefix));
  }

  commit(transaction: Transaction) {
    return this.#spoil("commit", () => this.#inner.commit(transaction));
  }

  put(key: string, value: Uint8Array, session?: Session) {
    return this.#spoil("put", () => this.#inner.put(key, value, session));
  }

  delete(key: string) {
    return this.#spoil("delete", () => this.#inner.delete(key));
  }

  openSession(options: { readonly ttlMs: number }) {
    // Nobody would ever close a session whose answer was lost.
    return this.#spoil(
      "openSession",
      () => this.#inner.openSession(options),
      (session) => session.close(),
    );
  }

  async *watch(prefix: string, signal: AbortSignal): AsyncIterable<WatchEvent> {
    for (;;) {
      const cut = new AbortController();
      for await (const event of this.#inner.watch(prefix, AbortSignal.any([signal, cut.signal]))) {
        // A snapshot always gets through, or the watch would never come to its end.
        if (event.kind === "changes" && this.#random.unit() < this.#faults.cutRatio) {
          cut.abort();
          break;
        }
        yield event;
      }
      if (!cut.signal.aborted) return;
    }
  }

  isAvailable(): boolean {
    return this.#inner.isAvailable();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  async #spoil<T>(
    what: string,
    operation: () => Promise<T>,
    onAnswerLost: (answer: T) => Promise<void> = async () => {},
  ): Promise<T> {
    const { refuseRatio, loseAnswerRatio, delayMaxMs } = this.#faults;
    const chance = this.#random.unit();
    const delayMs = this.#random.unit() * delayMaxMs;
    if (delayMs > 0) await this.#clock.sleep(delayMs);
    if (chance < refuseRatio) throw new FabricError("STORE_UNAVAILABLE", `${what}: refused by a planted fault.`);
    const answer = await operation();
    if (chance < refuseRatio + loseAnswerRatio) {
      await onAnswerLost(answer);
      throw new FabricError("STORE_UNAVAILABLE", `${what}: the answer was lost by a planted fault.`);
    }
    return answer;
  }
}
