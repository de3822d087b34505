import { Balancer } from "../balancing/balancer";
import { Dispatcher } from "../balancing/dispatcher";
import { RetryBudget } from "../balancing/retry-budget";
import type { Intent } from "../core/member";
import type { Session } from "../store/store";
import { Agents } from "./agents/agents";
import { Assignments } from "./assignments";
import { AttachService } from "./attach-service";
import { Shortage } from "./call-router";
import { SlotCredits } from "./capacity/slot-credits";
import { ClusterView } from "./cluster-view";
import type { DirectorParts } from "./director-parts";
import { maintenanceSwitch, type MaintenanceSwitch } from "./director-maintenance";
import { Drains } from "./drains";
import { DirectorSession } from "./director-session";
import { EventLog } from "./event-log";
import { LeaderDuties } from "./leader-duties";
import type { Leadership } from "./leadership";
import { CallMeter } from "./measures/call-meter";
import { CallWatch } from "./measures/call-watch";
import { MemberReport } from "./member-report";
import { MemberWriter } from "./member-writer";
import { MembershipHost } from "./membership-host";
import { Orphans } from "./orphans";
import { PoolLog } from "./pool-log";
import { type DirectorRecord } from "./records";
import { ReportedMembers } from "./reported-members";
import { NO_RELAYS, type Relays } from "./relays";
import { relaySource } from "./relay-source";
import { ServiceContracts } from "./service-contracts";
import { Sessions } from "./sessions";
import { StoreRecovery } from "./store-recovery";
import { followView } from "./view-follower";
import { WorkerPool, type PooledEndpoint } from "./worker-pool";

/**
 * The parts of a director, joined into the two straight paths. Nothing of it runs before the director starts it:
 * - a heartbeat: AttachService → MembershipHost → MemberWriter → store → ClusterView → WorkerPool → Balancer.
 * - a call: CallRouter → Dispatcher → PooledEndpoint's connection.
 */
export class DirectorWiring {
  readonly #parts: DirectorParts;
  readonly view: ClusterView;
  readonly writer: MemberWriter;
  readonly session: DirectorSession;
  readonly sessions = new Sessions();
  readonly membership: MembershipHost;
  readonly balancer: Balancer<PooledEndpoint>;
  readonly dispatcher: Dispatcher<PooledEndpoint>;
  readonly meter: CallMeter;
  readonly callWatch: CallWatch;
  readonly pool: WorkerPool;
  readonly credits: SlotCredits;
  readonly contracts: ServiceContracts;
  readonly orphans: Orphans;
  readonly recovery: StoreRecovery;
  readonly duties: LeaderDuties;
  readonly report: MemberReport;
  readonly reported: ReportedMembers;
  readonly maintenance: MaintenanceSwitch;
  readonly drains: Drains;
  readonly assignments: Assignments;
  readonly agents: Agents;
  readonly attach: AttachService;
  readonly events: EventLog;
  readonly shortage: Shortage;
  readonly #poolLog: PoolLog;
  readonly relays: Relays;
  readonly pickListeners = new Set<() => void>();
  /** By which others reach it; "" until the director listens. */
  address = "";
  httpAddress = "";
  startedAtUnixMs = 0;
  /** From the moment the address is known: candidates are named with it. */
  leadership: Leadership | undefined;
  isStarted = false;
  isStopping = false;

  constructor(parts: DirectorParts) {
    this.#parts = parts;
    const { clock, random, logger, config, store, registry } = parts;
    const { directorId } = config;
    this.relays = parts.relays ?? NO_RELAYS;
    this.view = new ClusterView(store, logger);
    this.events = new EventLog(this.view, clock);
    this.session = new DirectorSession({
      ...parts,
      ttlMs: config.sessionTtlMs,
      record: () => this.#record(),
      renewed: () => this.membership.writeAll(),
    });
    this.recovery = new StoreRecovery({ ...parts, view: this.view, newId: () => parts.newId() });
    this.duties = new LeaderDuties({ ...parts, view: this.view, fence: () => this.leadership?.fence() });
    this.view.onReplaced(() => this.session.renew());
    this.writer = new MemberWriter({
      ...parts,
      directorId,
      view: this.view,
      session: (): Session | undefined => this.session.current,
      released: (memberId) => void this.membership.apply({ kind: "release", memberId }),
      stranded: (memberId) => this.membership.get(memberId)?.sessionId === undefined && this.orphans.strand(memberId),
    });
    this.membership = new MembershipHost({
      ...parts,
      directorId,
      options: parts.membership,
      sessions: this.sessions,
      writer: this.writer,
      readinessChanged: (memberId) => this.refresh(memberId),
    });
    this.balancer = new Balancer({ random, registry, policy: config.balancer });
    this.credits = new SlotCredits({
      ...parts,
      directorId,
      relays: this.relays,
      dispatcher: () => this.dispatcher,
      isPublished: (endpoint) => this.pool.isPublished(endpoint),
      drainChanged: (memberId) => this.refresh(memberId),
      settled: () => this.pickedAnew(),
    });
    this.pool = new WorkerPool({
      clock,
      slowStartMs: config.slowStartMs,
      balancer: this.balancer,
      record: (memberId) => this.credits.asToldBy(this.view.members.get(memberId)),
      intent: (memberId) => this.view.intent(memberId),
      local: (memberId) => this.membership.get(memberId),
      connect: (address, record) => parts.connect(address, record),
      linkChanged: (memberId, up, reason, address) =>
        void this.membership.apply({ kind: "data-link", memberId, up, reason, address }),
      published: () => this.#published(),
      links: this.credits,
    });
    this.orphans = new Orphans({
      clock,
      logger,
      view: this.view,
      isLinked: (memberId) => this.pool.endpoint(memberId)?.connection.isReady() ?? false,
      isLocal: (memberId) => this.membership.get(memberId) !== undefined,
      rewrite: (memberId) => this.membership.write(memberId),
      directorId,
      isStoreAvailable: () => store.isAvailable(),
      release: (memberId) => void this.membership.apply({ kind: "release", memberId }),
      adopt: (record) => void this.membership.apply({ kind: "adopt", record }),
    });
    this.agents = new Agents({
      ...parts,
      view: this.view,
      rebalanceMs: config.agentRebalanceMs ?? 0,
      fence: () => this.leadership?.fence(),
      policy: () => this.balancer.policyName,
      load: (memberId) => this.membership.get(memberId)?.load,
    });
    this.report = new MemberReport(this.view, this.membership, this.pool, this.orphans, this.agents, () =>
      clock.monotonicMs(),
    );
    this.reported = new ReportedMembers({
      ...parts,
      directorId,
      view: this.view,
      membership: this.membership,
      writer: this.writer,
      isLeader: () => this.leadership?.fence() !== undefined,
    });
    this.maintenance = maintenanceSwitch(this.view, directorId, logger, () => {
      this.tellServing();
      this.relays.settingsChanged();
    });
    this.drains = new Drains({
      ...parts,
      view: this.view,
      local: (memberId) => this.membership.get(memberId),
      record: (memberId) => this.report.record(memberId),
      ownInFlight: (memberId) => this.pool.endpoint(memberId)?.inFlight ?? 0,
      agentsAt: (memberId) => this.agents.countAt(memberId),
    });
    this.shortage = new Shortage(this.pool, () => this.report.records());
    this.meter = new CallMeter({
      clock,
      isKnown: (path) => parts.catalog.method(path) !== undefined,
      isMember: (memberId) => this.report.record(memberId) !== undefined,
    });
    this.callWatch = new CallWatch(clock, (watched) => {
      this.meter.watcher = watched ? this.callWatch : undefined;
      this.relays.watchCalls(watched);
    });
    this.dispatcher = new Dispatcher({
      ...config,
      clock,
      random,
      retryBudget: new RetryBudget(clock, config),
      balancer: this.balancer,
      unready: this.shortage,
      observer: this.meter,
      onWait: () => this.credits.tellSoon(),
    });
    this.contracts = new ServiceContracts({
      ...parts,
      view: this.view,
      members: () => this.report.records().filter(({ state }) => state !== "dead" && state !== "left"),
      fence: () => this.leadership?.fence(),
      changed: () => this.relays.settingsChanged(),
    });
    this.assignments = new Assignments(clock, config.assignmentTtlMs);
    this.attach = this.#makeAttachService();
    this.#poolLog = new PoolLog(clock, logger);
    followView(this.view, {
      directorId,
      wallMs: () => clock.wallMs(),
      logger,
      membership: this.membership,
      isWriting: (memberId) => this.writer.isWriting(memberId),
      refresh: (memberId) => this.refresh(memberId),
      contracts: this.contracts,
      sessions: this.sessions,
      balancer: this.balancer,
      defaultPolicy: config.balancer,
      directors: () => this.directors(),
      changed: () => this.#tellWatchers(),
    });
    this.relays.follow(
      relaySource({
        ...parts,
        view: this.view,
        membership: this.membership,
        pool: this.pool,
        credits: this.credits,
        maintenance: this.maintenance,
        balancer: this.balancer,
        meter: this.meter,
        callWatch: this.callWatch,
      }),
    );
  }

  #record(): DirectorRecord {
    const { config, version } = this.#parts;
    return {
      directorId: config.directorId,
      address: this.address,
      startedAtUnixMs: this.startedAtUnixMs,
      version,
      httpAddress: this.httpAddress,
    };
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
      membership: this.membership,
      sessions: this.sessions,
      directors: () => this.directors(),
      revision: () => this.view.revision,
      intent: (memberId): Intent => this.view.intent(memberId),
      stored: (memberId) => this.orphans.stored(memberId),
      hasDescriptors: (hash) => this.contracts.has(hash),
      takeDescriptors: (hash, bytes) => this.contracts.take(hash, bytes),
      unpublished: () => this.pickedAnew(),
      stranded: (memberId) => !this.#parts.store.isAvailable() && this.orphans.strand(memberId),
      agents: this.agents,
      events: (signal) => this.events.watch(this.view.revision, signal),
      beat: (memberId) => {
        const load = this.membership.get(memberId)?.load;
        if (load) this.pool.reportLoad(memberId, load);
        this.relays.loadChanged(memberId);
        this.drains.beat(memberId);
      },
    });
  }

  #published(): void {
    this.#poolLog.show(this.pool.ready);
    this.credits.published(this.pool.ready);
    this.tellServing();
    this.#tellWatchers();
  }

  /** Says whether calls are taken, and for which services. */
  tellServing(): void {
    const isServing = this.isStarted && !this.isStopping && !this.maintenance.isOn;
    this.#parts.onServing?.(isServing, this.services(), this.isStopping);
  }

  /** What decides about the member has changed. */
  refresh(memberId: string): void {
    this.pool.refresh(memberId);
    this.relays.memberChanged(memberId);
  }

  /** Resolves when no call is decided any more by what was before. */
  async pickedAnew(): Promise<void> {
    await Promise.all([this.pool.whenPublished(), this.relays.caughtUp()]);
  }

  #tellWatchers(): void {
    this.relays.settingsChanged();
    for (const listener of this.pickListeners) listener();
  }

  services(): ReadonlySet<string> {
    return new Set(this.pool.ready.flatMap((endpoint) => [...endpoint.services]));
  }

  directors(): readonly string[] {
    const others = [...this.view.directors.values()].map((director) => director.address);
    return [this.address, ...others.filter((address) => address !== this.address)];
  }
}
