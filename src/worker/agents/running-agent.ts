import type { AgentOrder, AgentReport } from "../../core/agent";
import { messageOf } from "../../core/errors";
import type { Logger } from "../../core/logger";
import type { AgentHandler, StopAgent } from "./agent-handler";

export interface RunningAgentParts {
  readonly logger: Logger;
  readonly order: AgentOrder;
  readonly handler: AgentHandler;
  report(report: AgentReport): void;
}

/** One placement of an agent at this worker, from its start to its end. */
export class RunningAgent {
  readonly order: AgentOrder;
  readonly #parts: RunningAgentParts;
  readonly #stop = new AbortController();
  readonly #started: Promise<StopAgent | undefined>;
  #state: "starting" | "running" | "failed" = "starting";
  #reason = "";
  #stopping: Promise<void> | undefined;

  /** Starts it when `before` has settled. */
  constructor(parts: RunningAgentParts, before: Promise<void>) {
    this.order = parts.order;
    this.#parts = parts;
    this.#started = before.then(() => this.#start());
  }

  /** Says again how it is, unless it is only starting or was told to stop. That it failed is said each time: the first may have been lost. */
  report(): void {
    if (this.#state === "starting" || (this.#state === "running" && this.#stop.signal.aborted)) return;
    const { name, generation } = this.order;
    this.#parts.report({ name, generation, running: this.#state === "running", reason: this.#reason });
  }

  /** Resolves when what the handler began has been ended. Never rejects. Twice is once. */
  stop(reason: string): Promise<void> {
    this.#stopping ??= this.#end(reason);
    return this.#stopping;
  }

  async #start(): Promise<StopAgent | undefined> {
    if (this.#stop.signal.aborted) return undefined;
    const { handler, logger } = this.#parts;
    const { name, parameters, generation } = this.order;
    try {
      const stop = await handler({
        name,
        parameters,
        generation,
        signal: this.#stop.signal,
        failed: (reason) => this.#fail(messageOf(reason)),
      });
      if (this.#state === "starting" && !this.#stop.signal.aborted) {
        this.#state = "running";
        logger.info(`🧩 agent ${name} runs`, { generation });
        this.report();
      }
      return typeof stop === "function" ? stop : undefined;
    } catch (error) {
      this.#fail(messageOf(error));
      return undefined;
    }
  }

  #fail(reason: string): void {
    if (this.#state === "failed" || this.#stop.signal.aborted) return;
    this.#state = "failed";
    this.#reason = reason;
    this.#parts.logger.warn(`🧩 agent ${this.order.name} failed`, { reason });
    this.report();
    // Nothing of it is to go on once it may be placed elsewhere.
    void this.stop(`it failed: ${reason}`);
  }

  async #end(reason: string): Promise<void> {
    const { logger } = this.#parts;
    const { name, generation } = this.order;
    this.#stop.abort(new Error(reason));
    try {
      const stop = await this.#started;
      await stop?.();
    } catch (error) {
      logger.warn(`🧩 agent ${name} threw while it was stopped`, { reason: messageOf(error) });
    }
    if (this.#state !== "failed") logger.info(`🧩 agent ${name} has stopped`, { generation, reason });
  }
}
