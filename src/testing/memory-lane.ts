import type { MemoryPipe } from "./memory-pipe";

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
