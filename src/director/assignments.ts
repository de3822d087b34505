import type { Accounting } from "../balancing/endpoint";
import type { CancelTimer, Clock } from "../core/clock";
import { FabricError } from "../core/errors";

interface Assignment {
  readonly accounting: Accounting;
  cancelTimer: CancelTimer;
}

/** Assignments held at once; a bound on memory, far above what a director's clients hold. */
const ASSIGNMENTS_MAX = 100_000;

/**
 * Calls that clients make on their own connections: each assignment counts as one call on its worker from the pick until it is
 * released, or not renewed for `ttlMs`. So the counts go down, also when a client vanishes.
 */
export class Assignments {
  readonly #clock: Clock;
  readonly #ttlMs: number;
  readonly #byId = new Map<string, Assignment>();

  constructor(clock: Clock, ttlMs: number) {
    this.#clock = clock;
    this.#ttlMs = ttlMs;
  }

  get size(): number {
    return this.#byId.size;
  }

  get ttlMs(): number {
    return this.#ttlMs;
  }

  /** @throws FabricError QUEUE_FULL at the bound; the accounting is finished then */
  add(assignmentId: string, accounting: Accounting): void {
    if (this.#byId.size >= ASSIGNMENTS_MAX) {
      accounting.finish("cancelled");
      throw new FabricError(
        "QUEUE_FULL",
        `${ASSIGNMENTS_MAX} assignments are held already: release those that are not used`,
      );
    }
    this.#byId.set(assignmentId, { accounting, cancelTimer: this.#timer(assignmentId) });
  }

  /** @throws FabricError ASSIGNMENT_NOT_FOUND */
  renew(assignmentId: string): void {
    const assignment = this.#byId.get(assignmentId);
    if (!assignment) {
      throw new FabricError(
        "ASSIGNMENT_NOT_FOUND",
        `assignment "${assignmentId.slice(0, 80)}" does not exist (any more)`,
      );
    }
    assignment.cancelTimer();
    assignment.cancelTimer = this.#timer(assignmentId);
  }

  /** One that is gone is no error: it ended. */
  release(assignmentId: string): void {
    this.#end(assignmentId, "ok");
  }

  releaseAll(): void {
    for (const assignmentId of [...this.#byId.keys()]) this.#end(assignmentId, "cancelled");
  }

  #timer(assignmentId: string): CancelTimer {
    return this.#clock.after(this.#ttlMs, () => this.#end(assignmentId, "cancelled"));
  }

  #end(assignmentId: string, outcome: "ok" | "cancelled"): void {
    const assignment = this.#byId.get(assignmentId);
    if (!assignment) return;
    this.#byId.delete(assignmentId);
    assignment.cancelTimer();
    assignment.accounting.finish(outcome);
  }
}
