/** A call that waits. `tryStart` returns true when it found an endpoint and has begun. */
export interface QueuedCall {
  tryStart(): boolean;
}

interface Entry {
  readonly call: QueuedCall;
  readonly order: number;
}

/**
 * Calls that wait for an endpoint, first come first served. Calls that could go to the same endpoints form a lane: when the
 * first of a lane finds no endpoint the others are not tried, so a wake costs one pick for each lane and not for each call.
 */
export class CallQueue {
  readonly #lanes = new Map<string, Set<Entry>>();
  #size = 0;
  #order = 0;

  get size(): number {
    return this.#size;
  }

  /** Whether others wait in the lane; a new call must not overtake them. */
  isWaiting(lane: string): boolean {
    return this.#lanes.has(lane);
  }

  /** Starts the calls of one lane that find an endpoint now. */
  wakeLane(lane: string): void {
    for (const entry of this.#lanes.get(lane) ?? []) {
      if (!entry.call.tryStart()) return;
      this.#remove(lane, entry);
    }
  }

  /** Puts a call at the end of its lane. Returns what takes it out again; that does nothing once it has started. */
  add(lane: string, call: QueuedCall): () => void {
    const entry: Entry = { call, order: this.#order++ };
    const entries = this.#lanes.get(lane);
    if (entries) entries.add(entry);
    else this.#lanes.set(lane, new Set([entry]));
    this.#size += 1;
    return () => this.#remove(lane, entry);
  }

  /** Starts every call that finds an endpoint now, the longest waiting first. */
  wake(): void {
    let lanes = [...this.#lanes.keys()];
    while (lanes.length > 0) {
      const heads = lanes.flatMap((lane) => this.#headOf(lane)).sort((a, b) => a.entry.order - b.entry.order);
      lanes = [];
      for (const { lane, entry } of heads) {
        if (!entry.call.tryStart()) continue;
        this.#remove(lane, entry);
        lanes.push(lane);
      }
    }
  }

  #headOf(lane: string): { lane: string; entry: Entry }[] {
    const entry = this.#lanes.get(lane)?.values().next().value;
    return entry ? [{ lane, entry }] : [];
  }

  #remove(lane: string, entry: Entry): void {
    const entries = this.#lanes.get(lane);
    if (!entries?.delete(entry)) return;
    this.#size -= 1;
    if (entries.size === 0) this.#lanes.delete(lane);
  }
}
