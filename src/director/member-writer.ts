import { setMaxListeners } from "node:events";

import { Backoff } from "../core/backoff";
import type { Clock } from "../core/clock";
import { messageOf } from "../core/errors";
import type { Logger } from "../core/logger";
import { isLater, type MemberRecord } from "../core/member";
import type { Random } from "../core/random";
import type { Session, Store } from "../store/store";
import type { ClusterView } from "./cluster-view";
import { encodeRecord, KEYS, readFact } from "./records";

export interface MemberWriterParts {
  readonly directorId: string;
  readonly store: Store;
  readonly view: ClusterView;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** The lease that holds the members attached to this director; `undefined` while there is none. */
  session(): Session | undefined;
  /** The store knows a newer life of the member, at another director: let it go. */
  released(memberId: string): void;
  /** The store does not take a suspicion. Returns whether the member was let go instead, so that there is nothing to write. */
  stranded?(memberId: string): boolean;
}

/** What a member is to become in the store; `undefined` deletes it. */
type Wanted = MemberRecord | undefined;

const RETRY = { initialMs: 50, maxMs: 2_000 } as const;
/** Members written at once. More would only queue in the store. */
const CONCURRENT_MAX = 64;

/**
 * Brings the transitions of local members into the store, in the background:
 * - W1 per member in order, and only the latest: what is overtaken while waiting is never written.
 * - W2 nothing is lost: a write that fails is tried again until it succeeds or is overtaken; meanwhile the view shows it.
 * - W3 fenced: a record is written over the one it was based on, and never over a newer life of the member.
 */
export class MemberWriter {
  readonly #parts: MemberWriterParts;
  readonly #wanted = new Map<string, Wanted>();
  readonly #busy = new Set<string>();
  /** Revisions of our own writes, which the watch may not have brought yet. */
  readonly #revisions = new Map<string, number>();
  /** For the store to have the member. Of members that are being written. */
  readonly #waiting = new Map<string, (() => void)[]>();
  readonly #stop = new AbortController();

  constructor(parts: MemberWriterParts) {
    this.#parts = parts;
    // As many members as there are may wait for the store on it, which Node takes for a leak from eleven on.
    setMaxListeners(0, this.#stop.signal);
  }

  /** Members whose latest state the store does not have yet. */
  get pending(): number {
    return this.#wanted.size + this.#busy.size;
  }

  /** Whether the store does not have its latest state yet. */
  isWriting(memberId: string): boolean {
    return this.#wanted.has(memberId) || this.#busy.has(memberId);
  }

  /** Resolves when the store has its latest state, or a newer one of another director; never, if the writer is stopped before. */
  whenStored(memberId: string): Promise<void> {
    if (!this.isWriting(memberId)) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.set(memberId, [...(this.#waiting.get(memberId) ?? []), resolve]));
  }

  put(record: MemberRecord): void {
    this.#want(record.memberId, record);
  }

  delete(memberId: string): void {
    this.#want(memberId, undefined);
  }

  stop(): void {
    this.#stop.abort();
  }

  #want(memberId: string, wanted: Wanted): void {
    this.#wanted.set(memberId, wanted); // W1
    if (!this.#parts.store.isAvailable()) this.#parts.view.overlay(memberId, wanted); // W2
    this.#startNext(memberId);
  }

  #startNext(memberId: string): void {
    if (this.#busy.has(memberId) || this.#busy.size >= CONCURRENT_MAX || this.#stop.signal.aborted) return;
    if (!this.#wanted.has(memberId)) return;
    this.#busy.add(memberId);
    void this.#write(memberId).finally(() => {
      this.#busy.delete(memberId);
      this.#tellStored(memberId);
      const next = this.#nextIdle();
      if (next !== undefined) this.#startNext(next);
    });
  }

  #tellStored(memberId: string): void {
    if (this.isWriting(memberId) || this.#stop.signal.aborted) return;
    const waiting = this.#waiting.get(memberId) ?? [];
    this.#waiting.delete(memberId);
    for (const resolve of waiting) resolve();
  }

  /** One that is being written sees to its own latest state, however long it pauses: it must not keep the others waiting. */
  #nextIdle(): string | undefined {
    for (const memberId of this.#wanted.keys()) if (!this.#busy.has(memberId)) return memberId;
    return undefined;
  }

  async #write(memberId: string): Promise<void> {
    const { clock, random, logger, view } = this.#parts;
    const backoff = new Backoff(RETRY, random);
    while (this.#wanted.has(memberId) && !this.#stop.signal.aborted) {
      const wanted = this.#wanted.get(memberId);
      this.#wanted.delete(memberId);
      try {
        const revision = await this.#commit(memberId, wanted);
        // What came meanwhile is not in the store yet: its overlay stays until it is.
        if (revision !== undefined && !this.#wanted.has(memberId)) view.written(memberId, revision);
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        logger.warn("the store did not take a member, trying again", { memberId, reason: messageOf(error) });
        if (!this.#wanted.has(memberId)) this.#wanted.set(memberId, wanted);
        if (this.#wanted.get(memberId)?.state === "suspect" && this.#parts.stranded?.(memberId)) {
          this.#wanted.delete(memberId);
          return;
        }
        view.overlay(memberId, this.#wanted.get(memberId)); // W2
        await clock.sleep(backoff.nextMs(), this.#stop.signal).catch(() => {});
      }
    }
  }

  /** Resolves to the revision of the write; `undefined` when it was not wanted any more. */
  async #commit(memberId: string, wanted: Wanted): Promise<number | undefined> {
    const { store, view } = this.#parts;
    const key = KEYS.member(memberId);
    // As the watch has brought it, and not as an overlay of our own shows it.
    const seen = view.stored(memberId) ?? view.members.get(memberId);
    if (!wanted && seen && this.#isOthers(seen)) return view.modRevision(key);
    if (wanted && seen && this.#isNewer(seen, wanted)) {
      // To be based on it would be to write over it.
      this.#parts.released(memberId); // W3
      return view.modRevision(key);
    }
    let known = Math.max(this.#revisions.get(memberId) ?? 0, view.modRevision(key));
    for (;;) {
      const condition = known === 0 ? { key, createRevision: 0 } : { key, modRevision: known };
      const result = await store.commit({ conditions: [condition], operations: [this.#operation(key, wanted)] });
      if (result.succeeded) {
        if (wanted) this.#revisions.set(memberId, result.revision);
        else this.#revisions.delete(memberId);
        return result.revision;
      }
      const stored = await store.get(key);
      const fact = stored && readFact(key, stored.value);
      const record = fact?.kind === "member" ? fact.value : undefined;
      if (!stored && !wanted) return result.revision;
      if (record && this.#isNewer(record, wanted)) {
        this.#parts.released(memberId); // W3
        return result.revision;
      }
      known = stored?.modRevision ?? 0;
    }
  }

  /** A higher incarnation is a newer life; a deletion must not touch what another director holds. */
  #isNewer(stored: MemberRecord, wanted: Wanted): boolean {
    if (!wanted) return this.#isOthers(stored) || (stored.state !== "dead" && stored.state !== "left");
    if (isLater(stored, wanted) || isLater(wanted, stored)) return isLater(stored, wanted);
    // The same life at another director: what we last saw of it, its stream breaking here, is no news any more.
    const movedOn = wanted.state === "suspect" || wanted.state === "dead";
    return stored.homeDirectorId !== wanted.homeDirectorId && movedOn;
  }

  /** A life that this director forgets may have been followed by one elsewhere. */
  #isOthers({ homeDirectorId }: MemberRecord): boolean {
    return homeDirectorId !== this.#parts.directorId;
  }

  #operation(key: string, wanted: Wanted) {
    if (!wanted) return { kind: "delete" as const, key };
    // A member that only reports lives by its reports and not by a director: nobody else would write it again.
    const session = wanted.liveness.kind === "attached" ? this.#parts.session() : undefined;
    const value = encodeRecord(wanted);
    return session?.isAlive() ? { kind: "put" as const, key, value, session } : { kind: "put" as const, key, value };
  }
}
