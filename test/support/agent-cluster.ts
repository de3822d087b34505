import { AgentState, type Agent } from "../../src/wire/contract";
import type { PlacedAgent } from "../../src/worker/agents/agent-handler";
import {
  MemoryCluster,
  type ClusterTaps,
  type RunningDirector,
  type WorkerOptions,
} from "../../src/testing/memory-cluster";

/** What a worker's code was told, and what runs there now. */
export class AgentCode {
  /** Name and generation of each that was begun, in order. */
  readonly begun: [string, number][] = [];
  readonly running = new Map<string, PlacedAgent>();
  /** Every agent fails with it while it is set. */
  failWith: string | undefined;
  /** An agent is begun only when it has settled. */
  before: Promise<void> = Promise.resolve();

  readonly onAgent = async (agent: PlacedAgent) => {
    const { name, generation } = agent;
    this.begun.push([name, generation]);
    await this.before;
    if (this.failWith !== undefined) throw new Error(this.failWith);
    this.running.set(name, agent);
    return () => void this.running.delete(name);
  };

  get names(): string[] {
    return [...this.running.keys()].sort();
  }
}

type Wish = Parameters<RunningDirector["agents"]["assignAgent"]>[0];

/** Directors and workers in memory, with code that runs agents. */
export class AgentCluster {
  readonly memory: MemoryCluster;
  readonly #code = new Map<string, AgentCode>();
  readonly #directors: RunningDirector[] = [];
  /** By agent: the generation before its first. */
  readonly #generations = new Map<string, number>();

  private constructor(memory: MemoryCluster) {
    this.memory = memory;
  }

  static async open(seed?: number, taps?: ClusterTaps): Promise<AgentCluster> {
    return new AgentCluster(await MemoryCluster.open(seed, taps));
  }

  async director(
    name = "director-1",
    options: Parameters<MemoryCluster["director"]>[1] = {},
  ): Promise<RunningDirector> {
    const director = await this.memory.director(name, options);
    this.#directors.push(director);
    return director;
  }

  /** The one that was started last. */
  get first(): RunningDirector {
    return this.#directors.at(-1)!;
  }

  code(name: string): AgentCode {
    return this.#code.get(name)!;
  }

  /** What a worker was told to run, in order: "a@2" for the second placement of a. */
  begun(worker: string): string[] {
    return this.code(worker).begun.map(([name, generation]) => `${name}@${this.placement(name, generation)}`);
  }

  /** Which placement of the agent this is, from 1. */
  placement(name: string, generation: number | bigint): number {
    return Number(generation) - (this.#generations.get(name) ?? 0);
  }

  async worker(name: string, options: WorkerOptions = {}, directors = ["director-1:61000"]) {
    const code = new AgentCode();
    this.#code.set(name, code);
    return await this.memory.worker(name, directors, { onAgent: code.onAgent, ...options });
  }

  async workers(...names: string[]): Promise<void> {
    for (const name of names) await this.worker(name);
    await this.memory.untilReady(this.first, names);
  }

  async assign(name: string, wish: Wish = {}, at = this.first): Promise<Agent & { readonly created: boolean }> {
    const { agent, created } = await this.memory.outcome(at.agents.assignAgent({ name, ...wish }));
    const isPlaced = agent!.memberId !== "";
    if (created) this.#generations.set(name, Number(agent!.generation) - (isPlaced ? 1 : 0));
    return { ...agent!, created };
  }

  /** Assigns a1, a2, … and waits until they run. Gives where. */
  async assignMany(count: number, wish: Wish = {}): Promise<Record<string, number>> {
    for (let number = 1; number <= count; number += 1) await this.assign(`a${number}`, wish);
    await this.memory.until("all run", async () =>
      (await this.list()).every(({ state }) => state === AgentState.RUNNING),
    );
    return this.spread();
  }

  async get(name: string, at = this.first): Promise<Agent> {
    return (await this.memory.outcome(at.agents.getAgent({ name }))).agent!;
  }

  async list(at = this.first): Promise<readonly Agent[]> {
    return (await this.memory.outcome(at.agents.listAgents({}))).agents;
  }

  /** How many agents each member has. */
  async spread(at = this.first): Promise<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const { memberId } of await this.list(at)) counts[memberId] = (counts[memberId] ?? 0) + 1;
    return counts;
  }

  /** Lets time pass until the record and the worker's code say so. Gives how long it took. */
  async untilRuns(name: string, memberId: string, at = this.first, withinMs?: number): Promise<number> {
    const startedMs = this.memory.clock.monotonicMs();
    const isSo = async () => {
      const agent = await this.get(name, at);
      const { running } = this.code(memberId);
      return agent.state === AgentState.RUNNING && agent.memberId === memberId && running.has(name);
    };
    await this.memory.until(`${name} runs at ${memberId}`, isSo, withinMs);
    return this.memory.clock.monotonicMs() - startedMs;
  }

  close(): Promise<void> {
    return this.memory.close();
  }
}
