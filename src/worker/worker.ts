import { parseDialableAddress } from "../core/address";
import type { Hello, MemberEvent } from "../core/attach-messages";
import type { Connection, IncomingCall } from "../core/call";
import type { Clock } from "../core/clock";
import { FabricError } from "../core/errors";
import type { Logger } from "../core/logger";
import type { Load, Resources, Tags } from "../core/member";
import type { Random } from "../core/random";
import { acceptCapacity, CAPACITY_PATH } from "../wire/capacity-stream";
import { AgentHost } from "./agents/agent-host";
import type { AgentHandler } from "./agents/agent-handler";
import { Admission } from "./admission";
import { AttachLoop, type AttachLink } from "./attach-loop";
import type { SessionHost, Welcome } from "./attach-session";
import { Capacity } from "./capacity/capacity";
import { simulateFailures } from "./failure-simulation";
import { KeyedCalls, type KeyedCallsBounds } from "./keyed-calls";
import { probe } from "./prober";
import { depart, FAREWELL_MS, type DepartureParts } from "./departure";
import { DrainSignal } from "./drain-signal";
import { OperatorDrain } from "./operator-drain";
import type { Served, ServiceHost } from "./service-host";

/** The server side of the worker's data address. */
export interface WorkerServer {
  handle(path: string, handler: (call: IncomingCall) => void): void;
  listen(address: string, field: string): Promise<string>;
  /** Takes no new connections and resolves when the last call has ended. */
  drain(): Promise<void>;
  close(): void;
}

/** A role that is more than a word: whoever has it is a standby. */
const STANDBY_ROLE = "standby";

/** Settled settings of a worker. */
export interface WorkerConfig extends KeyedCallsBounds {
  readonly memberId: string;
  readonly label: string;
  /** Where to listen; port 0 takes a free one. */
  readonly address: string;
  /** What others dial; "" takes the bound address, which then must name one host. */
  readonly advertiseAddress: string;
  readonly directors: readonly string[];
  readonly tags: Tags;
  /** Calls executed at once; more are refused. 0 means no bound. */
  readonly slots: number;
  /** Agents taken at most; absent or 0 for as many as `slots`. */
  readonly agentsMax?: number;
  /** Only to be used while no other worker can take a call. */
  readonly standby?: boolean;
  /** How long agents go on while no director answers; absent or 0 for as long as it takes. */
  readonly agentsAloneMs?: number;
  readonly role: string;
  readonly failureEnabled: boolean;
  readonly failurePhaseMs: number;
  /** 0 takes the director's. */
  readonly heartbeatIntervalMs: number;
  readonly reconnectMaxMs: number;
  readonly drainTimeoutMs: number;
  /** False for a server of another stack, which may close connections that ping often. */
  readonly dataKeepalive: boolean;
  /** Of the certificate that callers are shown; absent or "" for plain text. Named in the log; the server has them. */
  readonly tlsCertFile?: string;
  readonly tlsKeyFile?: string;
}

export interface WorkerParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly config: WorkerConfig;
  readonly version: string;
  /** Runs the handlers. */
  readonly host: ServiceHost;
  /** `undefined` when something else serves the data address (`heddle attach`). */
  readonly server: WorkerServer | undefined;
  inventory(): Promise<Resources>;
  sampleLoad(): Omit<Load, "inFlight">;
  openAttach(address: string): AttachLink;
  /** Connections for probing other workers. */
  connect(address: string): Connection;
  /** Told whenever the worker begins or ceases to take calls: for the health service. */
  onServing?(serving: boolean): void;
  onEvent?(event: MemberEvent): void;
  /** Runs agents. Default: what comes with the services, if anything; else the worker takes none. */
  onAgent?: AgentHandler | undefined;
}

/** Why calls are refused. Each cause ends by itself: a recovery does not undo an operator's drain. */
type RefusalCause = "leaving" | "failed" | "drained" | "suspended" | "threads";

/** Bounds on the control plane that nobody needs to set. */
const SESSION = { welcomeTimeoutMs: 5_000, unacknowledgedMax: 10 } as const;
/** How long a leaving worker waits for its agents to run elsewhere. */
const HAND_OVER_MS = 5_000;
/** An hour, in milliseconds of incarnation, is made good by the eighth attempt. */
const RAISE_FACTOR = 8;

/** A worker from start to stop: a server for calls, attached to a director. */
export class Worker {
  readonly #parts: WorkerParts;
  readonly #admission: Admission;
  readonly #keyed: KeyedCalls;
  readonly #capacity: Capacity;
  readonly #loop: AttachLoop;
  readonly #stop = new AbortController();
  readonly #refusals = new Map<RefusalCause, FabricError>();
  readonly #drainSignal = new DrainSignal();
  readonly #operatorDrain: OperatorDrain;
  #onAgent: AgentHandler | undefined;
  #agents: AgentHost | undefined;
  #served: Served = { services: [], descriptors: undefined };
  #isDescribed = true;
  #incarnation = 0;
  /** Attach streams opened in this life. */
  #attachments = 0;
  #raiseBy = 1;
  #address = "";
  #resources: Resources | undefined;
  #running: Promise<void> = Promise.resolve();
  #stopping: Promise<void> | undefined;
  /** Callers are told to go elsewhere; those that are not gone yet are served. */
  #isLeaving = false;
  #markStopped = () => {};
  readonly #stopped = new Promise<void>((resolve) => (this.#markStopped = resolve));
  #welcomed: ((welcome: Welcome) => void)[] = [];

  constructor(parts: WorkerParts) {
    this.#parts = parts;
    this.#onAgent = parts.onAgent;
    this.#admission = new Admission(parts.config.slots, this.#drainSignal);
    const { clock, random, logger, config } = parts;
    this.#capacity = new Capacity({ clock, logger, slots: config.slots, inFlight: () => this.#admission.inFlight });
    this.#operatorDrain = new OperatorDrain({
      clock,
      logger,
      label: config.label,
      admission: this.#admission,
      signal: this.#drainSignal,
      outOfRouting: (signal) => clock.sleep(FAREWELL_MS, signal).catch(() => {}),
      refuse: (error) => this.#refuse("drained", error),
      accept: () => this.#accept("drained"),
      beat: () => this.#loop.session?.beatNow(),
    });
    const life = `${clock.wallMs().toString(36)}-${random.below(0x1_0000_0000).toString(36)}`;
    this.#keyed = new KeyedCalls(clock, this.#admission, { memberId: config.memberId, life }, config);
    this.#loop = new AttachLoop({
      clock,
      random,
      logger,
      directors: config.directors,
      reconnectMaxMs: config.reconnectMaxMs,
      session: SESSION,
      open: (address) => parts.openAttach(address),
      host: this.#host(),
      raiseIncarnation: () => this.#raiseIncarnation(),
      withholdDescriptors: () => {
        this.#isDescribed = false;
      },
    });
  }

  get memberId(): string {
    return this.#parts.config.memberId;
  }

  /** host:port for calls; known after `start`. */
  get address(): string {
    return this.#address;
  }

  /**
   * What runs the agents that are placed on this worker (docs/agents.md). To be set before `start`, by which the directors learn that there is
   * somebody to run them.
   * @throws Error when the worker was started
   */
  onAgent(handler: AgentHandler): this {
    if (this.#incarnation > 0)
      throw new Error("onAgent after start: directors have been told that no agents are taken");
    this.#onAgent = handler;
    return this;
  }

  get inFlight(): number {
    return this.#admission.inFlight;
  }

  /**
   * Aborts when the worker is being taken out of routing, by `stop` or by an operator, while it still serves what comes: the time
   * to end streams at a good point. A drain that is cancelled is over with its signal; ask again for the next one's.
   */
  get draining(): AbortSignal {
    return this.#drainSignal.signal;
  }

  /** Settles when the worker has stopped; rejects when its director can never take it as it describes itself. */
  get finished(): Promise<void> {
    return this.#running;
  }

  /**
   * Listens and begins to attach. Resolves when calls can be served, with or without a director: one that comes later finds the worker waiting.
   * @throws FabricError INVALID_ARGUMENT when an address is malformed or cannot be bound, or the handlers cannot be loaded
   */
  async start(): Promise<void> {
    const { config, logger, clock, host } = this.#parts;
    logger.info(`👷 Starting Worker '${config.label}' at ${config.address}`);
    if (config.tlsCertFile) {
      logger.info(`📁 Loading certificates from "${config.tlsCertFile}" and "${config.tlsKeyFile}"`);
    }
    this.#served = await host.start();
    host.onRefusal((refusal) => (refusal ? this.#refuse("threads", refusal) : this.#accept("threads")));
    this.#agents = this.#agentHost(this.#onAgent ?? this.#served.onAgent);
    this.#incarnation = Math.floor(clock.wallMs());
    try {
      [this.#address, this.#resources] = await Promise.all([this.#listen(), this.#parts.inventory()]);
    } catch (error) {
      await host.stop();
      throw error;
    }
    logger.info(`🌐 Enabling cluster, connecting to director at ${config.directors.join(", ")}...`);
    this.#running = this.#loop.run();
    this.#running.catch(() => this.#stop.abort());
    if (config.failureEnabled) this.#simulateFailures();
  }

  /** Resolves when a director has welcomed the worker. */
  whenAttached(): Promise<Welcome> {
    return new Promise((resolve) => this.#welcomed.push(resolve));
  }

  /**
   * Leaves without failing a call: asks for no more picks, finishes what is in flight within the grace, tells the director, and
   * closes. What is still running after the grace is ended. Twice is once.
   */
  stop(options: { readonly graceMs?: number; readonly reason?: string } = {}): Promise<void> {
    this.#stopping ??= this.#leave(
      options.graceMs ?? this.#parts.config.drainTimeoutMs,
      options.reason ?? "stopping",
    ).finally(() => this.#markStopped());
    return this.#stopping;
  }

  /** Takes no calls until `resume`, and tells the director: for a worker that cannot do its work now. */
  suspend(reason: string): void {
    this.#refuse(
      "suspended",
      new FabricError("WORKER_DRAINING", `worker ${this.#parts.config.label} is suspended: ${reason}`),
    );
  }

  resume(): void {
    this.#accept("suspended");
  }

  /** Resolves when `stop` has done its work. */
  get stopped(): Promise<void> {
    return this.#stopped;
  }

  async #listen(): Promise<string> {
    const { config, logger, server } = this.#parts;
    if (!server) return config.advertiseAddress;
    for (const service of this.#served.services) {
      for (const [path, run] of service.methods) server.handle(path, (call) => this.#keyed.serve(call, run));
    }
    server.handle(CAPACITY_PATH, (call) => void this.#capacity.serve(acceptCapacity(call)));
    logger.info(`🔌 Binding server to ${config.address}...`);
    const bound = await server.listen(config.address, "WORKER_ADDR");
    logger.info(`✅ Server bound successfully to ${bound}`);
    const advertised = config.advertiseAddress || bound;
    parseDialableAddress(advertised, "WORKER_ADVERTISE_ADDR");
    return advertised;
  }

  async #leave(graceMs: number, reason: string): Promise<void> {
    const { clock, logger, server, host, config } = this.#parts;
    this.#stop.abort();
    this.#operatorDrain.close();
    this.#drainSignal.begin(`worker ${config.label} is leaving: ${reason}`);
    const departure: DepartureParts = {
      clock,
      logger,
      label: config.label,
      admission: this.#admission,
      outOfRouting: async (why) => {
        await Promise.all([this.#loop.session?.announceDrain(why), this.#capacity.withdraw()]);
      },
      closeToCallers: () => {
        this.#isLeaving = true;
        this.#capacity.close();
        this.#tellServing();
        return server?.drain() ?? Promise.resolve();
      },
      refuse: (error) => this.#refuse("leaving", error),
      goodbye: async (why, withinMs) => {
        await this.#agents?.leave(Math.min(graceMs, HAND_OVER_MS));
        this.#loop.leave(why, withinMs);
        await this.#running.catch(() => {});
      },
    };
    await depart(departure, graceMs, reason);
    server?.close();
    await host.stop();
    logger.info("👋 worker stopped");
  }

  #simulateFailures(): void {
    const { clock, logger, config } = this.#parts;
    void simulateFailures(
      {
        clock,
        logger,
        label: config.label,
        phaseMs: config.failurePhaseMs,
        fail: (error) => {
          this.#refuse("failed", error);
          this.#admission.failAll(new FabricError("WORKER_LOST", error.message));
        },
        recover: () => this.#accept("failed"),
      },
      this.#stop.signal,
    );
  }

  #refuse(why: RefusalCause, error: FabricError): void {
    this.#refusals.set(why, error);
    this.#applyRefusals();
  }

  #accept(why: RefusalCause): void {
    if (this.#refusals.delete(why)) this.#applyRefusals();
  }

  #applyRefusals(): void {
    const [refusal] = this.#refusals.values();
    if (refusal) this.#admission.refuse(refusal);
    else this.#admission.open();
    this.#tellServing();
  }

  #isServing(): boolean {
    return !this.#isLeaving && this.#admission.isServing();
  }

  #notServingReason(): string {
    const [refusal] = this.#refusals.values();
    return this.#isLeaving ? "it is leaving" : (refusal?.message ?? "");
  }

  #tellServing(): void {
    this.#parts.onServing?.(this.#isServing());
    this.#loop.session?.beatNow();
  }

  get #descriptors(): Served["descriptors"] {
    return this.#isDescribed ? this.#served.descriptors : undefined;
  }

  /** Further each time until it is accepted: what is known may come from before this machine's clock was set back. */
  #raiseIncarnation(): void {
    this.#incarnation = Math.max(this.#incarnation + this.#raiseBy, Math.floor(this.#parts.clock.wallMs()));
    this.#raiseBy *= RAISE_FACTOR;
  }

  #host(): SessionHost {
    const parts = this.#parts;
    const admission = this.#admission;
    return {
      hello: () => this.#hello(),
      load: () => ({ ...parts.sampleLoad(), inFlight: admission.inFlight }),
      isServing: () => this.#isServing(),
      notServingReason: () => this.#notServingReason(),
      descriptors: () => this.#descriptors,
      attached: (welcome) => this.#attached(welcome),
      drained: (order) => {
        if (!this.#stopping) this.#operatorDrain.begin(order);
      },
      undrained: () => this.#operatorDrain.end(),
      probe: ({ address, timeoutMs }) => probe((to) => parts.connect(to), parts.clock, address, timeoutMs),
      event: (event) => parts.onEvent?.(event),
      directors: (addresses) => this.#loop.learn(addresses),
      acknowledged: () => this.#agents?.inTouch(),
      agents: (orders) => this.#agents?.apply(orders),
    };
  }

  #agentHost(handler: AgentHandler | undefined): AgentHost | undefined {
    if (!handler) return undefined;
    const { clock, logger, config } = this.#parts;
    return new AgentHost({
      clock,
      logger,
      handler,
      aloneMs: config.agentsAloneMs ?? 0,
      report: (report) => this.#loop.session?.reportAgent(report),
    });
  }

  #hello(): Hello {
    const { config, version } = this.#parts;
    if (!this.#resources) throw new Error("a session was opened before start found the resources");
    this.#attachments += 1;
    return {
      memberId: config.memberId,
      label: config.label,
      address: this.#address,
      incarnation: this.#incarnation,
      services: this.#served.services.map((service) => service.fullName),
      descriptorSetHash: this.#descriptors?.hash ?? "",
      slots: config.slots,
      tags: { role: config.role, label: config.label, ...config.tags },
      resources: this.#resources,
      role: config.role,
      version,
      dataKeepalive: config.dataKeepalive,
      heartbeatIntervalMs: config.heartbeatIntervalMs,
      wantsEvents: this.#parts.onEvent !== undefined,
      attachment: this.#attachments,
      sharesSlots: this.#parts.server !== undefined,
      takesAgents: this.#agents !== undefined,
      agentsMax: config.agentsMax ?? 0,
      standby: config.standby === true || config.role === STANDBY_ROLE,
    };
  }

  #attached(welcome: Welcome): void {
    this.#raiseBy = 1;
    this.#agents?.attached();
    const { config, logger } = this.#parts;
    const { label, role } = config;
    logger.info("✅ Cluster enabled, connected to director", { director: welcome.directorId });
    logger.info(`🏷️  Tagging worker with role=${role} and label=${label}...`);
    logger.info(`✅ Worker '${label}' joined cluster with role=${role}, label=${label}`);
    logger.info(`🚀 Worker '${label}' is running and ready to handle requests`);
    for (const resolve of this.#welcomed.splice(0)) resolve(welcome);
    // It leaves, and this director does not know yet.
    if (this.#stopping) void this.#loop.session?.announceDrain("stopping");
  }
}
