import type { CallObserver, EndedCall } from "../../balancing/ended-call";
import type { Clock } from "../../core/clock";
import { MessageQueue } from "../../core/message-queue";
import { PacedTask } from "../../core/paced-task";

/** A call that ended, as people are told. Can be sent as JSON. */
export interface ToldCall {
  readonly method: string;
  readonly memberId: string;
  readonly startedAtUnixMs: number;
  readonly durationMs: number;
  readonly status: number;
  readonly attempts: number;
}

export interface CallBatch {
  readonly calls: readonly ToldCall[];
  /** Ended too, and left out. */
  readonly omitted: number;
}

/** Least time between two batches: people see no more. */
const BATCH_EVERY_MS = 250;
/** Calls in a batch. Of more, every so many are taken, so that the picture stays even. */
export const BATCH_MAX = 500;
/** Characters of a method that are told: callers choose them. */
const METHOD_MAX = 200;

/** Calls as they end, for whoever watches. Costs nothing while nobody does: then it is not told of any. */
export class CallWatch implements CallObserver {
  readonly #clock: Clock;
  readonly #watchedChanged: (watched: boolean) => void;
  readonly #task: PacedTask;
  readonly #readers = new Set<(batch: CallBatch) => void>();
  #ended: EndedCallTimes[] = [];
  #endedCount = 0;
  /** One of so many calls is told. */
  #stride = 1;

  /** @param watchedChanged - told when the first reader comes and when the last one goes */
  constructor(clock: Clock, watchedChanged: (watched: boolean) => void) {
    this.#clock = clock;
    this.#watchedChanged = watchedChanged;
    this.#task = new PacedTask(
      clock,
      () => this.#flush(),
      () => BATCH_EVERY_MS,
    );
  }

  callEnded({ method, memberId, startedAtMs, endedAtMs, status, attempts }: EndedCall): void {
    this.#endedCount += 1;
    if (this.#endedCount % this.#stride === 0 && this.#ended.length < BATCH_MAX) {
      this.#ended.push({ method, memberId, startedAtMs, endedAtMs, status, attempts });
    }
    this.#task.soon();
  }

  /** Calls that ended in another process. */
  tell(batch: CallBatch): void {
    for (const reader of this.#readers) reader(batch);
  }

  /** @returns how to stop */
  subscribe(reader: (batch: CallBatch) => void): () => void {
    this.#readers.add(reader);
    if (this.#readers.size === 1) this.#watchedChanged(true);
    return () => {
      if (this.#readers.delete(reader) && this.#readers.size === 0) this.#watchedChanged(false);
    };
  }

  /** Begins with an empty batch, once it watches. Ends when `signal` aborts. A slow reader gets the latest batch, the others as omitted. */
  async *watch(signal: AbortSignal): AsyncIterable<CallBatch> {
    const bell = new MessageQueue<true>();
    let next: CallBatch = { calls: [], omitted: 0 };
    const unsubscribe = this.subscribe((batch) => {
      next = { ...batch, omitted: batch.omitted + next.omitted + next.calls.length };
      bell.replace(true);
    });
    const end = () => bell.end();
    signal.addEventListener("abort", end, { once: true });
    if (signal.aborted) end();
    try {
      bell.push(true);
      for await (const _ of bell) {
        const batch = next;
        next = { calls: [], omitted: 0 };
        yield batch;
      }
    } finally {
      unsubscribe();
      signal.removeEventListener("abort", end);
    }
  }

  #flush(): void {
    const ended = this.#ended;
    const omitted = this.#endedCount - ended.length;
    const wallOffsetMs = this.#clock.wallMs() - this.#clock.monotonicMs();
    this.#stride = Math.max(1, Math.ceil(this.#endedCount / BATCH_MAX));
    this.#ended = [];
    this.#endedCount = 0;
    const calls = ended.map(({ method, startedAtMs, endedAtMs, ...rest }) => ({
      ...rest,
      method: method.slice(0, METHOD_MAX),
      startedAtUnixMs: startedAtMs + wallOffsetMs,
      durationMs: endedAtMs - startedAtMs,
    }));
    this.tell({ calls, omitted });
  }
}

type EndedCallTimes = Pick<EndedCall, "method" | "memberId" | "startedAtMs" | "endedAtMs" | "status" | "attempts">;
