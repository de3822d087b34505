import type { Socket } from "node:net";
import { Balancer } from "../balancing/balancer";
import { Dispatcher } from "../balancing/dispatcher";
import type { PolicyRegistry } from "../balancing/policy-registry";
import { RetryBudget, type RetryBudgetOptions } from "../balancing/retry-budget";
import type { Connection, IncomingCall } from "../core/call";
import type { Clock } from "../core/clock";
import { FabricError, messageOf } from "../core/errors";
import type { Logger } from "../core/logger";
import type { Load, MemberRecord } from "../core/member";
import type { MessageCutter } from "../core/message-cutter";
import { PacedTask } from "../core/paced-task";
import type { Random } from "../core/random";
import { CallRouter, Shortage } from "../director/call-router";
import { CallMeter } from "../director/measures/call-meter";
import { CallWatch } from "../director/measures/call-watch";
import { WorkerPool, type PooledEndpoint } from "../director/worker-pool";
import { CallCounts } from "./call-counts";
import { MemberMirror, type MirrorFollower } from "./member-mirror";
import type { FromRelay, Update } from "./messages";

/** Least time between two messages of what was counted: for people and monitoring, who look less often. */
const MEASURES_EVERY_MS = 1_000;

/** Settled settings of a relay process: those of its director that concern calls. */
export interface RelayProcessConfig extends RetryBudgetOptions {
  readonly directorId: string;
  readonly balancer: string;
  readonly slowStartMs: number;
  /** Of this process. */
  readonly queueMax: number;
  readonly queueTimeoutMs: number;
  readonly attemptsMax: number;
  readonly resumeWindowMs: number;
  readonly retryBufferBytes: number;
  readonly retryMemoryBytes: number;
}

/** What serves the connections that the director hands over. */
export interface HandedServer {
  accept(socket: Socket): void;
  handleUnknown(onCall: (call: IncomingCall) => void): void;
  drain(): Promise<void>;
  close(): void;
}

export interface RelayProcessParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly config: RelayProcessConfig;
  readonly registry: PolicyRegistry;
  readonly server: HandedServer;
  connect(address: string, record: MemberRecord): Connection;
  /** Of the calls that come to `server`. */
  newCutter(): MessageCutter;
  /** To the director. */
  send(message: FromRelay): void;
}

/**
 * One of the processes that relay a director's calls. It picks by the director's view of the cluster and the state of its own
 * connections to the workers: a worker is picked here while both say that it is ready.
 */
export class RelayProcess implements MirrorFollower {
  readonly #parts: RelayProcessParts;
  readonly #mirror = new MemberMirror();
  readonly #balancer: Balancer<PooledEndpoint>;
  readonly #dispatcher: Dispatcher<PooledEndpoint>;
  readonly #pool: WorkerPool;
  readonly #counts: CallCounts;
  readonly #meter: CallMeter;
  readonly #callWatch: CallWatch;
  #unwatchCalls = () => {};

  constructor(parts: RelayProcessParts) {
    this.#parts = parts;
    const { clock, random, config, registry, server, send } = parts;
    this.#balancer = new Balancer({ random, registry, policy: config.balancer });
    this.#pool = new WorkerPool({
      clock,
      slowStartMs: config.slowStartMs,
      balancer: this.#balancer,
      record: (memberId) => this.#mirror.record(memberId),
      intent: (memberId) => this.#mirror.intent(memberId),
      local: (memberId) => this.#mirror.local(memberId),
      connect: (address, record) => parts.connect(address, record),
      linkChanged: () => {},
      published: () => {},
    });
    const shortage = new Shortage(this.#pool, () => this.#mirror.records());
    const telling = new PacedTask(
      clock,
      () => this.#tellMeasures(),
      () => MEASURES_EVERY_MS,
    );
    this.#meter = new CallMeter({
      clock,
      isKnown: (path) => this.#mirror.isDescribed(path),
      isMember: (memberId) => this.#mirror.record(memberId) !== undefined,
      counting: () => telling.soon(),
    });
    this.#callWatch = new CallWatch(clock, (watched) => {
      this.#meter.watcher = watched ? this.#callWatch : undefined;
    });
    this.#dispatcher = new Dispatcher({
      balancer: this.#balancer,
      clock,
      random,
      queueMax: config.queueMax,
      queueTimeoutMs: config.queueTimeoutMs,
      attemptsMax: config.attemptsMax,
      retryBudget: new RetryBudget(clock, config),
      unready: shortage,
      observer: this.#meter,
    });
    this.#counts = new CallCounts(clock, this.#dispatcher, this.#pool, (tally) => send({ kind: "tally", tally }));
    const router = new CallRouter({
      clock,
      random,
      directorId: config.directorId,
      dispatcher: this.#dispatcher,
      contracts: this.#mirror,
      maintenance: this.#mirror.maintenance,
      retryBufferBytes: config.retryBufferBytes,
      retryMemoryBytes: config.retryMemoryBytes,
      resumeLimits: { attemptsMax: config.attemptsMax, windowMs: config.resumeWindowMs },
      newCutter: parts.newCutter,
    });
    server.handleUnknown((call) => {
      this.#counts.soon();
      router.route(call);
    });
  }

  /** Resolves when no call is decided by what was before. */
  async apply(update: Update): Promise<void> {
    this.#mirror.apply(update, this);
    await this.#pool.whenPublished();
    if (update.shares) {
      this.#dispatcher.slotsFreed();
      this.#counts.tell(); // with what it has begun by the shares before
    }
    this.#parts.send({ kind: "applied", revision: update.revision });
    if (update.revision === 1) this.#parts.send({ kind: "ready" });
  }

  /**
   * @param socket - undefined when the client was gone before it could be handed over
   * @param address - by which the director counts it
   */
  accept(socket: Socket | undefined, address: string): void {
    if (socket === undefined) {
      this.#counts.connectionEnded(address);
      return;
    }
    socket.once("close", () => this.#counts.connectionEnded(address));
    this.#parts.server.accept(socket);
  }

  /** Whether the director wants to be told of each call that ends. */
  watchCalls(watched: boolean): void {
    this.#unwatchCalls();
    this.#unwatchCalls = watched
      ? this.#callWatch.subscribe((batch) => this.#parts.send({ kind: "calls-ended", batch }))
      : () => {};
  }

  /** Takes no new connections, and no new calls on those there are; says so when the last call has ended. */
  async drain(): Promise<void> {
    await this.#parts.server.drain();
    this.#tellMeasures();
    this.#parts.send({ kind: "drained" });
  }

  #tellMeasures(): void {
    this.#parts.send({ kind: "measures", measures: this.#meter.take() });
  }

  /** Ends everything at once; calls that wait for a worker fail with DIRECTOR_STOPPING. */
  stop(reason: string): void {
    this.#dispatcher.close(new FabricError("DIRECTOR_STOPPING", reason));
    this.#parts.server.close();
    this.#pool.close();
    this.#counts.stop();
  }

  // ---- MirrorFollower --------------------------------------------------------------------------------------------------

  memberChanged(memberId: string): void {
    this.#pool.refresh(memberId);
    const endpoint = this.#pool.endpoint(memberId);
    if (!endpoint) return;
    this.#counts.watch(endpoint);
    this.elsewhereChanged(memberId);
  }

  loadChanged(memberId: string, load: Load): void {
    this.#pool.reportLoad(memberId, load);
  }

  elsewhereChanged(memberId: string): void {
    const calls = this.#mirror.callsElsewhere(memberId);
    this.#pool.endpoint(memberId)?.setElsewhere(calls, this.#mirror.slotsElsewhere(memberId));
  }

  policyChanged(policy: string): void {
    try {
      this.#balancer.setPolicy(policy);
    } catch (error) {
      this.#parts.logger.error("the cluster's policy is not known here; the one before goes on", {
        reason: messageOf(error),
      });
    }
  }
}
