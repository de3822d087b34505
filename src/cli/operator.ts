import type { FabricClient } from "../client/fabric-client";
import type { Clock } from "../core/clock";
import type { TypedClient } from "../rpc/service/typed-client";
import type { AgentServiceDefinition, DirectorServiceDefinition } from "../wire/contract";
import type { Terminal } from "./terminal";

/** The director's own service, through whichever director answers. */
export type Operator = TypedClient<DirectorServiceDefinition>;
export type Agents = TypedClient<AgentServiceDefinition>;

/** What a command has that asks something of the cluster. */
export interface OperatorParts {
  readonly operator: Operator;
  readonly agents: Agents;
  /** For calls of any service. Through a director, unless the command's settings say otherwise. */
  readonly fabric: FabricClient;
  readonly terminal: Terminal;
  readonly clock: Clock;
  /** Aborts at Ctrl-C, once: the command is to end by itself. */
  readonly interrupted: AbortSignal;
  /** Longest wait for one answer of a director (--timeout). */
  readonly timeoutMs: number;
}

/** Longest wait for one answer of a director, unless --timeout says otherwise. */
export const ANSWER_TIMEOUT_MS = 10_000;
