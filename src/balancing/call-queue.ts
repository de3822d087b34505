/** A call that waits. `tryStart` returns true when it found an endpoint and has begun. */
export interface QueuedCall {
  tryStart(): boolean;
}

interface Entry<C extends QueuedCall> {
  readonly call: C;
  readonly order: number;
}

/**
 * Calls that wait for an endpoint, first come first served. Calls that could go to the same endpoints form a lane: when the
 * first of a lane finds no endpoint the others are not tried, so a wake costs one pick for each lane and not for each call.
 */
export class CallQueue<C extends QueuedCall = QueuedCall> {
  readonly #lanes = new Map<string, Set<Entry<C>>>();
  readonly #added: () => void;
  #size = 0;
  #order = 0;

  /** @param added - told of each call that begins to wait */
  constructor(added: () => void = () => {}) {
    this.#added = added;
  }

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
  add(lane: string, call: C): () => void {
    const entry: Entry<C> = { call, order: this.#order++ };
    const entries = this.#lanes.get(lane);
    if (entries) entries.add(entry);
    else this.#lanes.set(lane, new Set([entry]));
    this.#size += 1;
    this.#added();
    return () => this.#remove(lane, entry);
  }

  /** The lanes that calls wait in now, the oldest first. */
  lanes(): string[] {
    return [...this.#lanes.keys()];
  }

  /** How many wait in each lane. */
  *sizes(): Iterable<readonly [lane: string, calls: number]> {
    for (const [lane, entries] of this.#lanes) yield [lane, entries.size];
  }

  /** Starts every call of these lanes that finds an endpoint now, the longest waiting first. */
  wake(lanes: readonly string[] = this.lanes()): void {
    let left = lanes;
    while (left.length > 0) {
      const heads = left.flatMap((lane) => this.#headOf(lane)).sort((a, b) => a.entry.order - b.entry.order);
      const started: string[] = [];
      for (const { lane, entry } of heads) {
        if (!entry.call.tryStart()) continue;
        this.#remove(lane, entry);
        started.push(lane);
      }
      left = started;
    }
  }

  /** Those who wait, in no order. */
  calls(): C[] {
    return [...this.#lanes.values()].flatMap((entries) => [...entries].map(({ call }) => call));
  }

  #headOf(lane: string): { lane: string; entry: Entry<C> }[] {
    const entry = this.#lanes.get(lane)?.values().next().value;
    return entry ? [{ lane, entry }] : [];
  }

  #remove(lane: string, entry: Entry<C>): void {
    const entries = this.#lanes.get(lane);
    if (!entries?.delete(entry)) return;
    this.#size -= 1;
    if (entries.size === 0) this.#lanes.delete(lane);
  }
}
