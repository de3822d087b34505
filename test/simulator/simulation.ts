import { createHash } from "node:crypto";
import type { Connection } from "../../src/core/call";
import { messageOf } from "../../src/core/errors";
import type { Logger } from "../../src/core/logger";
import { seededRandom, type Random } from "../../src/core/random";
import { typedClient } from "../../src/rpc/service/typed-client";
import { MemoryCluster, STORE_HOST, type RunningWorker } from "../../src/testing/memory-cluster";
import type { MemoryHost } from "../../src/testing/memory-network";
import { GOOD_NETWORK } from "../../src/testing/network-conditions";
import { DirectorServiceDefinition } from "../../src/wire/contract";
import { INVARIANTS } from "./invariants";
import { CALM_MS } from "./invariants/idempotent-calls-succeed";
import type { Judge } from "./invariants/invariant";
import { ClientKnowledge, DirectorKnowledge } from "./knowledge";
import { LeaderLedger } from "./leader-ledger";
import { FAULTS, type Action, type Scenario, type Step } from "./scenario";
import { SimulatedStore } from "./simulated-store";
import type { Asked, DurableWrite, LiveClient, LiveDirector, Violation, World } from "./world";
import { Workload } from "./workload";

const CHECK_EVERY_MS = 20;
/** After everything is healed: a suspicion, an eviction, a reattach and a lease end within it (T of `views-converge`). */
export const SETTLE_MS = 30_000;
/** Until what still waits in a closed cluster has run out: leases, the linger of connections. */
const LINGER_MS = 90_000;
const LINES_KEPT = 40;
/** How the fault is named that is a planned stop. */
const PLANNED = "planned";

export interface Outcome {
  readonly violations: readonly Violation[];
  /** The first violation's last events. */
  readonly lastEvents: readonly string[];
  /** Everything that happened, a line each. */
  readonly history: readonly string[];
  readonly historyHash: string;
  readonly virtualMs: number;
  readonly calls: number;
  readonly callsOk: number;
  readonly faults: Readonly<Record<string, number>>;
}

/** Runs a scenario to its end, and judges it all the while. */
export async function simulate(scenario: Scenario): Promise<Outcome> {
  const simulation = await Simulation.open(scenario);
  return simulation.run();
}

class Simulation implements World {
  readonly scenario: Scenario;
  readonly directors = new Map<string, LiveDirector>();
  readonly workers = new Map<string, RunningWorker>();
  readonly clients = new Map<string, LiveClient>();
  readonly asked: Asked[] = [];
  readonly durable: DurableWrite[] = [];
  readonly errorLines: string[] = [];
  readonly #judges = new Map<string, Judge>();
  readonly #violations: Violation[] = [];
  readonly #faults: Record<string, number> = {};
  readonly #leaseLost = new Map<string, number>();
  readonly #disturbed = new Map<string, number>();
  readonly #random: Random;
  readonly #workload: Workload;
  /** By host: a stop that is under way. */
  readonly #stopping = new Map<string, Promise<unknown>>();
  readonly #fallen = new Set<string>();
  #lastEvents: readonly string[] = [];
  #cluster!: MemoryCluster;
  #store!: SimulatedStore;
  readonly #activeFaults = new Set<string>();
  /** Those whose end is the start of a host that did not stop by itself. */
  readonly #unplannedDown = new Set<string>();
  #quietSinceMs = -CALM_MS;
  #unhitSinceMs = -CALM_MS;

  static async open(scenario: Scenario): Promise<Simulation> {
    const simulation = new Simulation(scenario);
    const cluster = await MemoryCluster.open(scenario.seed, {
      connection: (connection, host) => simulation.#tapped(connection, host),
      store: (host) => simulation.#knowledgeOf(host).follow(simulation.#store.client(host)),
      logger: (host) => simulation.#logger(host.name),
    });
    simulation.#cluster = cluster;
    simulation.#store = new SimulatedStore(
      cluster.store,
      cluster.network.host(STORE_HOST),
      cluster.clock,
      simulation.fork(),
    );
    simulation.#store.onDone = (done) => simulation.#judge((judge) => judge.done?.(done));
    const note = cluster.network.note.bind(cluster.network);
    cluster.network.note = (event) => {
      note(event);
      simulation.#judge((judge) => judge.always?.());
    };
    for (const { name, judge } of INVARIANTS) simulation.#judges.set(name, judge(simulation));
    return simulation;
  }

  private constructor(scenario: Scenario) {
    this.scenario = scenario;
    this.#random = seededRandom(scenario.seed ^ 0x5eed);
    this.#workload = new Workload(this);
  }

  get cluster(): MemoryCluster {
    return this.#cluster;
  }

  get store(): SimulatedStore {
    return this.#store;
  }

  readonly nowMs = (): number => this.#cluster.clock.monotonicMs();

  fork(): Random {
    return seededRandom(this.#random.below(2 ** 32));
  }

  readonly disturbedMs = (host: string): number => this.#disturbed.get(host) ?? -Infinity;

  readonly leaseLostMs = (director: string): number => this.#leaseLost.get(director) ?? -Infinity;

  /** Whether a fault is active, or was within the last 15 s. */
  get isDisturbed(): boolean {
    return this.#activeFaults.size > 0 || this.nowMs() - this.#quietSinceMs < CALM_MS;
  }

  /** The same, but for stops that were planned. */
  get isHit(): boolean {
    const isActive = [...this.#activeFaults].some((fault) => !fault.startsWith(PLANNED));
    return isActive || this.nowMs() - this.#unhitSinceMs < CALM_MS;
  }

  note(event: string): void {
    this.#cluster.network.note(event);
  }

  violate(invariant: string, what: string): void {
    if (this.#violations.some((violation) => violation.invariant === invariant)) return;
    this.#violations.push({ invariant, atMs: this.nowMs(), what });
    if (this.#violations.length === 1) this.#lastEvents = this.#cluster.network.log.slice(-LINES_KEPT);
  }

  ran(asked: Asked, worker: string): void {
    this.#judge((judge) => judge.ran?.(asked, worker));
  }

  ended(asked: Asked): void {
    this.#judge((judge) => judge.ended?.(asked));
  }

  async run(): Promise<Outcome> {
    const onRejection = (reason: unknown) => void this.errorLines.push(`unhandled rejection: ${messageOf(reason)}`);
    process.on("unhandledRejection", onRejection);
    try {
      await this.#runToTheEnd();
    } finally {
      process.off("unhandledRejection", onRejection);
    }
    const history = this.#cluster.network.log;
    return {
      violations: this.#violations,
      lastEvents: this.#lastEvents,
      history,
      historyHash: createHash("sha256").update(history.join("\n")).digest("hex"),
      virtualMs: this.nowMs(),
      calls: this.asked.length,
      callsOk: this.asked.filter(({ endedMs, error }) => endedMs !== undefined && !error).length,
      faults: this.#faults,
    };
  }

  async #runToTheEnd(): Promise<void> {
    const { scenario } = this;
    for (const host of this.#hosts()) this.#start(host);
    for (const step of scenario.steps) {
      await this.#advanceTo(step.atMs);
      this.#take(step);
    }
    await this.#advanceTo(scenario.activeMs);
    this.#heal();
    await this.#advanceTo(scenario.activeMs + SETTLE_MS);
    for (const [name, judge] of this.#judges) {
      const wrong = await judge.settled?.().catch((error: unknown) => `it cannot be checked: ${messageOf(error)}`);
      if (wrong) this.violate(name, wrong);
    }
    for (const { ledger, operator } of this.directors.values()) {
      void ledger.stop();
      operator.close();
    }
    await this.#cluster.close();
    this.#store.close();
    await this.#cluster.clock.advance(LINGER_MS);
    this.#judge((judge) => judge.closed?.());
  }

  #hosts(): string[] {
    const { directors, workers, clients } = this.scenario;
    return [...directors, ...workers.map(({ name }) => name), ...clients.map(({ name }) => name)];
  }

  async #advanceTo(atMs: number): Promise<void> {
    while (this.nowMs() < atMs) {
      await this.#cluster.clock.advance(Math.min(CHECK_EVERY_MS, atMs - this.nowMs()));
      this.#judge((judge) => judge.always?.());
    }
  }

  #judge(ask: (judge: Judge) => string | undefined): void {
    for (const [name, judge] of this.#judges) {
      const wrong = ask(judge);
      if (wrong) this.violate(name, wrong);
    }
  }

  // ---- Steps -----------------------------------------------------------------------------------------------------------

  #take(step: Step): void {
    if (FAULTS.has(step.do)) {
      const kind = step.do === "store-fault" ? `store ${step.fault}` : step.do;
      this.#faults[kind] = (this.#faults[kind] ?? 0) + 1;
    }
    this.#disturb(step);
    switch (step.do) {
      case "call":
      case "generate":
      case "assigned-stream":
      case "assign":
      case "intent":
      case "policy":
      case "transfer":
        return this.#workload.ask(step);
      case "stop":
        return this.#stop(step.host);
      case "crash":
        return this.#crash(step.host, step.silently);
      case "start":
        return this.#start(step.host);
      case "freeze":
        return this.#freeze(step.host);
      case "thaw":
        return this.#thaw(step.host);
      case "block":
        return this.#cluster.network.block(step.from, step.to);
      case "unblock":
        return this.#cluster.network.unblock(step.from, step.to);
      case "cut":
        return this.#cluster.network.cut(step.from, step.to);
      case "store-fault":
        this.note(`store ${step.fault} for ${step.director}`);
        return this.#store.path(step.director).fail(step.fault);
      case "store-heal":
        this.note(`store back for ${step.director}`);
        return this.#store.path(step.director).heal();
      case "lease-loss":
        this.note(`leases of ${step.director} run out`);
        this.#leaseLost.set(step.director, this.nowMs());
        return this.#store.expireLeases(step.director);
      case "step-wall":
        this.note(`the wall clock of ${step.host} is set by ${step.byMs} ms`);
        return this.#cluster.network.host(step.host).clock.stepWall(step.byMs);
      case "drift":
        this.note(`the clock of ${step.host} gains ${step.ratio}`);
        return this.#cluster.network.host(step.host).clock.drift(step.ratio);
      case "degrade": {
        const { dropRatio, resetRatio, loseAnswerRatio, delayMaxMs } = step;
        const conditions = { dropRatio, resetRatio, loseAnswerRatio, delayMs: [1, delayMaxMs] as const };
        return this.#cluster.network.degrade(conditions);
      }
    }
  }

  /** Remembers whom the step disturbs, and from when to when. */
  #disturb(step: Action): void {
    const { begins, ends, hosts } = effectOf(step, this.#hosts());
    const nowMs = this.nowMs();
    if (begins !== undefined) {
      this.#activeFaults.add(begins);
      if (step.do === "crash") this.#unplannedDown.add(begins);
      for (const asked of this.asked) {
        if (asked.endedMs !== undefined) continue;
        asked.isDisturbed = true;
        if (!begins.startsWith(PLANNED)) asked.isHit = true;
      }
      for (const host of hosts) this.#disturbed.set(host, Infinity);
    }
    if (ends === undefined) return;
    this.#activeFaults.delete(ends);
    if (step.do === "start") this.#activeFaults.delete(ends.replace("down", PLANNED));
    this.#quietSinceMs = nowMs;
    if (this.#unplannedDown.delete(ends) || step.do !== "start") this.#unhitSinceMs = nowMs;
    const others = [...this.#activeFaults];
    for (const host of hosts) {
      const isStill = others.some((fault) => fault === "degraded" || fault.includes(` ${host};`));
      this.#disturbed.set(host, isStill ? Infinity : nowMs);
    }
  }

  #heal(): void {
    this.note("all faults heal");
    this.#cluster.network.heal();
    this.#cluster.network.degrade(GOOD_NETWORK);
    this.#store.healAll();
    for (const host of this.#hosts()) {
      this.#thaw(host);
      this.#cluster.network.host(host).clock.drift(0);
      if (!this.scenario.gone?.includes(host)) this.#start(host);
    }
    this.#activeFaults.clear();
    this.#quietSinceMs = this.nowMs();
    for (const host of this.#hosts())
      if (this.#disturbed.get(host) === Infinity) this.#disturbed.set(host, this.nowMs());
  }

  #isUp(name: string): boolean {
    return this.directors.has(name) || this.workers.has(name) || this.clients.has(name);
  }

  #freeze(name: string): void {
    if (this.#isUp(name) || this.#stopping.has(name)) this.#cluster.network.freeze(name);
  }

  #thaw(name: string): void {
    if (!this.#cluster.network.host(name).frozen) return;
    this.#cluster.network.thaw(name);
    this.#store.release();
  }

  #crash(name: string, silently: boolean): void {
    if (!this.#isUp(name) && !this.#stopping.has(name)) return;
    this.#thawQuietly(name);
    this.#cluster.network.crash(name, { silently });
    this.#stopping.delete(name);
    this.#gone(name);
  }

  /** A process that was stopped by SIGSTOP dies as it stands. */
  #thawQuietly(name: string): void {
    this.#cluster.network.host(name).frozen = false;
  }

  #gone(name: string): void {
    this.directors.get(name)?.operator.close();
    this.directors.delete(name);
    this.workers.delete(name);
    if (this.clients.delete(name)) {
      for (const asked of this.asked) if (asked.client === name && asked.endedMs === undefined) asked.isGivenUp = true;
    }
    this.#fallen.add(name);
  }

  #stop(name: string): void {
    if (this.#cluster.network.host(name).frozen) return;
    const director = this.directors.get(name);
    const worker = this.workers.get(name);
    const stop = director
      ? Promise.all([director.ledger.stop(), director.running.director.stop({ graceMs: 3_000 })])
      : worker?.worker.stop({ graceMs: 3_000 });
    if (!stop) return;
    this.note(`stop ${name}`);
    this.#gone(name);
    this.#stopping.set(name, stop);
    void stop.then(() => {
      if (this.#stopping.get(name) !== stop) return;
      this.note(`${name} has stopped`);
      this.#stopping.delete(name);
    });
  }

  #start(name: string): void {
    if (this.#isUp(name)) return;
    const stopping = this.#stopping.get(name);
    if (stopping) {
      void stopping.then(() => this.#start(name));
      return;
    }
    const { scenario } = this;
    this.note(`start ${name}`);
    this.#fallen.delete(name);
    if (scenario.directors.includes(name)) this.#startDirector(name);
    const worker = scenario.workers.find((other) => other.name === name);
    if (worker) {
      const running = this.#cluster.launchWorker(name, this.#directorsSeenBy(name), {
        slots: worker.slots,
        services: [this.#workload.bookService(name, () => this.#cluster.network.host(name).clock)],
      });
      running.started.catch(
        (error: unknown) => void this.errorLines.push(`${name} did not start: ${messageOf(error)}`),
      );
      this.workers.set(name, running);
    }
    const client = scenario.clients.find((other) => other.name === name);
    if (client) {
      const host = this.#cluster.network.host(name);
      const knowledge = this.#clientKnowledge(name);
      const options = { mode: client.mode };
      this.clients.set(name, {
        host,
        knowledge,
        client: this.#cluster.client(this.#directorsSeenBy(name), options, name),
      });
    }
  }

  #startDirector(name: string): void {
    const host = this.#cluster.network.host(name);
    this.#knowledge.delete(name);
    const running = this.#cluster.launchDirector(name, { assignmentTtlMs: 6_000, drainTimeoutMs: 3_000 });
    running.started.catch((error: unknown) => void this.errorLines.push(`${name} did not start: ${messageOf(error)}`));
    const store = this.#store.client(host);
    const ledger = new LeaderLedger({ store, directorId: name, clock: host.clock, random: this.fork() });
    const { network } = this.#cluster;
    const operator = network.connect(network.host("operator"), running.address, { keepaliveMs: 0 });
    const rpc = typedClient(DirectorServiceDefinition, operator);
    this.directors.set(name, { running, rpc, operator, host, knowledge: this.#knowledgeOf(host), ledger });
  }

  /** Each begins with another director, so that all of them are somebody's. */
  #directorsSeenBy(name: string): string[] {
    const { directors } = this.scenario;
    const first = Number(name.replace(/\D/g, "")) % directors.length;
    return [...directors.slice(first), ...directors.slice(0, first)].map((director) => `${director}:61000`);
  }

  // ---- Taps ------------------------------------------------------------------------------------------------------------

  readonly #knowledge = new Map<string, DirectorKnowledge>();

  #knowledgeOf({ name }: MemoryHost): DirectorKnowledge {
    let knowledge = this.#knowledge.get(name);
    if (!knowledge) this.#knowledge.set(name, (knowledge = new DirectorKnowledge(this.#cluster.clock)));
    return knowledge;
  }

  readonly #clientKnowledges = new Map<string, ClientKnowledge>();

  #clientKnowledge(name: string): ClientKnowledge {
    const knowledge = new ClientKnowledge(this.#cluster.clock);
    this.#clientKnowledges.set(name, knowledge);
    return knowledge;
  }

  #tapped(connection: Connection, host: MemoryHost): Connection {
    const client = this.#clientKnowledges.get(host.name);
    const followed = client?.follow(connection) ?? connection;
    return {
      address: followed.address,
      isReady: () => followed.isReady(),
      onReadiness: (listener) => followed.onReadiness(listener),
      close: () => followed.close(),
      start: (start, listener) => {
        const sent = { from: host, to: followed.address, path: start.path };
        this.#judge((judge) => judge.sent?.(sent));
        return followed.start(start, listener);
      },
    };
  }

  #logger(name: string): Logger {
    const logger: Logger = {
      debug: () => {},
      info: () => {},
      warn: () => {},
      error: (message, fields) =>
        void this.errorLines.push(`${name} logged: ${message} ${fields ? JSON.stringify(fields) : ""}`),
      child: () => logger,
    };
    return logger;
  }
}

/** Which fault a step begins or ends, named so that both find it, and whom it disturbs. */
function effectOf(
  step: Action,
  hosts: readonly string[],
): { begins?: string; ends?: string; hosts: readonly string[] } {
  const fault = (what: string, ...hosts: string[]) => `${what}${hosts.map((host) => ` ${host};`).join("")}`;
  switch (step.do) {
    case "stop":
      return { begins: fault(PLANNED, step.host), hosts: [step.host] };
    case "crash":
      return { begins: fault("down", step.host), hosts: [step.host] };
    case "start":
      return { ends: fault("down", step.host), hosts: [step.host] };
    case "freeze":
      return { begins: fault("frozen", step.host), hosts: [step.host] };
    case "thaw":
      return { ends: fault("frozen", step.host), hosts: [step.host] };
    case "block":
      return { begins: fault("blocked", step.from, step.to), hosts: [step.from, step.to] };
    case "unblock":
      return { ends: fault("blocked", step.from, step.to), hosts: [step.from, step.to] };
    case "cut": {
      const cut = fault("cut", step.from, step.to);
      return { begins: cut, ends: cut, hosts: [step.from, step.to] };
    }
    case "store-fault":
      return { begins: fault("store", step.director), hosts: [step.director] };
    case "store-heal":
      return { ends: fault("store", step.director), hosts: [step.director] };
    case "step-wall":
      return { hosts: [] };
    case "drift":
      return { begins: fault("drifts", step.host), hosts: [step.host] };
    case "degrade": {
      const isGood = step.dropRatio + step.resetRatio + step.loseAnswerRatio === 0 && step.delayMaxMs <= 3;
      return isGood ? { ends: "degraded", hosts } : { begins: "degraded", hosts };
    }
    case "lease-loss": {
      const lost = fault("lease", step.director);
      return { begins: lost, ends: lost, hosts: [step.director] };
    }
    case "call":
    case "generate":
    case "assigned-stream":
    case "assign":
    case "intent":
    case "policy":
    case "transfer":
      return { hosts: [] };
  }
}
