import type { CancelTimer, Clock } from "../core/clock";
import type { Logger } from "../core/logger";
import type { MemberRecord } from "../core/member";
import type { ClusterView } from "./cluster-view";

export interface OrphansParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly view: ClusterView;
  /** Whether this director's own data connection to the member answers. */
  isLinked(memberId: string): boolean;
  /** Whether the member is attached here, so that this director writes and judges it. */
  isLocal(memberId: string): boolean;
  /** The member is this director's own, and its record went: to be written again. */
  rewrite(memberId: string): void;
  readonly directorId: string;
  isStoreAvailable(): boolean;
  /** To be let go without a verdict. */
  release(memberId: string): void;
  /** To be waited for, and judged if it does not come. */
  adopt(record: MemberRecord): void;
}

/** How often orphans are looked at, while there are any. */
const LOOK_MS = 1_000;
/** A connection that breaks is opened again within a moment, if there is still somebody at its other end. */
const UNLINKED_MAX_MS = 5_000;
/**
 * How long a member may go on without a director that answers for it. A worker that runs finds another director within a second, or
 * its own comes back to the store; Nomad gives its clients the same five minutes after a change of leader (failover_heartbeat_ttl).
 */
const ORPHANED_MAX_MS = 300_000;

/** After the store's return, until every director has written who is attached to it. */
const STRANDED_MS = 5_000;

interface Orphan {
  readonly sinceMs: number;
  unlinkedSinceMs: number | undefined;
}

/**
 * Members whose director is gone, or has lost the store, and nobody has written again: they hung on its lease, which says nothing about
 * them. Each director keeps them, and picks them, for as long as its own data connection to them answers, and five minutes at most.
 */
export class Orphans {
  readonly #parts: OrphansParts;
  readonly #orphans = new Map<string, Orphan>();
  /** Let go by this director while the store was away. */
  readonly #stranded = new Set<string>();
  #storeBackSinceMs: number | undefined;
  #cancelLook: CancelTimer | undefined;

  constructor(parts: OrphansParts) {
    this.#parts = parts;
    parts.view.onOrphans((memberIds) => this.#take(memberIds));
  }

  /** What to say of the member's state; `undefined` when it is no orphan. */
  reason({ memberId, homeDirectorId }: MemberRecord): string | undefined {
    if (!this.#isOrphan(memberId)) return undefined;
    const answers = this.#parts.isLinked(memberId) ? "answers" : "does not answer";
    return `its director ${homeDirectorId} is gone or has lost the store; its data connection ${answers}`;
  }

  /** The member's record as far as it still binds: nobody holds the id of an orphan that does not answer. */
  stored(memberId: string): MemberRecord | undefined {
    const record = this.#parts.view.members.get(memberId);
    if (!record || !this.#isOrphan(memberId) || this.#parts.isLinked(memberId)) return record;
    return { ...record, state: "suspect" };
  }

  /**
   * The Attach stream of an own member broke while the store is away, and there are other directors: most likely it is with one of them,
   * which cannot say so. If it answers it is kept as an orphan, instead of being called dead, until the store can tell. Returns whether.
   */
  strand(memberId: string): boolean {
    const { view, isLinked, release } = this.#parts;
    const state = view.members.get(memberId)?.state;
    if (view.directors.size < 2 || !isLinked(memberId) || (state !== "alive" && state !== "draining")) return false;
    release(memberId);
    view.keepAsOrphan(memberId);
    this.#stranded.add(memberId);
    this.#keep([memberId]);
    return true;
  }

  stop(): void {
    this.#cancelLook?.();
    this.#orphans.clear();
    this.#stranded.clear();
  }

  #isOrphan(memberId: string): boolean {
    return this.#parts.view.orphans.has(memberId) && !this.#parts.isLocal(memberId);
  }

  #take(memberIds: readonly string[]): void {
    const { logger, isLocal, rewrite } = this.#parts;
    const foreign = memberIds.filter((memberId) => !isLocal(memberId));
    for (const memberId of memberIds) if (isLocal(memberId)) rewrite(memberId);
    if (foreign.length === 0) return;
    logger.warn(
      `🔗 the records of ${foreign.length} workers went with the lease of their director; they are kept while they answer`,
    );
    this.#keep(foreign);
  }

  #keep(memberIds: readonly string[]): void {
    const { clock } = this.#parts;
    const sinceMs = clock.monotonicMs();
    for (const memberId of memberIds) this.#orphans.set(memberId, { sinceMs, unlinkedSinceMs: undefined });
    this.#cancelLook ??= clock.after(LOOK_MS, () => this.#look());
  }

  #look(): void {
    const { view, clock } = this.#parts;
    for (const [memberId, orphan] of [...this.#orphans]) {
      const reason = this.#isOrphan(memberId) ? this.#over(memberId, orphan) : "";
      if (reason === undefined) continue;
      this.#orphans.delete(memberId);
      if (reason !== "") view.endOrphan(memberId, { kind: "lost", reason });
    }
    this.#takeStranded();
    const isIdle = this.#orphans.size === 0 && this.#stranded.size === 0;
    this.#cancelLook = isIdle ? undefined : clock.after(LOOK_MS, () => this.#look());
  }

  /** Whoever nobody has claimed since the store is back is ours to judge, as before. */
  #takeStranded(): void {
    const { clock, directorId, view, isLocal, adopt } = this.#parts;
    const nowMs = clock.monotonicMs();
    this.#storeBackSinceMs = this.#parts.isStoreAvailable() ? (this.#storeBackSinceMs ?? nowMs) : undefined;
    if (this.#storeBackSinceMs === undefined || nowMs - this.#storeBackSinceMs < STRANDED_MS) return;
    for (const memberId of this.#stranded) {
      const record = view.stored(memberId);
      if (record?.homeDirectorId === directorId && !isLocal(memberId)) adopt(record);
    }
    this.#stranded.clear();
  }

  /** Why it is over; `undefined` when it is not. */
  #over(memberId: string, orphan: Orphan): string | undefined {
    const nowMs = this.#parts.clock.monotonicMs();
    if (nowMs - orphan.sinceMs >= ORPHANED_MAX_MS) return "no director has answered for it for five minutes";
    orphan.unlinkedSinceMs = this.#parts.isLinked(memberId) ? undefined : (orphan.unlinkedSinceMs ?? nowMs);
    const isLost = orphan.unlinkedSinceMs !== undefined && nowMs - orphan.unlinkedSinceMs >= UNLINKED_MAX_MS;
    return isLost ? "its director is gone, and its data connection does not answer" : undefined;
  }
}
