import type { MemberEvent } from "../core/attach-messages";
import type { Clock } from "../core/clock";
import type { Random } from "../core/random";
import type { MountedService } from "../rpc/service/service-handlers";
import type { AgentHandler, PlacedAgent } from "../worker/agents/agent-handler";
import type { MemoryCluster, RunningWorker, WorkerOptions } from "./memory-cluster";
import type { TestCluster } from "./test-cluster";
import { TestProcess } from "./test-process";

/** What handlers get instead of the real clock and chance, so that they run in virtual time and the same way each time. */
export interface WorkerSurroundings {
  /** The worker that they run on. */
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
}

/** What test workers serve: as `createWorker` takes it, or made for each worker. */
export type TestServices =
  readonly MountedService[] | ((surroundings: WorkerSurroundings) => readonly MountedService[]);

/** A call that arrived at a worker. */
export interface ArrivedCall {
  readonly worker: string;
  /** "/package.Service/Method". */
  readonly path: string;
  /** Virtual time. */
  readonly atMs: number;
}

/** Runs agents, as `createWorker` takes it, and is told where. */
export type TestAgentHandler = (agent: PlacedAgent, on: WorkerSurroundings) => ReturnType<AgentHandler>;

export interface TestWorkerOptions extends Omit<
  WorkerOptions,
  "services" | "serves" | "onCall" | "onEvent" | "onAgent"
> {
  readonly services: TestServices | undefined;
  readonly onAgent?: TestAgentHandler | undefined;
}

export interface TestWorkerParts {
  readonly cluster: TestCluster;
  readonly memory: MemoryCluster;
  readonly directors: readonly string[];
  readonly options: TestWorkerOptions;
  random(): Random;
  arrived(call: ArrivedCall): void;
}

/** A worker of the test cluster. */
export class TestWorker extends TestProcess {
  readonly cluster: TestCluster;
  readonly #parts: TestWorkerParts;
  #running!: RunningWorker;

  constructor(parts: TestWorkerParts, name: string) {
    super(parts.memory, name, `${name}:7000`);
    this.cluster = parts.cluster;
    this.#parts = parts;
  }

  /** Calls that it runs now. Those of a worker that was killed are gone. */
  get inFlight(): number {
    return this.state === "killed" ? 0 : this.#running.worker.inFlight;
  }

  /** What it was told of the cluster in its present life. */
  get events(): readonly MemberEvent[] {
    return this.#running.events;
  }

  protected begin(): void {
    const { memory, directors, options, random, arrived } = this.#parts;
    const { services, onAgent, ...settings } = options;
    const { clock } = memory.network.host(this.name);
    const on: WorkerSurroundings = { name: this.name, clock, random: random() };
    const given = typeof services === "function" ? services(on) : services;
    this.#running = memory.launchWorker(this.name, directors, {
      ...settings,
      ...(given && { services: given, serves: "given" }),
      ...(onAgent && { onAgent: (agent: PlacedAgent) => onAgent(agent, on) }),
      onCall: (path) => {
        memory.network.note(`arrived ${this.name} ${path}`);
        arrived({ worker: this.name, path, atMs: memory.clock.monotonicMs() });
      },
    });
  }

  protected started(): Promise<unknown> {
    return this.#running.started;
  }

  protected end(options: { readonly graceMs?: number }): Promise<void> {
    return this.#running.worker.stop(options);
  }
}
