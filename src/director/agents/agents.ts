import type { PolicyRegistry } from "../../balancing/policy-registry";
import type { AgentReport } from "../../core/agent";
import type { DirectorMessage, WorkerMessage } from "../../core/attach-messages";
import type { Clock } from "../../core/clock";
import type { Logger } from "../../core/logger";
import type { Load } from "../../core/member";
import type { MessageStream } from "../../core/message-stream";
import type { Random } from "../../core/random";
import type { MountedService } from "../../rpc/service/service-handlers";
import type { Condition, Store } from "../../store/store";
import type { ClusterView } from "../cluster-view";
import { AgentDuties } from "./agent-duties";
import { AgentIndex } from "./agent-index";
import { tellAgents } from "./agent-orders";
import { AgentPlaces } from "./agent-places";
import { AgentReports } from "./agent-reports";
import { agentService } from "./agent-rpcs";

export interface AgentsParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly store: Store;
  readonly registry: PolicyRegistry;
  readonly view: ClusterView;
  readonly rebalanceMs: number;
  fence(): Condition | undefined;
  policy(): string;
  load(memberId: string): Load | undefined;
}

/** Named agents on workers, as one director has part in them: it answers for all, tells its own workers theirs, and as leader moves them. */
export class Agents {
  readonly service: MountedService;
  readonly #view: ClusterView;
  readonly #index: AgentIndex;
  readonly #duties: AgentDuties;
  readonly #reports: AgentReports;

  constructor(parts: AgentsParts) {
    this.#view = parts.view;
    const index = new AgentIndex(parts.view);
    const places = new AgentPlaces({ ...parts, index });
    this.#index = index;
    this.#duties = new AgentDuties({ ...parts, index, places, fence: () => parts.fence() });
    this.#reports = new AgentReports(parts);
    this.service = agentService({ ...parts, index, places });
  }

  /** How many the member has; those that failed there are not among them. */
  countAt(memberId: string): number {
    return this.#index.of(memberId).size;
  }

  /** The leader's part, until `signal` aborts. */
  run(signal: AbortSignal): Promise<void> {
    return this.#duties.run(signal);
  }

  /** Tells an attached worker its agents until `ended` aborts. */
  tell(memberId: string, stream: MessageStream<WorkerMessage, DirectorMessage>, ended: AbortSignal): Promise<void> {
    return tellAgents({ view: this.#view, index: this.#index }, memberId, stream, ended);
  }

  /** A worker that is attached here says how an agent is. */
  reported(memberId: string, report: AgentReport): void {
    this.#reports.take(memberId, report);
  }

  stop(): void {
    this.#reports.stop();
  }
}
