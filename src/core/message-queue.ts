/** How a MessageQueue tells its producer to hold and to go on. */
export interface QueuePressure {
  /** Messages waiting at which the producer is told to pause. */
  readonly highWater: number;
  pause(): void;
  resume(): void;
}

/**
 * Messages from callbacks, read by one `for await`. Bounded by its producer: it calls `pause` at `highWater` waiting messages
 * and `resume` when half of them are read. `onReturn` runs when the reader leaves early.
 */
export class MessageQueue<T> implements AsyncIterable<T> {
  readonly #waiting: T[] = [];
  readonly #pressure: QueuePressure | undefined;
  readonly #onReturn: (() => void) | undefined;
  #paused = false;
  #over: { error?: Error } | undefined;
  #reader: { resolve(result: IteratorResult<T>): void; reject(error: Error): void } | undefined;

  constructor(options: { pressure?: QueuePressure; onReturn?: () => void } = {}) {
    this.#pressure = options.pressure;
    this.#onReturn = options.onReturn;
  }

  /** Messages pushed and not read. */
  get size(): number {
    return this.#waiting.length;
  }

  /** Ignored after `end` or `fail`. */
  push(message: T): void {
    if (this.#over) return;
    const reader = this.#reader;
    if (reader) {
      this.#reader = undefined;
      reader.resolve({ value: message, done: false });
      return;
    }
    this.#waiting.push(message);
    if (this.#pressure && !this.#paused && this.#waiting.length >= this.#pressure.highWater) {
      this.#paused = true;
      this.#pressure.pause();
    }
  }

  /** Replaces everything that waits by one message: for readers that only need the latest. */
  replace(message: T): void {
    if (this.#over) return;
    this.#waiting.length = 0;
    this.#resumeIfRead();
    this.push(message);
  }

  /** The reader ends after what waits. */
  end(): void {
    this.#finish({});
  }

  /** The reader throws after what waits. */
  fail(error: Error): void {
    this.#finish({ error });
  }

  #finish(over: { error?: Error }): void {
    if (this.#over) return;
    this.#over = over;
    const reader = this.#reader;
    this.#reader = undefined;
    if (!reader) return;
    if (over.error) reader.reject(over.error);
    else reader.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): AsyncIterator<T> {
    return {
      next: () => this.#next(),
      return: () => {
        this.#waiting.length = 0;
        this.#finish({});
        this.#onReturn?.();
        return Promise.resolve({ value: undefined, done: true });
      },
    };
  }

  #resumeIfRead(): void {
    if (!this.#paused || !this.#pressure || this.#waiting.length > this.#pressure.highWater / 2) return;
    this.#paused = false;
    this.#pressure.resume();
  }

  #next(): Promise<IteratorResult<T>> {
    if (this.#waiting.length > 0) {
      const value = this.#waiting.shift() as T;
      this.#resumeIfRead();
      return Promise.resolve({ value, done: false });
    }
    if (this.#over) {
      if (this.#over.error) return Promise.reject(this.#over.error);
      return Promise.resolve({ value: undefined, done: true });
    }
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
    });
  }
}
