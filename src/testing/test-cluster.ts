import type { BalancingPolicy } from "../balancing/picker";
import type { FabricClient, FabricClientConfig } from "../client/fabric-client";
import { FabricError } from "../core/errors";
import { seededRandom } from "../core/random";
import { DescriptorSet } from "../wire/descriptor-set";
import { ClusterAssertionError, notingLogger } from "./cluster-log";
import { MemoryCluster, type DirectorOptions } from "./memory-cluster";
import type { NetworkConditions } from "./network-conditions";
import { TestDirector } from "./test-director";
import { TestNetwork } from "./test-network";
import { TestStore } from "./test-store";
import {
  TestWorker,
  type ArrivedCall,
  type TestAgentHandler,
  type TestServices,
  type TestWorkerOptions,
} from "./test-worker";

/** What a test cluster is made of. All may be left out. */
export interface TestClusterOptions {
  /** Decides everything that chance decides; the same seed and the same test give the same run, to the byte of its log. Default 1. */
  readonly seed?: number;
  /** How many, 1 or more: director-1, director-2 … Default 1. */
  readonly directors?: number;
  /** How many: worker-1, worker-2 … Default 2. Worker n attaches to director n first, and to the others when that dies. */
  readonly workers?: number;
  /** What the network does to packets from the beginning on. Default: nothing but a delay of 1 to 3 ms. */
  readonly network?: Partial<NetworkConditions>;
  /**
   * What the workers serve: services as `createWorker` takes them, or a function that makes them for each worker, with its name and
   * with virtual time and chance. Default: the tasks and the token stream of `heddle worker`.
   */
  readonly services?: TestServices;
  /** Runs the agents that are placed on the workers (`client.client(AgentServiceDefinition)` assigns them). Default: they take none. */
  readonly onAgent?: TestAgentHandler;
  /** The FileDescriptorSet of the services: directors know by it which methods are idempotent. */
  readonly descriptors?: Uint8Array;
  /** Calls that one worker runs at once; 0 for no bound. Default 0. */
  readonly slots?: number;
  /** The directors' policy: a built-in one, or one of `policies`. Default "round-robin". */
  readonly balancer?: string;
  readonly policies?: Readonly<Record<string, BalancingPolicy>>;
}

export type TestClientOptions = Partial<
  Pick<FabricClientConfig, "mode" | "balancer" | "attemptsMax" | "callTimeoutMs" | "directors">
>;

/** How many arrivals are remembered; the oldest go first. */
const ARRIVALS_MAX = 10_000;

/**
 * Real directors, workers and clients in this one process, on a virtual clock and a simulated network and store. No time passes
 * but in the methods that say so: a call is begun, and answered while `outcome`, `until` or `advance` runs.
 */
export class TestCluster {
  readonly seed: number;
  readonly network: TestNetwork;
  readonly store: TestStore;
  readonly directors: readonly TestDirector[];
  readonly workers: readonly TestWorker[];
  readonly #memory: MemoryCluster;
  readonly #arrivals: ArrivedCall[] = [];

  /** Use `createTestCluster`. */
  constructor(memory: MemoryCluster, seed: number, options: TestClusterOptions) {
    this.#memory = memory;
    this.seed = seed;
    this.network = new TestNetwork(memory.network);
    this.store = new TestStore(memory);
    const { directors = 1, workers = 2, balancer, policies } = options;
    const directorOptions: DirectorOptions = { ...(balancer && { balancer }), ...(policies && { policies }) };
    this.directors = names("director", directors).map((name) => new TestDirector(memory, name, directorOptions));
    this.workers = names("worker", workers).map((name, index) => this.#worker(name, index, options));
  }

  /** Virtual milliseconds since the beginning. */
  get nowMs(): number {
    return this.#memory.clock.monotonicMs();
  }

  /** What happened, a line each, with its virtual time: calls, connections, faults, and what directors and workers logged. */
  get log(): readonly string[] {
    return this.#memory.network.log;
  }

  /** Calls that arrived at workers, in order: each attempt is one. The last 10,000. */
  get arrivals(): readonly ArrivedCall[] {
    return this.#arrivals;
  }

  /** By its name or number, from 1. */
  director(which: string | number): TestDirector {
    return found(this.directors, typeof which === "number" ? `director-${which}` : which);
  }

  /** By its name or number, from 1. */
  worker(which: string | number): TestWorker {
    return found(this.workers, typeof which === "number" ? `worker-${which}` : which);
  }

  /** A client, on a machine of that name, that knows all directors. Its calls are typed: `client.client(Definition)`. */
  client(name = "client", options: TestClientOptions = {}): FabricClient {
    const directors = options.directors ?? this.directors.map(({ address }) => address);
    return this.#memory.client(directors, options, name);
  }

  /** Lets time pass. */
  async advance(durationMs: number): Promise<void> {
    await this.#memory.clock.advance(durationMs);
  }

  /**
   * Lets time pass until the promise settles, and gives its outcome. Rejects when it does not within `withinMs`, which is virtual:
   * a handler that waits in real time never ends. Default 60,000.
   */
  async outcome<T>(promise: Promise<T>, withinMs = 60_000): Promise<T> {
    const late = `Not answered within ${withinMs} ms of virtual time`;
    let settled = false;
    const onSettled = () => {
      settled = true;
    };
    promise.then(onSettled, onSettled);
    await this.#memory.clock.advance(withinMs, () => settled);
    if (!settled) throw this.failure(late);
    return promise;
  }

  /** Lets time pass until the condition holds, asked every 10 ms; rejects, with the claim, when it does not within `withinMs`. Default 30,000. */
  async until(claim: string, condition: () => boolean | Promise<boolean>, withinMs = 30_000): Promise<void> {
    const deadlineMs = this.nowMs + withinMs;
    while (!(await this.outcome(Promise.resolve(condition())))) {
      if (this.nowMs >= deadlineMs) throw this.failure(`Not so within ${withinMs} ms of virtual time: ${claim}`);
      await this.advance(10);
    }
  }

  /** Puts a line of your own into the log. */
  note(line: string): void {
    this.#memory.network.note(line);
  }

  /** An error that says the claim, the seed, and the last lines of the log. */
  failure(claim: string): ClusterAssertionError {
    return new ClusterAssertionError(claim, this);
  }

  /** Heals everything and stops everything; to be called at the end of a test. Twice is once. */
  async close(): Promise<void> {
    await this.#memory.close();
  }

  #worker(name: string, index: number, { services, onAgent, descriptors, slots = 0 }: TestClusterOptions): TestWorker {
    const addresses = this.directors.map(({ address }) => address);
    const first = index % addresses.length;
    const options: TestWorkerOptions = { services, onAgent, slots, ...(descriptors && { descriptors }) };
    return new TestWorker(
      {
        cluster: this,
        memory: this.#memory,
        directors: [...addresses.slice(first), ...addresses.slice(0, first)],
        options,
        random: () => seededRandom(this.seed * 1_000 + index),
        arrived: (call) => {
          this.#arrivals.push(call);
          if (this.#arrivals.length > ARRIVALS_MAX) this.#arrivals.shift();
        },
      },
      name,
    );
  }
}

/**
 * Makes a cluster and starts all of it. Resolves when every director gives calls to every worker.
 * @throws FabricError INVALID_ARGUMENT that names the option
 */
export async function createTestCluster(options: TestClusterOptions = {}): Promise<TestCluster> {
  const { seed = 1, directors = 1, workers = 2, descriptors } = options;
  requireInteger("seed", seed, 0, 2 ** 32 - 1);
  requireInteger("directors", directors, 1, 100);
  requireInteger("workers", workers, 0, 1_000);
  if (descriptors) DescriptorSet.parse(descriptors);
  const note = (line: string) => memory.network.note(line);
  const memory = await MemoryCluster.open(
    seed,
    { logger: ({ name }) => notingLogger(name, note) },
    options.network ?? {},
  );
  const cluster = new TestCluster(memory, seed, options);
  try {
    for (const director of cluster.directors) await director.start();
    for (const worker of cluster.workers) await worker.start();
    for (const director of cluster.directors) {
      const all = async () => (await director.ready()).length === workers;
      await cluster.until(`${director.name} gives calls to ${workers} workers`, all);
    }
  } catch (error) {
    await cluster.close();
    throw error;
  }
  return cluster;
}

function names(kind: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${kind}-${index + 1}`);
}

function found<T extends { readonly name: string }>(all: readonly T[], name: string): T {
  const one = all.find((each) => each.name === name);
  if (one) return one;
  const known = all.map((each) => each.name).join(", ") || "none";
  throw new FabricError("INVALID_ARGUMENT", `there is no ${name} in this cluster; there is ${known}`);
}

function requireInteger(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new FabricError("INVALID_ARGUMENT", `${name} is ${value}; it must be a whole number from ${least} to ${most}`);
}
