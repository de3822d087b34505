/** A callback that is due at a time; of those due at the same time, the one that was set first comes first. */
export interface HeapTimer {
  readonly dueMs: number;
  readonly order: number;
  readonly run: () => void;
  cancelled: boolean;
}

/** Cancelled timers stay until they come to the top, or until they are more than this and half of all. */
const STALE_MAX = 1_024;

/** Timers by when they are due: a binary heap, because a simulated cluster has thousands and cancels most of them. */
export class TimerHeap {
  #heap: HeapTimer[] = [];
  #cancelled = 0;

  /** Those that wait, without the cancelled ones. */
  get size(): number {
    return this.#heap.length - this.#cancelled;
  }

  push(timer: HeapTimer): void {
    this.#heap.push(timer);
    this.#up(this.#heap.length - 1);
  }

  cancel(timer: HeapTimer): void {
    if (timer.cancelled) return;
    timer.cancelled = true;
    this.#cancelled += 1;
    if (this.#cancelled <= STALE_MAX || this.#cancelled * 2 <= this.#heap.length) return;
    this.#heap = this.#heap.filter((other) => !other.cancelled).sort((a, b) => (isBefore(a, b) ? -1 : 1));
    this.#cancelled = 0;
  }

  /** The next one, if it is due by then; it is taken out. */
  popDue(byMs: number): HeapTimer | undefined {
    for (;;) {
      const first = this.#heap[0];
      if (!first || (!first.cancelled && first.dueMs > byMs)) return undefined;
      const last = this.#heap.pop()!;
      if (last !== first) {
        this.#heap[0] = last;
        this.#down(0);
      }
      if (!first.cancelled) {
        // Cancelling what has run must count nothing.
        first.cancelled = true;
        return first;
      }
      this.#cancelled -= 1;
    }
  }

  #up(index: number): void {
    const heap = this.#heap;
    const timer = heap[index]!;
    let at = index;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(timer, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = timer;
  }

  #down(index: number): void {
    const heap = this.#heap;
    const timer = heap[index]!;
    let at = index;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      if (!isBefore(heap[child]!, timer)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = timer;
  }
}

function isBefore(a: HeapTimer, b: HeapTimer): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
}
