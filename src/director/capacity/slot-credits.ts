import type { Dispatcher } from "../../balancing/dispatcher";
import type { EndpointObserver } from "../../balancing/endpoint";
import type { CapacityClaim, CapacityGrant } from "../../core/capacity-messages";
import type { Connection } from "../../core/call";
import type { Clock } from "../../core/clock";
import type { MemberRecord } from "../../core/member";
import type { MessageStream } from "../../core/message-stream";
import { PacedTask } from "../../core/paced-task";
import type { Random } from "../../core/random";
import type { Relays } from "../relays";
import type { PooledEndpoint } from "../worker-pool";
import { CapacityLink } from "./capacity-link";
import { StandbyCalls } from "./standby-calls";

/** Opens a Share stream on a director's connection to a worker. */
export type OpenCapacity = (connection: Connection) => MessageStream<CapacityGrant, CapacityClaim>;

export interface SlotCreditsParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly directorId: string;
  readonly openCapacity: OpenCapacity;
  readonly relays: Pick<Relays, "waiting" | "inUse" | "slotsChanged">;
  /** Of this process. */
  dispatcher(): Pick<Dispatcher<PooledEndpoint>, "waitingByService" | "slotsFreed">;
  /** Whether the endpoint may be picked, apart from its slots. */
  isPublished(endpoint: PooledEndpoint): boolean;
  /** The member says that it leaves, or that it does not. */
  drainChanged(memberId: string): void;
  /** Resolves when no call is decided any more by what was before. */
  settled(): Promise<void>;
}

/**
 * Calls that wait for a worker: in this process, and in the relay processes, for whichever service. Those that a standby has are not among them,
 * though they stand for such as would wait without it (`#spilledFrom`): `#standbyCalls` is counted anew together with these.
 */
interface WaitingCalls {
  readonly byService: ReadonlyMap<string, number>;
  readonly elsewhere: number;
}

/** Least time between two claims to a worker that nobody asked for, and more where there are many workers: about 0.1 µs is spent on each. */
const TELL_EVERY_MS = 20;
const TELL_EVERY_MS_PER_LINK = 0.01;

/**
 * The slots that this director may use of each worker, as the workers say (worker/capacity/). At rest nothing is done and nothing is sent.
 * Workers of other stacks are not asked: they are used with all their slots.
 */
export class SlotCredits {
  readonly #parts: SlotCreditsParts;
  readonly #links = new Map<string, CapacityLink>();
  readonly #telling: PacedTask;
  /** While all workers are told. */
  #waiting: WaitingCalls | undefined;
  /** Those that may be picked. */
  #standbys: readonly PooledEndpoint[] = [];
  #standbyCalls = new StandbyCalls([]);
  readonly #standbyObserver: EndpointObserver = { endpointChanged: () => this.#telling.soon() };

  constructor(parts: SlotCreditsParts) {
    this.#parts = parts;
    this.#telling = new PacedTask(
      parts.clock,
      () => this.#tell(),
      () => Math.max(TELL_EVERY_MS, TELL_EVERY_MS_PER_LINK * this.#links.size),
    );
  }

  /** Calls that the director may have on the member at once; Infinity: as many as it has slots. */
  usable(memberId: string): number {
    return this.#links.get(memberId)?.usable ?? Infinity;
  }

  /** The record as it is to be acted by: a worker that says that it leaves is draining, before the shared record has it. */
  asToldBy<R extends MemberRecord | undefined>(record: R): R {
    if (record?.state !== "alive" || this.#links.get(record.memberId)?.isDraining !== true) return record;
    return { ...record, state: "draining", stateReason: "it is leaving" };
  }

  /** A connection to the member is kept from now on. */
  added(endpoint: PooledEndpoint): void {
    if (endpoint.record.sharesSlots !== true) return;
    const { clock, random, directorId, openCapacity, relays, drainChanged, settled } = this.#parts;
    const link = new CapacityLink(endpoint, {
      clock,
      random,
      directorId,
      open: ({ connection }) => openCapacity(connection),
      inUse: ({ begun, memberId }) => begun + relays.inUse(memberId),
      waiting: (of) => this.#waitingFor(of),
      usableChanged: ({ memberId }) => {
        relays.slotsChanged(memberId);
        this.#parts.dispatcher().slotsFreed();
      },
      drainChanged: ({ memberId }) => drainChanged(memberId),
      settled,
      tellSoon: () => this.#telling.soon(),
    });
    this.#links.set(endpoint.memberId, link);
  }

  removed(endpoint: PooledEndpoint): void {
    const link = this.#links.get(endpoint.memberId);
    if (link?.endpoint !== endpoint) return;
    this.#links.delete(endpoint.memberId);
    link.close();
  }

  /** These may be picked from now on. */
  published(ready: readonly PooledEndpoint[]): void {
    const standbys = ready.filter(({ standby }) => standby);
    for (const endpoint of this.#standbys) endpoint.unobserve(this.#standbyObserver);
    for (const endpoint of standbys) endpoint.observe(this.#standbyObserver, 0, "load");
    this.#standbys = standbys;
    this.#standbyCalls = new StandbyCalls(standbys);
    this.#standbyCalls.count();
  }

  /** Calls wait, or those of other processes have changed. */
  tellSoon(): void {
    this.#telling.soon();
  }

  close(): void {
    this.#telling.cancel();
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
  }

  #tell(): void {
    this.#waiting = this.#countWaiting();
    let mayChange = this.#waiting.byService.size > 0 || this.#waiting.elsewhere > 0;
    for (const link of this.#links.values()) {
      link.tell();
      mayChange ||= link.hasWaiting;
    }
    // A worker may fill up, or be sated, without anybody being told.
    this.#waiting = undefined;
    if (mayChange) queueMicrotask(() => this.#telling.soon());
  }

  #countWaiting(): WaitingCalls {
    const { dispatcher, relays } = this.#parts;
    this.#standbyCalls.count();
    return { byService: dispatcher().waitingByService(), elsewhere: relays.waiting() };
  }

  #waitingFor(endpoint: PooledEndpoint): number {
    const { byService, elsewhere } = this.#waiting ?? this.#countWaiting();
    if (!this.#parts.isPublished(endpoint)) return 0;
    let calls = elsewhere;
    if (byService.size > 0) for (const service of endpoint.services) calls += byService.get(service) ?? 0;
    if (calls < endpoint.slots) calls += this.#spilledFrom(endpoint, endpoint.slots - calls);
    return Math.min(calls, endpoint.slots);
  }

  /**
   * Calls that standbys have and the endpoint could have: each is one for which it was full. Another director may have what is free of its slots, and
   * would keep them if nobody said that they are wanted.
   */
  #spilledFrom(endpoint: PooledEndpoint, max: number): number {
    return endpoint.standby ? 0 : this.#standbyCalls.of(endpoint.services, max);
  }
}
