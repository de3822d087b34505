import { createPolicyRegistry } from "../balancing/policy-registry";
import { FabricClient, type FabricClientConfig } from "../client/fabric-client";
import type { MemberEvent } from "../core/attach-messages";
import type { Connection } from "../core/call";
import type { LogFields, Logger } from "../core/logger";
import { seededRandom, type Random } from "../core/random";
import type { Director } from "../director/director";
import { openStore } from "../store/open-store";
import type { Store } from "../store/store";
import { AgentServiceDefinition, DirectorServiceDefinition, type WireMember } from "../wire/contract";
import { typedClient, type TypedClient } from "../rpc/service/typed-client";
import type { Worker } from "../worker/worker";
import { FaultyStore, type Faults } from "./faulty-store";
import { KEEPALIVE_MS, type HostParts } from "./host-parts";
import { ManualClock } from "./manual-clock";
import { HEARTBEAT_MS, memoryDirector, type DirectorOptions } from "./memory-director";
import { OPERATOR_HOST } from "./memory-host";
import { MemoryNetwork, type MemoryHost } from "./memory-network";
import { memoryWorker, type WorkerOptions } from "./memory-worker";
import type { NetworkConditions } from "./network-conditions";
import { StoreClient } from "./store-client";
import { StoreServer } from "./store-server";

const NO_FAULTS: Faults = { refuseRatio: 0, loseAnswerRatio: 0, cutRatio: 0, delayMaxMs: 0 };
/** The process that the store is on: a name for the network's faults. */
export const STORE_HOST = "store";
const OUTAGE = { ...NO_FAULTS, refuseRatio: 1 };

export { HEARTBEAT_MS };
export type { DirectorOptions, WorkerOptions };

export interface RunningDirector {
  readonly director: Director;
  readonly address: string;
  readonly host: MemoryHost;
  readonly rpc: TypedClient<DirectorServiceDefinition>;
  readonly agents: TypedClient<AgentServiceDefinition>;
  /** Settles with the director's `start`. */
  readonly started: Promise<void>;
}

export interface RunningWorker {
  readonly worker: Worker;
  readonly host: MemoryHost;
  /** Lines of its log. */
  readonly lines: readonly string[];
  readonly events: readonly MemberEvent[];
  /** Settles with the worker's `start`. */
  readonly started: Promise<void>;
}

/** What stands between the processes and their surroundings: a simulation sees there what they do, or puts its own in their place. */
export interface ClusterTaps {
  /** Default: the connection as it is. */
  connection?(connection: Connection, host: MemoryHost): Connection;
  /** What a director has for a store. Default: a client of the cluster's. */
  store?(host: MemoryHost): Store;
  /** Default: lines that nobody reads; a worker's are in its `lines`. */
  logger?(host: MemoryHost): Logger;
}

/** Real directors, workers and clients in one process, on a simulated network, a virtual clock and one seed. */
export class MemoryCluster {
  readonly clock: ManualClock;
  readonly network: MemoryNetwork;
  readonly #random: Random;
  readonly #taps: ClusterTaps;
  readonly #store: FaultyStore;
  readonly #storeServer: StoreServer;
  #storeFaults = NO_FAULTS;
  readonly #storeClients = new Map<string, StoreClient>();
  readonly #closing = new Map<MemoryHost, (() => Promise<unknown>)[]>();
  #ids = 0;

  private constructor(
    parts: { clock: ManualClock; network: MemoryNetwork; random: Random; taps: ClusterTaps },
    store: Store,
  ) {
    this.clock = parts.clock;
    this.network = parts.network;
    this.#random = parts.random;
    this.#taps = parts.taps;
    const { clock } = this.network.host(STORE_HOST);
    this.#store = new FaultyStore(store, { clock, random: this.#fork(), faults: NO_FAULTS });
    this.#storeServer = new StoreServer(this.#store, clock);
  }

  static async open(
    seed = 1,
    taps: ClusterTaps = {},
    conditions: Partial<NetworkConditions> = {},
  ): Promise<MemoryCluster> {
    const random = seededRandom(seed);
    const clock = new ManualClock();
    const network = new MemoryNetwork(clock, forkOf(random), conditions);
    const storeClock = network.host(STORE_HOST).clock;
    const parts = { clock: storeClock, random: forkOf(random), logger: linesInto([]) };
    const store = await openStore({ engine: "embedded" }, parts);
    return new MemoryCluster({ clock, network, random, taps }, store);
  }

  /** The shared record, as nobody's client sees it. */
  get store(): Store {
    return this.#store;
  }

  /** Refuses every operation on the store, until `endStoreOutage`. Its leases do not run out meanwhile, but nobody can renew one. */
  beginStoreOutage(): void {
    this.network.note("store outage");
    this.#store.faults = OUTAGE;
    this.#storeServer.away = true;
  }

  endStoreOutage(): void {
    this.network.note("store back");
    this.#store.faults = this.#storeFaults;
    this.#storeServer.away = false;
  }

  /** How often the store refuses, loses an answer after the deed (S6), breaks a watch, or is slow; from now on. */
  degradeStore(change: Partial<Faults>): void {
    this.network.note(`degrade store ${JSON.stringify(change)}`);
    this.#storeFaults = { ...this.#storeFaults, ...change };
    this.#store.faults = this.#storeFaults;
  }

  /** Ends what a director has leased at the store, and with it its keys, as if it had not renewed. It learns of that by itself. */
  async loseLeases(name: string): Promise<void> {
    this.network.note(`lose leases ${name}`);
    await this.#within("the leases end", this.#storeClients.get(name)?.loseLeases() ?? Promise.resolve());
  }

  /** Starts a director at `name`:61000. The same name again is the same director, started anew. */
  async director(name = "director-1", options: DirectorOptions = {}): Promise<RunningDirector> {
    const running = this.launchDirector(name, options);
    await this.#within("a director starts", running.started);
    return running;
  }

  /** As `director`, but lets no time pass: it is only starting. */
  launchDirector(name: string, options: DirectorOptions = {}): RunningDirector {
    const host = this.network.host(name);
    const address = `${name}:61000`;
    const store = this.#taps.store?.(host) ?? this.#storeClient(host);
    const director = memoryDirector({ ...this.#hostParts(host, []), store }, name, options);
    this.#closeLast(host, () => director.stop({ graceMs: 0 }));
    const connectOperator = () => this.network.connect(this.network.host(OPERATOR_HOST), address, { keepaliveMs: 0 });
    let rpc: TypedClient<DirectorServiceDefinition> | undefined;
    let agents: TypedClient<AgentServiceDefinition> | undefined;
    return {
      director,
      address,
      host,
      // Not before it is used: an attempt to connect that comes before the director listens fails, and the next one takes its time.
      get rpc() {
        return (rpc ??= typedClient(DirectorServiceDefinition, connectOperator()));
      },
      get agents() {
        return (agents ??= typedClient(AgentServiceDefinition, connectOperator()));
      },
      started: director.start(),
    };
  }

  /** Starts a worker at `name`:7000. The same name again is the same worker, started anew. */
  async worker(name: string, directors: readonly string[], options: WorkerOptions = {}): Promise<RunningWorker> {
    const running = this.launchWorker(name, directors, options);
    await this.#within(`${name} starts`, running.started);
    return running;
  }

  /** As `worker`, but lets no time pass: it is only starting. */
  launchWorker(name: string, directors: readonly string[], options: WorkerOptions = {}): RunningWorker {
    const host = this.network.host(name);
    const lines: string[] = [];
    const events: MemberEvent[] = [];
    const worker = memoryWorker(this.#hostParts(host, lines), name, directors, {
      ...options,
      onEvent: (event) => events.push(event),
    });
    this.#closeLast(host, () => worker.stop({ graceMs: 0 }));
    return { worker, host, lines, events, started: worker.start() };
  }

  client(directors: readonly string[], options: Partial<FabricClientConfig> = {}, name = "client"): FabricClient {
    const host = this.network.host(name);
    const client = new FabricClient({
      clock: host.clock,
      random: this.#fork(),
      logger: this.#logger(host, []),
      config: {
        directors,
        mode: "auto",
        balancer: "",
        attemptsMax: 3,
        resumeWindowMs: 30_000,
        callTimeoutMs: 30_000,
        reconnectMaxMs: 1_000,
        retryBufferBytes: 65_536,
        ...options,
      },
      registry: createPolicyRegistry(),
      connect: (address, { keepalive }) => this.#connect(host, address, keepalive ? KEEPALIVE_MS : 0),
      newId: () => this.#newId(),
    });
    this.#closeLast(host, () => client.close());
    return client;
  }

  /** The member as this director shows it. */
  async member({ rpc }: RunningDirector, memberId: string): Promise<WireMember | undefined> {
    const { members } = await this.outcome(rpc.listMembers({}));
    return members.find((member) => member.memberId === memberId);
  }

  /** Lets time pass until the director may pick exactly these. Gives how long it took. */
  async untilReady(director: RunningDirector, memberIds: readonly string[], withinMs = 30_000): Promise<number> {
    const startedMs = this.clock.monotonicMs();
    const isSo = async () => {
      const { members } = await director.rpc.listMembers({});
      const ready = members.filter((member) => member.ready).map((member) => member.memberId);
      return ready.join() === [...memberIds].sort().join();
    };
    await this.until(`${director.address} may pick [${memberIds.join()}]`, isSo, withinMs);
    return this.clock.monotonicMs() - startedMs;
  }

  /** Kills the process without a word; what hung on its leases goes when they run out. */
  async crash(name: string, options: { readonly silently?: boolean } = {}): Promise<void> {
    this.network.crash(name, options);
    this.#storeClients.get(name)?.abandon();
    for (const host of this.#closing.keys()) if (host.dead) this.#closing.delete(host);
    await this.clock.advance(0);
  }

  /** Lets time pass until the condition holds; rejects, naming the claim, when it does not within `withinMs`. */
  async until(claim: string, condition: () => boolean | Promise<boolean>, withinMs = 30_000): Promise<void> {
    const deadlineMs = this.clock.monotonicMs() + withinMs;
    while (!(await this.#within(claim, Promise.resolve(condition())))) {
      if (this.clock.monotonicMs() >= deadlineMs) throw new Error(`Not so within ${withinMs} ms: ${claim}`);
      await this.clock.advance(10);
    }
  }

  /** Lets time pass until the promise settles, and gives its outcome. */
  async outcome<T>(promise: Promise<T>, withinMs = 60_000): Promise<T> {
    return this.#within("an answer", promise, withinMs);
  }

  /** Stops everything. Twice is once. */
  async close(): Promise<void> {
    this.endStoreOutage();
    this.network.heal();
    for (const host of this.#closing.keys()) if (host.frozen) this.network.thaw(host.name);
    const stops = [...this.#closing.values()].flat().map((stop) => stop());
    this.#closing.clear();
    await this.clock.advance(5_000);
    await Promise.race([Promise.allSettled(stops), this.clock.advance(60_000)]);
    await this.#store.close();
  }

  async #within<T>(claim: string, promise: Promise<T>, withinMs = 60_000): Promise<T> {
    let settled = false;
    const done = () => {
      settled = true;
    };
    promise.then(done, done);
    await this.clock.advance(withinMs, () => settled);
    if (!settled) throw new Error(`Not within ${withinMs} ms: ${claim}`);
    return promise;
  }

  #hostParts(host: MemoryHost, lines: string[]): HostParts {
    return {
      host,
      random: this.#fork(),
      logger: this.#logger(host, lines),
      server: this.network.server(host),
      connect: (address, keepaliveMs) => this.#connect(host, address, keepaliveMs),
      newId: () => this.#newId(),
    };
  }

  #closeLast(host: MemoryHost, stop: () => Promise<unknown>): void {
    const known = this.#closing.get(host);
    if (known) known.push(stop);
    else this.#closing.set(host, [stop]);
  }

  #connect(host: MemoryHost, address: string, keepaliveMs: number): Connection {
    const connection = this.network.connect(host, address, { keepaliveMs });
    return this.#taps.connection?.(connection, host) ?? connection;
  }

  #storeClient(host: MemoryHost): Store {
    const store = this.network.host(STORE_HOST);
    const client = new StoreClient({
      host,
      server: this.#storeServer,
      toServer: this.network.pipe(host, store),
      toClient: this.network.pipe(store, host),
    });
    this.#storeClients.set(host.name, client);
    return client;
  }

  #logger(host: MemoryHost, lines: string[]): Logger {
    return this.#taps.logger?.(host) ?? linesInto(lines);
  }

  #fork(): Random {
    return forkOf(this.#random);
  }

  #newId(): string {
    this.#ids += 1;
    return `id-${this.#ids}`;
  }
}

function forkOf(random: Random): Random {
  return seededRandom(random.below(2 ** 32));
}

function linesInto(lines: string[]): Logger {
  const write = (message: string, fields?: LogFields) =>
    void lines.push(fields ? `${message} ${JSON.stringify(fields)}` : message);
  const logger: Logger = { debug: write, info: write, warn: write, error: write, child: () => logger };
  return logger;
}
