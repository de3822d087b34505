import type { Clock } from "../core/clock";

export interface MemoryPipeParts {
  readonly clock: Clock;
  /** How long the next packet takes. */
  delayMs(): number;
  /** While true, what arrives is held back, as TCP does for a path that lost its packets. */
  isBlocked(): boolean;
}

/** One direction of a connection: in order, late, and held back while something is in the way. */
export class MemoryPipe {
  readonly #parts: MemoryPipeParts;
  readonly #held: (() => void)[] = [];
  #lastDueMs = 0;
  #closed = false;

  constructor(parts: MemoryPipeParts) {
    this.#parts = parts;
  }

  send(deliver: () => void): void {
    if (this.#closed) return;
    const { clock, delayMs, isBlocked } = this.#parts;
    const nowMs = clock.monotonicMs();
    this.#lastDueMs = Math.max(nowMs + delayMs(), this.#lastDueMs);
    clock.after(this.#lastDueMs - nowMs, () => {
      if (this.#closed) return;
      if (this.#held.length > 0 || isBlocked()) this.#held.push(deliver);
      else deliver();
    });
  }

  /** Delivers what was held back, unless something is still in the way. */
  release(): void {
    while (!this.#closed && !this.#parts.isBlocked()) {
      const deliver = this.#held.shift();
      if (!deliver) return;
      deliver();
    }
  }

  close(): void {
    this.#closed = true;
    this.#held.length = 0;
  }
}

/** Messages under way that the receiver has not taken: what HTTP/2 flow control and the buffers of both sides amount to. */
const WINDOW_MESSAGES = 16;

/**
 * The messages of one direction of a call, with flow control: a receiver that pauses stops its sender once the window is used up.
 * What comes after them (the half-close, the trailers) keeps its place.
 */
export class MemoryLane {
  readonly #forward: MemoryPipe;
  readonly #backward: MemoryPipe;
  readonly #drained: () => void;
  readonly #waiting: { readonly deliver: () => void; readonly weight: 0 | 1 }[] = [];
  readonly #inbox: { readonly deliver: () => void; readonly weight: 0 | 1 }[] = [];
  #credit = WINDOW_MESSAGES;
  #wantsDrain = false;
  #paused: boolean;
  #pumping = false;

  constructor(forward: MemoryPipe, backward: MemoryPipe, options: { drained(): void; paused: boolean }) {
    this.#forward = forward;
    this.#backward = backward;
    this.#drained = options.drained;
    this.#paused = options.paused;
  }

  /** `weight` 1 is a message, 0 what flow control does not count. False: wait for `drained`. */
  send(deliver: () => void, weight: 0 | 1): boolean {
    this.#waiting.push({ deliver, weight });
    this.#flush();
    const mayGoOn = this.#waiting.length === 0 && this.#credit > 0;
    if (!mayGoOn) this.#wantsDrain = true;
    return mayGoOn;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#pump();
  }

  #flush(): void {
    for (;;) {
      const next = this.#waiting[0];
      if (!next || next.weight > this.#credit) return;
      this.#waiting.shift();
      this.#credit -= next.weight;
      this.#forward.send(() => {
        this.#inbox.push(next);
        this.#pump();
      });
    }
  }

  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    while (!this.#paused) {
      const next = this.#inbox.shift();
      if (!next) break;
      next.deliver();
      if (next.weight === 1) this.#backward.send(() => this.#credited());
    }
    this.#pumping = false;
  }

  #credited(): void {
    this.#credit += 1;
    this.#flush();
    if (!this.#wantsDrain || this.#waiting.length > 0 || this.#credit === 0) return;
    this.#wantsDrain = false;
    this.#drained();
  }
}
