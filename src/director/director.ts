import { parseSocketAddress } from "../core/address";
import { FabricError, messageOf } from "../core/errors";
import { WholeMessages } from "../core/message-cutter";
import type { Leader } from "../store/election";
import { acceptAttach, ATTACH_PATH } from "../wire/attach-stream";
import { CallRouter } from "./call-router";
import type { DirectorParts } from "./director-parts";
import { directorService } from "./director-service";
import { DirectorWiring } from "./director-wiring";
import { Leadership } from "./leadership";
import { MeteredStore } from "./measures/metered-store";
import { ELECTION_PREFIX } from "./records";
import { shutDown } from "./shutdown";
import { refuseTwin } from "./twin-check";
import { displayName } from "./view-follower";

export type { DirectorConfig, DirectorParts, DirectorServer } from "./director-parts";

/** How long a director that starts waits for the store before it serves with what it knows: nothing. */
const STORE_PATIENCE_MS = 5_000;

/** A director from start to stop. What it consists of is joined in DirectorWiring; it keeps nothing itself. */
export class Director {
  readonly #parts: DirectorParts & { readonly store: MeteredStore };
  readonly #wiring: DirectorWiring;
  /** It is stopping: whoever watches goes elsewhere. */
  readonly #stop = new AbortController();
  /** Its last call has ended. */
  readonly #end = new AbortController();
  readonly #startedAtMs: number;
  #tasks: Promise<void>[] = [];
  #stopping: Promise<void> | undefined;

  constructor(parts: DirectorParts) {
    this.#parts = { ...parts, store: new MeteredStore(parts.store, parts.clock) };
    this.#startedAtMs = parts.clock.monotonicMs();
    this.#wiring = new DirectorWiring(this.#parts);
  }

  /** By which others reach it; known after `start`. */
  get address(): string {
    return this.#wiring.address;
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
    this.#wiring.startedAtUnixMs = Math.floor(clock.wallMs());
    const { signal } = this.#stop;
    this.#background("the watch of the store", this.#wiring.view.run(this.#end.signal));
    await Promise.race([this.#wiring.view.whenLoaded(), clock.sleep(STORE_PATIENCE_MS, signal)]);
    this.#mount();
    const bound = await server.listen(config.address, "DIRECTOR_ADDR");
    this.#wiring.address = config.advertiseAddress || bound;
    this.#wiring.httpAddress = (await this.#parts.face?.open()) ?? "";
    await refuseTwin({ ...this.#parts, address: this.#wiring.address, view: this.#wiring.view });
    // Not before the port is ours: with the port goes the name, and whoever holds it has these workers attached.
    this.#adopt();
    this.#background("the lease", this.#wiring.session.run(signal));
    this.#background("members without an agent", this.#wiring.reported.run(signal));
    this.#background("the leader's duties", this.#wiring.duties.run(signal));
    this.#background("the care for agents", this.#wiring.agents.run(signal));
    this.#background("the recovery of the store", this.#wiring.recovery.run(signal));
    this.#wiring.leadership = this.#standForElection();
    this.#background("the clock of membership", this.#wiring.membership.tick(signal));
    logger.info("✅ Director registered itself in cluster", { director: config.directorId });
    logger.info("✅ Cluster enabled - Director is now discoverable");
    logger.info(`🔄 Load balancing strategy: ${displayName(this.#wiring.balancer.policyName)}`);
    this.#wiring.isStarted = true;
    this.#wiring.tellServing();
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
    this.#wiring.isStopping = true;
    this.#wiring.tellServing();
    this.#wiring.attach.stop();
    await shutDown(
      {
        ...this.#parts,
        inFlight: () => this.#wiring.dispatcher.counts.inFlight + this.#wiring.relays.calls().inFlight,
        leaveCluster: async () => {
          await Promise.all([this.#wiring.leadership?.stop(), this.#wiring.session.leave()]);
        },
        sendAway: () => {
          this.#wiring.membership.stop();
          this.#stop.abort();
          this.#wiring.sessions.closeAll(stopping);
        },
        drainPort: () => server.drain(),
        endCalls: () => this.#wiring.dispatcher.close(stopping),
      },
      graceMs,
    );
    server.close();
    this.#end.abort();
    await this.#parts.face?.close();
    this.#wiring.assignments.releaseAll();
    this.#wiring.credits.close();
    this.#wiring.pool.close();
    this.#wiring.contracts.stop();
    this.#wiring.orphans.stop();
    this.#wiring.writer.stop();
    this.#wiring.agents.stop();
    await store.close();
    await Promise.allSettled(this.#tasks);
    logger.info("👋 director stopped");
  }

  #standForElection(): Leadership {
    const { store, clock, random, logger, config } = this.#parts;
    const candidate = { directorId: config.directorId, address: this.#wiring.address };
    return new Leadership({ store, clock, random, logger, candidate, prefix: ELECTION_PREFIX });
  }

  #transferLeadership(to: string): Promise<Leader> {
    if (!this.#wiring.leadership) throw new FabricError("LEADER_UNAVAILABLE", "this director is only starting");
    return this.#wiring.leadership.transferTo(to);
  }

  #background(what: string, task: Promise<void>): void {
    this.#tasks.push(
      task.catch((error: unknown) => {
        if (!this.#stop.signal.aborted) this.#parts.logger.error(`${what} ended`, { reason: messageOf(error) });
      }),
    );
  }

  /** Workers that an earlier life of this director had: they are waited for, and judged if they do not come back. */
  #adopt(): void {
    for (const record of [...this.#wiring.view.members.values()]) {
      if (record.homeDirectorId === this.directorId) this.#wiring.membership.apply({ kind: "adopt", record });
    }
  }

  #mount(): void {
    const { clock, random, server, config, newCutter } = this.#parts;
    server.handle(ATTACH_PATH, (call) => void this.#wiring.attach.serve(acceptAttach(call), call.peer));
    for (const { methods } of [this.#directorService(), this.#wiring.agents.service]) {
      for (const [path, run] of methods) server.handle(path, run);
    }
    const router = new CallRouter({
      clock,
      random,
      directorId: config.directorId,
      dispatcher: this.#wiring.dispatcher,
      contracts: this.#wiring.contracts,
      maintenance: this.#wiring.maintenance,
      retryBufferBytes: config.retryBufferBytes,
      retryMemoryBytes: config.retryMemoryBytes,
      resumeLimits: { attemptsMax: config.attemptsMax, windowMs: config.resumeWindowMs },
      newCutter: newCutter ?? (() => new WholeMessages()),
    });
    server.handleUnknown((call) => router.route(call));
  }

  #directorService() {
    const { config, clock } = this.#parts;
    return directorService({
      ...this.#parts,
      directorId: config.directorId,
      clusterId: config.clusterId,
      clusterName: config.clusterName ?? "",
      startedAtMs: this.#startedAtMs,
      ...this.#wiring,
      stopping: this.#stop.signal,
      newId: () => this.#parts.newId(),
      loopLagMs: () => this.#parts.loopLagMs(),
      leader: () => this.#wiring.leadership?.current(),
      transferLeadership: (to) => this.#transferLeadership(to),
      caughtUp: async (revision) => {
        await this.#wiring.view.caughtUp(revision, clock);
        await this.#wiring.pickedAnew();
      },
      revision: () => this.#wiring.view.revision,
      ready: () => this.#wiring.pool.ready,
      policy: () => this.#wiring.balancer.policyName,
      directors: () => this.#wiring.directors(),
      onChange: (listener) => {
        this.#wiring.pickListeners.add(listener);
        return () => this.#wiring.pickListeners.delete(listener);
      },
    });
  }
}
