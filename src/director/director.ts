import { Balancer } from "../balancing/balancer";
import { Dispatcher } from "../balancing/dispatcher";
import { RetryBudget } from "../balancing/retry-budget";
import { parseSocketAddress } from "../core/address";
import { FabricError, messageOf } from "../core/errors";
import type { Intent } from "../core/member";
import { WholeMessages } from "../core/message-cutter";
import type { Leader } from "../store/election";
import type { Session } from "../store/store";
import { acceptAttach, ATTACH_PATH } from "../wire/attach-stream";
import { Assignments } from "./assignments";
import { AttachService } from "./attach-service";
import { CallRouter, Shortage } from "./call-router";
import { SlotCredits } from "./capacity/slot-credits";
import { ClusterView } from "./cluster-view";
import type { DirectorParts } from "./director-parts";
import { directorService } from "./director-service";
import { Drains } from "./drains";
import { DirectorSession } from "./director-session";
import { EventLog } from "./event-log";
import { LeaderDuties } from "./leader-duties";
import { Leadership } from "./leadership";
import { MemberReport } from "./member-report";
import { MemberWriter } from "./member-writer";
import { MembershipHost } from "./membership-host";
import { Orphans } from "./orphans";
import { PoolLog } from "./pool-log";
import { ELECTION_PREFIX, type DirectorRecord } from "./records";
import { NO_RELAYS, type Relays } from "./relays";
import { relaySource } from "./relay-source";
import { ServiceContracts } from "./service-contracts";
import { Sessions } from "./sessions";
import { StoreRecovery } from "./store-recovery";
import { shutDown } from "./shutdown";
import { refuseTwin } from "./twin-check";
import { displayName, followView } from "./view-follower";
import { WorkerPool, type PooledEndpoint } from "./worker-pool";

export type { DirectorConfig, DirectorParts, DirectorServer } from "./director-parts";

/** How long a director that starts waits for the store before it serves with what it knows: nothing. */
const STORE_PATIENCE_MS = 5_000;

/**
 * A director from start to stop. It wires the two straight paths and keeps nothing itself:
 * - a heartbeat: AttachService → MembershipHost → MemberWriter → store → ClusterView → WorkerPool → Balancer.
 * - a call: CallRouter → Dispatcher → PooledEndpoint's connection.
 */
export class Director {
  readonly #parts: DirectorParts;
  /** It is stopping: whoever watches goes elsewhere. */
  readonly #stop = new AbortController();
  /** Its last call has ended. */
  readonly #end = new AbortController();
  readonly #view: ClusterView;
  readonly #writer: MemberWriter;
  readonly #session: DirectorSession;
  readonly #sessions = new Sessions();
  readonly #membership: MembershipHost;
  readonly #balancer: Balancer<PooledEndpoint>;
  readonly #dispatcher: Dispatcher<PooledEndpoint>;
  readonly #pool: WorkerPool;
  readonly #credits: SlotCredits;
  readonly #contracts: ServiceContracts;
  readonly #orphans: Orphans;
  readonly #recovery: StoreRecovery;
  readonly #duties: LeaderDuties;
  readonly #report: MemberReport;
  readonly #drains: Drains;
  readonly #assignments: Assignments;
  readonly #attach: AttachService;
  readonly #events: EventLog;
  readonly #shortage: Shortage;
  readonly #poolLog: PoolLog;
  readonly #relays: Relays;
  readonly #pickListeners = new Set<() => void>();
  readonly #startedAtMs: number;
  #startedAtUnixMs = 0;
  #address = "";
  #httpAddress = "";
  /** From the moment the address is known: candidates are named with it. */
  #leadership: Leadership | undefined;
  #tasks: Promise<void>[] = [];
  #stopping: Promise<void> | undefined;

  constructor(parts: DirectorParts) {
    this.#parts = parts;
    const { clock, random, logger, config, store, registry } = parts;
    const { directorId } = config;
    this.#relays = parts.relays ?? NO_RELAYS;
    this.#startedAtMs = clock.monotonicMs();
    this.#view = new ClusterView(store, logger);
    this.#events = new EventLog(this.#view, clock);
    this.#session = new DirectorSession({
      ...parts,
      ttlMs: config.sessionTtlMs,
      record: () => this.#record(),
      renewed: () => this.#membership.writeAll(),
    });
    this.#recovery = new StoreRecovery({ ...parts, view: this.#view, newId: () => parts.newId() });
    this.#duties = new LeaderDuties({ ...parts, view: this.#view, fence: () => this.#leadership?.fence() });
    this.#view.onReplaced(() => this.#session.renew());
    this.#writer = new MemberWriter({
      ...parts,
      directorId,
      view: this.#view,
      session: (): Session | undefined => this.#session.current,
      released: (memberId) => void this.#membership.apply({ kind: "release", memberId }),
      stranded: (memberId) => this.#membership.get(memberId)?.sessionId === undefined && this.#orphans.strand(memberId),
    });
    this.#membership = new MembershipHost({
      ...parts,
      directorId,
      options: parts.membership,
      sessions: this.#sessions,
      writer: this.#writer,
      readinessChanged: (memberId) => this.#refresh(memberId),
    });
    this.#balancer = new Balancer({ random, registry, policy: config.balancer });
    this.#credits = new SlotCredits({
      ...parts,
      directorId,
      relays: this.#relays,
      dispatcher: () => this.#dispatcher,
      isPublished: (endpoint) => this.#pool.isPublished(endpoint),
      drainChanged: (memberId) => this.#refresh(memberId),
      settled: () => this.#pickedAnew(),
    });
    this.#pool = new WorkerPool({
      clock,
      slowStartMs: config.slowStartMs,
      balancer: this.#balancer,
      record: (memberId) => this.#credits.asToldBy(this.#view.members.get(memberId)),
      intent: (memberId) => this.#view.intent(memberId),
      local: (memberId) => this.#membership.get(memberId),
      connect: (address, record) => parts.connect(address, record),
      linkChanged: (memberId, up, reason, address) =>
        void this.#membership.apply({ kind: "data-link", memberId, up, reason, address }),
      published: () => this.#published(),
      links: this.#credits,
    });
    this.#orphans = new Orphans({
      clock,
      logger,
      view: this.#view,
      isLinked: (memberId) => this.#pool.endpoint(memberId)?.connection.isReady() ?? false,
      isLocal: (memberId) => this.#membership.get(memberId) !== undefined,
      rewrite: (memberId) => this.#membership.write(memberId),
      directorId,
      isStoreAvailable: () => store.isAvailable(),
      release: (memberId) => void this.#membership.apply({ kind: "release", memberId }),
      adopt: (record) => void this.#membership.apply({ kind: "adopt", record }),
    });
    this.#report = new MemberReport(this.#view, this.#membership, this.#pool, this.#orphans, () => clock.monotonicMs());
    this.#drains = new Drains({
      ...parts,
      view: this.#view,
      local: (memberId) => this.#membership.get(memberId),
      record: (memberId) => this.#report.record(memberId),
      ownInFlight: (memberId) => this.#pool.endpoint(memberId)?.inFlight ?? 0,
    });
    this.#shortage = new Shortage(this.#pool, () => this.#report.records());
    this.#dispatcher = new Dispatcher({
      ...config,
      clock,
      random,
      retryBudget: new RetryBudget(clock, config),
      balancer: this.#balancer,
      unready: this.#shortage,
      onWait: () => this.#credits.tellSoon(),
    });
    this.#contracts = new ServiceContracts({
      ...parts,
      view: this.#view,
      members: () => this.#report.records().filter(({ state }) => state !== "dead" && state !== "left"),
      fence: () => this.#leadership?.fence(),
      changed: () => this.#relays.settingsChanged(),
    });
    this.#assignments = new Assignments(clock, config.assignmentTtlMs);
    this.#attach = this.#makeAttachService();
    this.#poolLog = new PoolLog(clock, logger);
    followView(this.#view, {
      directorId,
      wallMs: () => clock.wallMs(),
      logger,
      membership: this.#membership,
      refresh: (memberId) => this.#refresh(memberId),
      contracts: this.#contracts,
      sessions: this.#sessions,
      balancer: this.#balancer,
      defaultPolicy: config.balancer,
      directors: () => this.#directors(),
      changed: () => this.#tellWatchers(),
    });
    this.#relays.follow(
      relaySource({
        ...parts,
        view: this.#view,
        membership: this.#membership,
        pool: this.#pool,
        credits: this.#credits,
        balancer: this.#balancer,
      }),
    );
  }

  /** By which others reach it; known after `start`. */
  get address(): string {
    return this.#address;
  }

  get directorId(): string {
    return this.#parts.config.directorId;
  }

  /**
   * Reads the record, begins to listen, and resolves when calls are taken.
   * @throws FabricError INVALID_ARGUMENT when the address is malformed or cannot be bound
   */
  async start(): Promise<void> {
    const { config, logger, server, clock } = this.#parts;
    logger.info(`🎯 Starting Director at ${config.address}`);
    if (config.tlsCertFile) {
      logger.info(`📁 Loading certificates from "${config.tlsCertFile}" and "${config.tlsKeyFile}"`);
    }
    parseSocketAddress(config.address, "DIRECTOR_ADDR");
    this.#startedAtUnixMs = Math.floor(clock.wallMs());
    const { signal } = this.#stop;
    this.#background("the watch of the store", this.#view.run(this.#end.signal));
    await Promise.race([this.#view.whenLoaded(), clock.sleep(STORE_PATIENCE_MS, signal)]);
    this.#mount();
    const bound = await server.listen(config.address, "DIRECTOR_ADDR");
    this.#address = config.advertiseAddress || bound;
    this.#httpAddress = (await this.#parts.face?.open()) ?? "";
    await refuseTwin({ ...this.#parts, address: this.#address, view: this.#view });
    // Not before the port is ours: with the port goes the name, and whoever holds it has these workers attached.
    this.#adopt();
    this.#background("the lease", this.#session.run(signal));
    this.#background("the leader's duties", this.#duties.run(signal));
    this.#background("the recovery of the store", this.#recovery.run(signal));
    this.#leadership = this.#standForElection();
    this.#background("the clock of membership", this.#membership.tick(signal));
    logger.info("✅ Director registered itself in cluster", { director: config.directorId });
    logger.info("✅ Cluster enabled - Director is now discoverable");
    logger.info(`🔄 Load balancing strategy: ${displayName(this.#balancer.policyName)}`);
    this.#parts.onServing?.(true, this.#services());
    logger.info(`🚀 Director ready - listening on ${bound}`);
  }

  /**
   * Stops without failing a call that can end within the grace: takes no new ones, lets its workers go to other directors,
   * finishes what is in flight. Twice is once.
   */
  stop(options: { readonly graceMs?: number } = {}): Promise<void> {
    this.#stopping ??= this.#shutDown(options.graceMs ?? this.#parts.config.drainTimeoutMs);
    return this.#stopping;
  }

  async #shutDown(graceMs: number): Promise<void> {
    const { server, store, logger, config } = this.#parts;
    const stopping = new FabricError("DIRECTOR_STOPPING", `director ${config.directorId} is stopping`);
    this.#parts.onServing?.(false, this.#services());
    this.#attach.stop();
    await shutDown(
      {
        ...this.#parts,
        inFlight: () => this.#dispatcher.counts.inFlight + this.#relays.calls().inFlight,
        leaveCluster: async () => {
          await Promise.all([this.#leadership?.stop(), this.#session.leave()]);
        },
        sendAway: () => {
          this.#membership.stop();
          this.#stop.abort();
          this.#sessions.closeAll(stopping);
        },
        drainPort: () => server.drain(),
        endCalls: () => this.#dispatcher.close(stopping),
      },
      graceMs,
    );
    server.close();
    this.#end.abort();
    await this.#parts.face?.close();
    this.#assignments.releaseAll();
    this.#credits.close();
    this.#pool.close();
    this.#contracts.stop();
    this.#orphans.stop();
    this.#writer.stop();
    await store.close();
    await Promise.allSettled(this.#tasks);
    logger.info("👋 director stopped");
  }

  #standForElection(): Leadership {
    const { store, clock, random, logger, config } = this.#parts;
    const candidate = { directorId: config.directorId, address: this.#address };
    return new Leadership({ store, clock, random, logger, candidate, prefix: ELECTION_PREFIX });
  }

  #transferLeadership(to: string): Promise<Leader> {
    if (!this.#leadership) throw new FabricError("LEADER_UNAVAILABLE", "this director is only starting");
    return this.#leadership.transferTo(to);
  }

  #background(what: string, task: Promise<void>): void {
    this.#tasks.push(
      task.catch((error: unknown) => {
        if (!this.#stop.signal.aborted) this.#parts.logger.error(`${what} ended`, { reason: messageOf(error) });
      }),
    );
  }

  #record(): DirectorRecord {
    const { config, version } = this.#parts;
    return {
      directorId: config.directorId,
      address: this.#address,
      startedAtUnixMs: this.#startedAtUnixMs,
      version,
      httpAddress: this.#httpAddress,
    };
  }

  /** Workers that an earlier life of this director had: they are waited for, and judged if they do not come back. */
  #adopt(): void {
    for (const record of [...this.#view.members.values()]) {
      if (record.homeDirectorId === this.directorId) this.#membership.apply({ kind: "adopt", record });
    }
  }

  #mount(): void {
    const { clock, random, server, config, newCutter } = this.#parts;
    server.handle(ATTACH_PATH, (call) => void this.#attach.serve(acceptAttach(call), call.peer));
    for (const [path, run] of this.#directorService().methods) server.handle(path, run);
    const router = new CallRouter({
      clock,
      random,
      directorId: config.directorId,
      dispatcher: this.#dispatcher,
      contracts: this.#contracts,
      retryBufferBytes: config.retryBufferBytes,
      retryMemoryBytes: config.retryMemoryBytes,
      resumeLimits: { attemptsMax: config.attemptsMax, windowMs: config.resumeWindowMs },
      newCutter: newCutter ?? (() => new WholeMessages()),
    });
    server.handleUnknown((call) => router.route(call));
  }

  #makeAttachService(): AttachService {
    const { clock, logger, config, membership } = this.#parts;
    return new AttachService({
      directorId: config.directorId,
      clusterId: config.clusterId,
      clock,
      logger,
      heartbeatIntervalMs: membership.heartbeatIntervalMs,
      workerSocketDir: config.workerSocketDir,
      membership: this.#membership,
      sessions: this.#sessions,
      directors: () => this.#directors(),
      revision: () => this.#view.revision,
      intent: (memberId): Intent => this.#view.intent(memberId),
      stored: (memberId) => this.#orphans.stored(memberId),
      hasDescriptors: (hash) => this.#contracts.has(hash),
      takeDescriptors: (hash, bytes) => this.#contracts.take(hash, bytes),
      unpublished: () => this.#pickedAnew(),
      stranded: (memberId) => !this.#parts.store.isAvailable() && this.#orphans.strand(memberId),
      events: (signal) => this.#events.watch(this.#view.revision, signal),
      beat: (memberId) => {
        const load = this.#membership.get(memberId)?.load;
        if (load) this.#pool.reportLoad(memberId, load);
        this.#relays.loadChanged(memberId);
        this.#drains.beat(memberId);
      },
    });
  }

  #directorService() {
    const { config, clock } = this.#parts;
    return directorService({
      ...this.#parts,
      directorId: config.directorId,
      clusterId: config.clusterId,
      startedAtMs: this.#startedAtMs,
      view: this.#view,
      events: this.#events,
      membership: this.#membership,
      report: this.#report,
      drains: this.#drains,
      pool: this.#pool,
      balancer: this.#balancer,
      dispatcher: this.#dispatcher,
      relays: this.#relays,
      assignments: this.#assignments,
      attach: this.#attach,
      sessions: this.#sessions,
      shortage: this.#shortage,
      stopping: this.#stop.signal,
      newId: () => this.#parts.newId(),
      loopLagMs: () => this.#parts.loopLagMs(),
      leader: () => this.#leadership?.current(),
      transferLeadership: (to) => this.#transferLeadership(to),
      caughtUp: async (revision) => {
        await this.#view.caughtUp(revision, clock);
        await this.#pickedAnew();
      },
      revision: () => this.#view.revision,
      ready: () => this.#pool.ready,
      policy: () => this.#balancer.policyName,
      directors: () => this.#directors(),
      onChange: (listener) => {
        this.#pickListeners.add(listener);
        return () => this.#pickListeners.delete(listener);
      },
    });
  }

  #published(): void {
    this.#poolLog.show(this.#pool.ready);
    this.#parts.onServing?.(this.#stopping === undefined, this.#services());
    this.#tellWatchers();
  }

  /** What decides about the member has changed. */
  #refresh(memberId: string): void {
    this.#pool.refresh(memberId);
    this.#relays.memberChanged(memberId);
  }

  /** Resolves when no call is decided any more by what was before. */
  async #pickedAnew(): Promise<void> {
    await Promise.all([this.#pool.whenPublished(), this.#relays.caughtUp()]);
  }

  #tellWatchers(): void {
    this.#relays.settingsChanged();
    for (const listener of this.#pickListeners) listener();
  }

  #services(): ReadonlySet<string> {
    return new Set(this.#pool.ready.flatMap((endpoint) => [...endpoint.services]));
  }

  #directors(): readonly string[] {
    const others = [...this.#view.directors.values()].map((director) => director.address);
    return [this.#address, ...others.filter((address) => address !== this.#address)];
  }
}
