import type { Balancer } from "../balancing/balancer";
import { TrackedEndpoint, type EndpointTraits, type TrackedEndpointOptions } from "../balancing/tracked-endpoint";
import type { Connection } from "../core/call";
import type { Clock } from "../core/clock";
import { NO_LOAD, type Intent, type Load, type MemberRecord } from "../core/member";
import { PacedTask } from "../core/paced-task";
import type { MemberView } from "../membership/events";

/** A worker as the balancer sees it, with the connection that calls to it take. */
export class PooledEndpoint extends TrackedEndpoint {
  readonly connection: Connection;
  record: MemberRecord;
  life: string | undefined = undefined;

  constructor(record: MemberRecord, connection: Connection, traits: EndpointTraits, options: TrackedEndpointOptions) {
    super(record.memberId, traits, options);
    this.record = record;
    this.connection = connection;
  }
}

/** What the pool asks of a member's home director. */
export type LocalView = Pick<MemberView, "ready" | "notReadyReason" | "load" | "dataLinkUp">;

export interface WorkerPoolParts {
  readonly clock: Clock;
  readonly slowStartMs: number;
  readonly balancer: Balancer<PooledEndpoint>;
  /** As the shared record has it, also for members of this director: one way into the balancer. */
  record(memberId: string): MemberRecord | undefined;
  intent(memberId: string): Intent;
  /** The member as its home director sees it; `undefined` when another director is its home. */
  local(memberId: string): LocalView | undefined;
  connect(address: string, record: MemberRecord): Connection;
  /** The data connection to a member came up or broke. */
  linkChanged(memberId: string, up: boolean, reason: string, address: string): void;
  /** Told after each change of what may be picked. */
  published(): void;
  /** Told of each endpoint, once its connection is being made and once it is not kept any more. */
  readonly links?: {
    added(endpoint: PooledEndpoint): void;
    removed(endpoint: PooledEndpoint): void;
  };
}

/** States in which a member may still answer calls, so that its connection is kept. */
const CONNECTED_STATES: ReadonlySet<string> = new Set(["joining", "alive", "suspect", "draining"]);

/**
 * Pause between publishes that only add endpoints, for each endpoint there is. A publish takes some tenth of that, so a fleet
 * that starts costs its director a bounded share of its time. Up to 100 endpoints there is no pause.
 */
const PAUSE_MS_PER_ENDPOINT = 0.01;

/** How often a departed endpoint is looked at, to close its connection when the last call on it has ended. */
const LINGER_MS = 100;
/** After that, whoever said goodbye with calls in flight has lost them. */
const LINGER_MAX_MS = 30_000;

const noLink = (address: string) => `there is no data connection to ${address} yet`;

/**
 * Keeps a connection and an endpoint for every member, and publishes those that are ready:
 * - P1 ready takes all of: the record says alive; the operator wants it to serve; at its home director, beats and serves;
 *   this director's own data connection is up.
 * - P2 what ceases to be ready leaves the picker before any other event of the loop is handled, without waiting for the store.
 *   What becomes ready may wait for a moment, so that many who join become one publish.
 * - P3 an endpoint lives as long as its address does, so that its meters survive suspicion and drains.
 */
export class WorkerPool {
  readonly #parts: WorkerPoolParts;
  readonly #endpoints = new Map<string, PooledEndpoint>();
  /** Departed ones that still have calls in flight. */
  readonly #leaving = new Set<PooledEndpoint>();
  readonly #waiting: (() => void)[] = [];
  readonly #publication: PacedTask;
  /** Those of `ready`. */
  #published: ReadonlySet<PooledEndpoint> = new Set();
  #traitsChanged = false;
  #closed = false;

  constructor(parts: WorkerPoolParts) {
    this.#parts = parts;
    this.#publication = new PacedTask(
      parts.clock,
      () => this.#publish(),
      () => PAUSE_MS_PER_ENDPOINT * this.#endpoints.size,
    );
  }

  endpoint(memberId: string): PooledEndpoint | undefined {
    return this.#endpoints.get(memberId);
  }

  /** What was published last: the endpoints that may be picked. */
  get ready(): readonly PooledEndpoint[] {
    return this.#parts.balancer.endpoints;
  }

  /** Whether it may be picked, if it has a free slot. */
  isPublished(endpoint: PooledEndpoint): boolean {
    return this.#published.has(endpoint);
  }

  /** The record, the intent or the readiness of a member changed. */
  refresh(memberId: string): void {
    if (this.#closed) return;
    const record = this.#parts.record(memberId);
    const endpoint = this.#endpoints.get(memberId);
    if (!record || !CONNECTED_STATES.has(record.state) || record.services.length === 0) {
      if (endpoint && record?.state === "dead") this.#drop(endpoint);
      else if (endpoint) this.#letGo(endpoint);
    } else if (!endpoint) {
      this.#add(record);
    } else if (endpoint.address !== record.address) {
      this.#drop(endpoint);
      this.#add(record);
    } else {
      if (endpoint.record.incarnation !== record.incarnation) endpoint.rejoin();
      const traits = this.#traits(record);
      // Pickers are made for the services, tags and tier of their endpoints.
      const isPublished = this.#published.has(endpoint);
      if (isPublished && (endpoint.record !== record || endpoint.standby !== traits.standby))
        this.#traitsChanged = true;
      endpoint.record = record;
      endpoint.update(traits);
      this.#tellLink(endpoint);
    }
    this.#publishIfChanged(memberId);
  }

  /** The member's load as of its latest beat. */
  reportLoad(memberId: string, load: Load): void {
    this.#endpoints.get(memberId)?.update({ reportedLoad: load });
  }

  /** Why a member may not be picked, in words; "" when it may. */
  notReadyReason(memberId: string): string {
    const { record: recordOf, intent: intentOf, local: localOf } = this.#parts;
    const local = localOf(memberId);
    const record = recordOf(memberId);
    if (!record) return "it is not a member";
    const intent = intentOf(memberId);
    if (intent.kind !== "serving" && intent.kind !== "standby") {
      return `operator: ${intent.kind}${intent.reason && ` (${intent.reason})`}`;
    }
    const isLinked = this.#endpoints.get(memberId)?.connection.isReady() ?? false;
    // A member joins as soon as its data connection is up, so that is what it waits for.
    if (record.state === "joining" && record.services.length > 0 && !isLinked)
      return `joining: ${noLink(record.address)}`;
    if (record.state !== "alive") return `${record.state}${record.stateReason && `: ${record.stateReason}`}`;
    if (record.services.length === 0) return "it serves nothing";
    if (record.condition !== undefined) return `it reports its condition: ${record.condition}`;
    if (local && !local.ready) return local.notReadyReason;
    return isLinked ? "" : noLink(record.address);
  }

  /** Resolves after the next publish, when no new call can see the present readiness any more. */
  whenPublished(): Promise<void> {
    this.#publication.now();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  close(): void {
    this.#closed = true;
    this.#publication.cancel();
    this.#parts.balancer.publish([]);
    for (const endpoint of [...this.#endpoints.values(), ...this.#leaving]) endpoint.connection.close();
    this.#endpoints.clear();
    this.#leaving.clear();
  }

  #add(record: MemberRecord): void {
    const { memberId, address } = record;
    const { clock, slowStartMs, connect, linkChanged } = this.#parts;
    const connection = connect(address, record);
    const endpoint = new PooledEndpoint(record, connection, this.#traits(record), { clock, slowStartMs });
    this.#endpoints.set(memberId, endpoint);
    connection.onReadiness((up, reason) => {
      if (this.#endpoints.get(memberId) !== endpoint) return;
      linkChanged(memberId, up, reason, address);
      this.#publishIfChanged(memberId);
    });
    this.#tellLink(endpoint);
    this.#parts.links?.added(endpoint);
  }

  /** A member that is new to its home director, but not to this pool, has a connection already: no change will tell of it. */
  #tellLink({ memberId, address, connection }: PooledEndpoint): void {
    const local = this.#parts.local(memberId);
    if (!local || local.dataLinkUp || !connection.isReady()) return;
    this.#parts.linkChanged(memberId, true, "connected", address);
  }

  #drop(endpoint: PooledEndpoint): void {
    this.#endpoints.delete(endpoint.memberId);
    this.#parts.links?.removed(endpoint);
    endpoint.connection.close();
    if (this.#published.has(endpoint)) this.#publication.now();
  }

  /** The goodbye of a worker may overtake its last answers, which come on another connection. */
  #letGo(endpoint: PooledEndpoint): void {
    this.#endpoints.delete(endpoint.memberId);
    this.#parts.links?.removed(endpoint);
    this.#leaving.add(endpoint);
    // It drained before it left, as a rule; a record that is simply gone has not.
    if (this.#published.has(endpoint)) this.#publication.now();
    this.#closeWhenIdle(endpoint, this.#parts.clock.monotonicMs() + LINGER_MAX_MS);
  }

  #closeWhenIdle(endpoint: PooledEndpoint, deadlineMs: number): void {
    if (this.#closed) return;
    const { clock } = this.#parts;
    if (endpoint.inFlight > 0 && clock.monotonicMs() < deadlineMs) {
      clock.after(LINGER_MS, () => this.#closeWhenIdle(endpoint, deadlineMs));
      return;
    }
    this.#leaving.delete(endpoint);
    endpoint.connection.close();
  }

  #traits(record: MemberRecord): EndpointTraits {
    const { address, services, tags, slots, memberId } = record;
    const standby = this.#parts.intent(memberId).kind === "standby";
    const reportedLoad = this.#parts.local(memberId)?.load ?? NO_LOAD;
    return { address, services, tags, slots, standby, reportedLoad };
  }

  #publishIfChanged(memberId: string): void {
    const endpoint = this.#endpoints.get(memberId);
    if (!endpoint) return;
    const isReady = this.notReadyReason(memberId) === "";
    const wasReady = this.#published.has(endpoint);
    if (wasReady && (!isReady || this.#traitsChanged))
      this.#publication.now(); // P2
    else if (isReady && !wasReady) this.#publication.soon();
  }

  #publish(): void {
    const ready = [...this.#endpoints.values()].filter(({ memberId }) => this.notReadyReason(memberId) === ""); // P1
    const isChanged = this.#traitsChanged || !sameMembers(ready, this.ready);
    if (isChanged) {
      this.#traitsChanged = false;
      this.#published = new Set(ready);
      this.#parts.balancer.publish(ready);
    }
    for (const resolve of this.#waiting.splice(0)) resolve();
    if (isChanged) this.#parts.published();
  }
}

function sameMembers(ready: readonly PooledEndpoint[], published: readonly PooledEndpoint[]): boolean {
  return ready.length === published.length && ready.every((endpoint, index) => endpoint === published[index]);
}
