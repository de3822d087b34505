import type { Store, StoreChange, WatchEvent } from "../../src/store/store";
import { textOf } from "./store-harness";

/**
 * Reads a watch and builds the record from it, as every user of the store does, and notes what breaks S1 on the way.
 */
export class StoreFollower {
  readonly events: WatchEvent[] = [];
  /** Key to value, as the watch tells. */
  readonly record = new Map<string, string>();
  /** What was wrong with the order; empty when S1 holds. */
  readonly disorders: string[] = [];
  readonly #stopped = new AbortController();
  readonly #ended: Promise<void>;
  #revision = -1;
  #isOver = false;

  constructor(store: Store, prefix: string) {
    this.#ended = this.#read(store.watch(prefix, this.#stopped.signal));
  }

  get revision(): number {
    return this.#revision;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get snapshots(): readonly WatchEvent[] {
    return this.events.filter((event) => event.kind === "snapshot");
  }

  get changes(): readonly StoreChange[] {
    return this.events.flatMap((event) => (event.kind === "changes" ? event.changes : []));
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#ended;
  }

  async #read(watch: AsyncIterable<WatchEvent>): Promise<void> {
    for await (const event of watch) {
      this.events.push(event);
      if (event.kind === "snapshot") {
        this.record.clear();
        for (const entry of event.entries) this.record.set(entry.key, textOf(entry)!);
      } else {
        this.#take(event.changes, event.revision);
      }
      this.#revision = event.revision;
    }
    this.#isOver = true;
  }

  #take(changes: readonly StoreChange[], revision: number): void {
    if (changes.length === 0) this.disorders.push(`no change at ${revision}`);
    let previous = this.#revision;
    for (const change of changes) {
      const modRevision = change.kind === "put" ? change.entry.modRevision : change.modRevision;
      const isNext = change === changes[0] ? modRevision > previous : modRevision >= previous;
      if (!isNext) this.disorders.push(`revision ${modRevision} after ${previous}`);
      previous = modRevision;
      if (change.kind === "put") this.record.set(change.entry.key, textOf(change.entry)!);
      else this.record.delete(change.key);
    }
    if (previous !== revision) this.disorders.push(`event of ${revision} ends at ${previous}`);
  }
}
