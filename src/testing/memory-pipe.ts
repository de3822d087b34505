import type { Clock } from "../core/clock";
import type { MemoryHost } from "./memory-host";

export interface MemoryPipeParts {
  readonly clock: Clock;
  readonly from: MemoryHost;
  readonly to: MemoryHost;
  /** How long the next packet takes; undefined: the connection is reset instead, and nothing more is sent. */
  packetMs(): number | undefined;
  /** While true, what arrives is held back, as TCP does for a path that lost its packets. */
  isBlocked(): boolean;
}

/**
 * One direction of a connection: in order, late, and held back while the path is blocked or the receiver frozen. What a process
 * sent before it died still arrives; what arrives for one that died is dropped.
 */
export class MemoryPipe {
  readonly #parts: MemoryPipeParts;
  readonly #held: (() => void)[] = [];
  #lastDueMs = 0;
  #releasing = false;
  #closed = false;

  constructor(parts: MemoryPipeParts) {
    this.#parts = parts;
  }

  send(deliver: () => void): void {
    const { clock, from, packetMs } = this.#parts;
    if (this.#closed || from.dead) return;
    const delayMs = packetMs();
    if (delayMs === undefined) return;
    const nowMs = clock.monotonicMs();
    this.#lastDueMs = Math.max(nowMs + delayMs, this.#lastDueMs);
    clock.after(this.#lastDueMs - nowMs, () => {
      if (this.#closed) return;
      if (this.#held.length > 0 || this.#isInTheWay()) this.#held.push(deliver);
      else this.#deliver(deliver);
    });
  }

  /** Delivers what was held back, one after another, unless something is still in the way. */
  release(): void {
    if (this.#releasing || this.#held.length === 0) return;
    this.#releasing = true;
    this.#parts.clock.after(0, () => {
      this.#releasing = false;
      if (this.#closed || this.#isInTheWay()) return;
      const deliver = this.#held.shift();
      if (!deliver) return;
      this.#deliver(deliver);
      this.release();
    });
  }

  close(): void {
    this.#closed = true;
    this.#held.length = 0;
  }

  #isInTheWay(): boolean {
    return this.#parts.to.frozen || this.#parts.isBlocked();
  }

  #deliver(deliver: () => void): void {
    if (!this.#parts.to.dead) deliver();
  }
}
