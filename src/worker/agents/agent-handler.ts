import type { AgentParameters } from "../../core/agent";

/** An agent that was placed on this worker. */
export interface PlacedAgent {
  readonly name: string;
  readonly parameters: AgentParameters;
  /**
   * Which placement of the agent this is: each has a higher one than those before it, wherever they were. What the agent writes elsewhere can
   * carry it, so that what an earlier placement still writes can be told.
   */
  readonly generation: number;
  /** Aborts when the agent is to stop here, also while it starts. */
  readonly signal: AbortSignal;
  /** It has ended by itself: it is placed anew, elsewhere if there is another worker for it. `reason` is shown to people. */
  failed(reason: unknown): void;
}

/** Ends what `onAgent` began. The worker waits for it before it starts the same agent again, or leaves. */
export type StopAgent = () => void | Promise<void>;

/**
 * Begins an agent: what is returned, or the promise of it, says that it runs now, and how it is stopped; what is thrown, that it cannot run here.
 * It runs on the main thread, also with WORKER_THREADS.
 */
export type AgentHandler = (agent: PlacedAgent) => void | StopAgent | Promise<void | StopAgent>;
