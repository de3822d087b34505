import type { IncomingCall } from "../../core/call";
import type { Clock } from "../../core/clock";
import { FabricError } from "../../core/errors";
import type { Logger } from "../../core/logger";
import { BatchReader } from "./batch";
import { RingReader, type ThreadRings } from "./byte-ring";
import { CarriedCall } from "./carried-call";
import { CertificateWriter } from "./certificates";
import { Outbox } from "./outbox";
import { OP, type Batch, type FromThread, type ThreadServices, type ToThread } from "./port-messages";

/** The way to a thread. `post` never throws: what cannot be sent is lost with the thread. */
export interface ThreadChannel {
  readonly rings: ThreadRings;
  /** `moved` belong to the thread from now on. */
  post(message: ToThread, moved: readonly ArrayBuffer[]): void;
  onMessage(listener: (message: FromThread) => void): void;
  /** Told once, when the thread has ended, after its last message. */
  onEnd(listener: (reason: string) => void): void;
  /** Ends it, whatever it does. */
  terminate(): void;
}

export interface ThreadHandleParts {
  readonly clock: Clock;
  /** Gets the lines that the thread logs. */
  readonly logger: Logger;
  readonly number: number;
  readonly channel: ThreadChannel;
  ready(services: ThreadServices): void;
  /** It cannot load the handlers, and ends. */
  failed(reason: string): void;
  /** Having lost so many calls. */
  ended(reason: string, calls: number): void;
  /** It may accept more calls than before. */
  took(): void;
  /** As `setImmediate`. */
  whenTurnEnds(callback: () => void): void;
}

/** A thread that has not taken what it was sent for so long computes: it gets no calls. Asked that often while it has calls. */
const BUSY_MS = 20;
/**
 * Calls that a thread is given before it has begun them: what it begins in this time, since each waits for those before it; but one at
 * least, and no more than fill a post.
 */
const AHEAD_MS = 2;
const AHEAD_MAX = 64;
/** Share of the latest calls in the mean of how long they take to begin. */
const LATEST_SHARE = 1 / 4;
/** What a thread that was told to stop may take to run its exit handlers. */
const STOP_MS = 1_000;

const NO_OPERATIONS: Batch = { kind: "calls", words: [], moved: [] };

/**
 * A thread as the main thread sees it.
 * - H1 a call counts until its handler finished or was told of its cancel: a busy loop whose caller is gone still counts.
 * - H2 when the thread ends, each of its calls ends with THREAD_LOST, and no other call with it.
 */
export class ThreadHandle {
  readonly #parts: ThreadHandleParts;
  readonly #outbox: Outbox;
  readonly #ring: RingReader;
  readonly #certificates = new CertificateWriter();
  readonly #calls = new Map<number, CarriedCall>();
  #lastId = 0;
  #isReady = false;
  #hasEnded = false;
  #batchesNotTaken = 0;
  #notTakenSinceMs = 0;
  #notBegun = 0;
  /** Until it is known how long its calls take. */
  #aheadMax = 1;
  /** Of a call, in the thread, up to where it waits for something. */
  #meanBeginMs: number | undefined;
  #isAsking = false;
  #cancelQuestion = () => {};
  #cancelTerminate = () => {};

  constructor(parts: ThreadHandleParts) {
    this.#parts = parts;
    const { channel, clock, whenTurnEnds } = parts;
    const { toThread, fromThread } = channel.rings;
    this.#ring = new RingReader(fromThread);
    this.#outbox = new Outbox({ clock, whenTurnEnds, ring: toThread, post: (batch) => this.#post(batch) });
    channel.onMessage((message) => this.#receive(message));
    channel.onEnd((reason) => this.#end(reason));
  }

  get isReady(): boolean {
    return this.#isReady && !this.#hasEnded;
  }

  get inFlight(): number {
    return this.#calls.size;
  }

  /** Whether it would begin another call soon. */
  accepts(nowMs: number): boolean {
    if (!this.isReady || this.#notBegun >= this.#aheadMax) return false;
    return this.#batchesNotTaken === 0 || nowMs - this.#notTakenSinceMs < BUSY_MS;
  }

  /** How long it has not taken what it was sent: it computes, or will never end. */
  busyForMs(nowMs: number): number {
    return this.#batchesNotTaken === 0 ? 0 : nowMs - this.#notTakenSinceMs;
  }

  run(call: IncomingCall): void {
    this.#lastId += 1;
    const carried = new CarriedCall(this.#lastId, call, this.#outbox, this.#certificates);
    this.#calls.set(this.#lastId, carried);
    this.#notBegun += 1;
    if (!this.#isAsking) this.#askSoon();
    carried.begin();
  }

  stop(): void {
    if (this.#hasEnded) return;
    const { channel, clock } = this.#parts;
    channel.post({ kind: "stop" }, []);
    this.#cancelTerminate = clock.after(STOP_MS, () => channel.terminate());
  }

  /** Asks the thread whether it computes, which nothing else tells while it is sent nothing. */
  #askSoon(): void {
    this.#isAsking = true;
    this.#cancelQuestion = this.#parts.clock.after(BUSY_MS, () => {
      this.#isAsking = false;
      if (this.#calls.size === 0) return;
      if (this.#batchesNotTaken === 0) this.#post(NO_OPERATIONS);
      this.#askSoon();
    });
  }

  #post(batch: Batch): void {
    if (this.#hasEnded) return;
    if (this.#batchesNotTaken === 0) this.#notTakenSinceMs = this.#parts.clock.monotonicMs();
    this.#batchesNotTaken += 1;
    this.#parts.channel.post(batch, batch.moved);
  }

  #receive(message: FromThread): void {
    const { logger } = this.#parts;
    switch (message.kind) {
      case "calls": {
        const reader = new BatchReader(message, this.#ring);
        while (reader.hasMore) this.#apply(reader);
        return;
      }
      case "ready":
        this.#isReady = true;
        this.#parts.ready(message);
        return;
      case "failed":
        this.#parts.failed(message.reason);
        return;
      case "log":
        logger[message.level](message.message, message.fields);
        return;
    }
  }

  /** Every call that is spoken of is known: the thread has the last word (H1). */
  #apply(reader: BatchReader): void {
    const op = reader.number();
    if (op === OP.taken) {
      this.#took(reader.number(), reader.number(), reader.number());
      return;
    }
    const id = reader.number();
    const call = this.#calls.get(id)!;
    switch (op) {
      case OP.headers:
        call.headers(reader);
        return;
      case OP.message:
        call.answer(reader, true);
        return;
      case OP.messageAsIs:
        call.answer(reader, false);
        return;
      case OP.compress:
        call.compress(reader);
        return;
      case OP.credit:
        call.credit(reader.number());
        return;
      case OP.finish:
        this.#calls.delete(id);
        call.finished(reader);
        return;
      case OP.cancelled:
        this.#calls.delete(id);
        return;
    }
  }

  #took(batches: number, callsBegun: number, beganForMs: number): void {
    this.#notTakenSinceMs = this.#parts.clock.monotonicMs();
    this.#batchesNotTaken -= batches;
    this.#notBegun -= callsBegun;
    if (callsBegun > 0) {
      const latestMs = beganForMs / callsBegun;
      const meanMs = this.#meanBeginMs ?? latestMs;
      this.#meanBeginMs = meanMs + LATEST_SHARE * (latestMs - meanMs);
      this.#aheadMax = Math.min(AHEAD_MAX, Math.max(1, Math.floor(AHEAD_MS / this.#meanBeginMs)));
    }
    this.#parts.took();
  }

  #end(reason: string): void {
    this.#hasEnded = true;
    this.#cancelQuestion();
    this.#cancelTerminate();
    const lost = [...this.#calls.values()];
    this.#calls.clear();
    const error = new FabricError("THREAD_LOST", `thread ${this.#parts.number} of the worker ended: ${reason}`);
    for (const call of lost) call.fail(error);
    this.#parts.ended(reason, lost.length);
  }
}
