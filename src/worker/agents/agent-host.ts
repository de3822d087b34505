import type { AgentOrder, AgentReport } from "../../core/agent";
import type { AgentOrders } from "../../core/attach-messages";
import type { CancelTimer, Clock } from "../../core/clock";
import type { Logger } from "../../core/logger";
import type { AgentHandler } from "./agent-handler";
import { RunningAgent } from "./running-agent";

export interface AgentHostParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly handler: AgentHandler;
  /** How long agents go on without a director that answers; 0 for as long as it takes. */
  readonly aloneMs: number;
  /** Tells the director, if there is one now. */
  report(report: AgentReport): void;
}

/** How often it is looked whether a leaving worker still has agents. */
const LOOK_MS = 50;

/**
 * The agents of a worker:
 * - H1 of each name one at a time: another placement of it starts when the one before has stopped.
 * - H2 the director's word counts: what it says runs, what it takes back stops. What it said on a stream before counts until it has told all
 *   on the new one.
 * - H3 out of touch with every director for longer than `aloneMs`, all stop: by then they may run elsewhere.
 */
export class AgentHost {
  readonly #parts: AgentHostParts;
  readonly #agents = new Map<string, RunningAgent>();
  /** By name: the end of the placements before. */
  readonly #ending = new Map<string, Promise<void>>();
  /** Told on the present stream, while not all have been; then `undefined`. */
  #told: Set<string> | undefined;
  #inTouchMs = 0;
  #cancelAlone: CancelTimer | undefined;
  #isLeaving = false;

  constructor(parts: AgentHostParts) {
    this.#parts = parts;
  }

  /** Agents that are to run here. */
  get size(): number {
    return this.#agents.size;
  }

  /** A new stream: all of them will be told on it. */
  attached(): void {
    this.#told = new Set();
    this.inTouch();
  }

  /** A director has answered. */
  inTouch(): void {
    this.#inTouchMs = this.#parts.clock.monotonicMs();
  }

  apply({ start, stop, complete }: AgentOrders): void {
    if (this.#isLeaving && start.length > 0) this.#parts.logger.debug("agents come to a worker that leaves");
    for (const name of stop) this.#stop(name, "it was released, or moved");
    for (const order of start) {
      this.#told?.add(order.name);
      this.#start(order);
    }
    if (!complete || !this.#told) return;
    for (const name of [...this.#agents.keys()]) {
      if (!this.#told.has(name)) this.#stop(name, "it was released, or moved, while the worker was not attached"); // H2
    }
    this.#told = undefined;
  }

  /**
   * The worker leaves: its agents go on until they run elsewhere, or `withinMs` has passed. Takes no more then, and resolves when none runs
   * any more. Those that have not ended after another `withinMs` are left to themselves, so that none can keep the worker.
   */
  async leave(withinMs: number): Promise<void> {
    const { clock, logger } = this.#parts;
    const deadlineMs = clock.monotonicMs() + withinMs;
    while (this.#agents.size > 0 && clock.monotonicMs() < deadlineMs) await clock.sleep(LOOK_MS);
    this.#isLeaving = true;
    const patience = new AbortController();
    const late = clock.sleep(withinMs, patience.signal).catch(() => {});
    await Promise.race([this.stopAll("the worker leaves"), late]);
    patience.abort();
    if (this.#ending.size === 0) return;
    logger.warn(`🧩 agents did not end within ${withinMs} ms: the worker leaves without`, {
      agents: [...this.#ending.keys()].join(", "),
    });
  }

  /** Resolves when all have ended, however long that takes. Those that come meanwhile are not among them. */
  async stopAll(reason: string): Promise<void> {
    for (const name of [...this.#agents.keys()]) this.#stop(name, reason);
    // Now, not when they have ended: by then it may be about others (H3).
    this.#cancelAlone?.();
    this.#cancelAlone = undefined;
    await Promise.all(this.#ending.values());
  }

  #start(order: AgentOrder): void {
    if (this.#isLeaving) return;
    const { name, generation } = order;
    const running = this.#agents.get(name);
    if (running?.order.generation === generation) {
      running.report();
      return;
    }
    this.#stop(name, "it was placed here anew");
    const { logger, handler, report } = this.#parts;
    const before = this.#ending.get(name) ?? Promise.resolve(); // H1
    this.#agents.set(name, new RunningAgent({ logger, order, handler, report }, before));
    this.#watch();
  }

  #stop(name: string, reason: string): void {
    const agent = this.#agents.get(name);
    if (!agent) return;
    this.#agents.delete(name);
    const ended = agent.stop(reason).then(() => {
      if (this.#ending.get(name) === ended) this.#ending.delete(name);
    });
    this.#ending.set(name, ended);
  }

  #watch(): void {
    const { clock, aloneMs } = this.#parts;
    if (aloneMs === 0 || this.#cancelAlone) return;
    const dueMs = Math.max(1, this.#inTouchMs + aloneMs - clock.monotonicMs());
    this.#cancelAlone = clock.after(dueMs, () => {
      this.#cancelAlone = undefined;
      if (this.#agents.size === 0) return;
      if (clock.monotonicMs() - this.#inTouchMs >= aloneMs) this.#endAlone();
      else this.#watch();
    });
  }

  #endAlone(): void {
    const { logger, aloneMs } = this.#parts;
    logger.warn(`🧩 no director has answered for ${aloneMs} ms: ${this.#agents.size} agents are stopped`);
    void this.stopAll("no director answers, and it may run elsewhere by now"); // H3
  }
}
