/** What an agent is told when it starts. */
export type AgentParameters = Readonly<Record<string, string>>;

/** An agent that is to run at a worker. */
export interface AgentOrder {
  readonly name: string;
  /** Rises with every placement of the agent. */
  readonly generation: number;
  readonly parameters: AgentParameters;
}

/** How an agent is at the worker that it was placed on. */
export interface AgentReport {
  readonly name: string;
  /** Of the placement that this is about. */
  readonly generation: number;
  /** False: it could not be started, or has ended by itself. */
  readonly running: boolean;
  /** Why it failed; "" while it runs. */
  readonly reason: string;
}

/**
 * - `pending`: no worker can take it now.
 * - `starting`: its worker has not said that it runs.
 * - `failed`: its worker could not start it, or it ended by itself. It is tried elsewhere.
 * - `released`: nobody wants it any more; its record is about to go.
 */
export type AgentState = "pending" | "starting" | "running" | "failed" | "released";

/** Where an agent runs, and which of its placements that is. */
export interface AgentPlace {
  readonly memberId: string;
  readonly generation: number;
}

/** What an agent needs of the member that has it. */
export interface AgentNeeds {
  /** Names of services, all of which the member must have. */
  readonly services: readonly string[];
  /** Selector on tags; "" matches all. */
  readonly match: string;
  /** The only member that may have it; "" for any. */
  readonly onlyMemberId: string;
}

/** An agent's record in the store. Written when it is assigned, moved or released, and when its worker says how it is. */
export interface AgentRecord extends AgentNeeds {
  readonly name: string;
  readonly parameters: AgentParameters;
  readonly state: AgentState;
  /** Why it is in this state, or at this place, in words. */
  readonly reason: string;
  /** Where it is; "" while it is pending. */
  readonly memberId: string;
  /** Rises with every placement, also above those of an earlier agent of the same name: a fencing token. */
  readonly generation: number;
  /** Where it goes on until it runs at `memberId`. */
  readonly previous?: AgentPlace | undefined;
  readonly createdAtUnixMs: number;
  /** Of the latest placement; 0 before the first. */
  readonly assignedAtUnixMs: number;
  readonly moves: number;
  /** In a row. */
  readonly failures: number;
}
