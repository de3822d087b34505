import type { AgentRecord } from "../core/agent";
import type { Clock } from "../core/clock";
import { messageOf } from "../core/errors";
import type { Logger } from "../core/logger";
import { DEFAULT_INTENT, OWN_STANDBY, type Intent, type MemberRecord } from "../core/member";
import type { Store, WatchEvent } from "../store/store";
import { LostFacts } from "./lost-facts";
import {
  CLUSTER_PREFIX,
  KEYS,
  readFact,
  type ClusterFact,
  type DirectorRecord,
  type DrainReport,
  type Removal,
} from "./records";

/** One fact changed. `before` is what was in its place. */
export interface FactChange<F extends ClusterFact = ClusterFact> {
  readonly fact: F;
  readonly before: F["value"];
  /** Store revision of the change; of the last one before it for a change that the store does not know (`isLocal`). */
  readonly revision: number;
  /** Only this director sees it so: the store was away, or says nothing about it. */
  readonly isLocal?: boolean;
  /** How a member ended whose record is gone. */
  readonly ending?: Ending;
}

/** Why a member is no more: an operator wanted it so, or nobody vouches for it. */
export interface Ending {
  readonly kind: "removed" | "lost";
  readonly reason: string;
}

const CAUGHT_UP_PATIENCE_MS = 3_000;

interface Held {
  readonly value: ClusterFact["value"];
  readonly modRevision: number;
  readonly bytes: Uint8Array;
}

/** A member as this director must see it although the store does not answer. */
interface Overlay {
  readonly record: MemberRecord | undefined;
  /** Set when the store took the record: the watch brings it at this revision. */
  readonly untilRevision: number | undefined;
}

/**
 * What the store says, decoded and kept current by one watch: the only way by which shared state reaches the balancer, also at
 * the director that wrote it.
 * - V1 each change is told once, in the order of revisions.
 * - V2 while the store is away, what local members do is laid over it, so that joins and deaths take effect; the overlay
 *   of a member ends when the watch has caught up with its write.
 * - V4 what the store acknowledged and has lost, because it was emptied or restored from a backup, stays in force until it is there again.
 * - V3 a member whose record goes although nobody ended it was only held by the lease of its director. It stays, as an *orphan*,
 *   until somebody writes it again or `endOrphan` is called.
 */
export class ClusterView {
  readonly #store: Store;
  readonly #logger: Logger;
  readonly #held = new Map<string, Held>();
  readonly #overlays = new Map<string, Overlay>();
  /** Known to have been acknowledged, and not in the store (V4). */
  readonly lost = new LostFacts();
  /** Of the store that was read last; survives the loss of the key. */
  #knownIdentity: string | undefined;
  readonly #replacedListeners: (() => void)[] = [];
  #incomplete: (() => void)[] = [];
  readonly #removals = new Map<string, Removal>();
  readonly #orphans = new Set<string>();
  readonly #orphanListeners: ((memberIds: readonly string[]) => void)[] = [];
  readonly #listeners: ((changes: readonly FactChange[]) => void)[] = [];
  readonly #members = new Map<string, MemberRecord>();
  readonly #intents = new Map<string, Intent>();
  readonly #drains = new Map<string, DrainReport>();
  readonly #directors = new Map<string, DirectorRecord>();
  readonly #directorIntents = new Map<string, Intent>();
  readonly #descriptors = new Map<string, Uint8Array>();
  readonly #agents = new Map<string, AgentRecord>();
  #revision = 0;
  #loadedRevision: number | undefined;
  #loaded: (() => void)[] | undefined = [];
  /** To be told of. */
  #newOrphans: string[] = [];
  #catchingUp: { readonly revision: number; readonly resolve: () => void }[] = [];

  constructor(store: Store, logger: Logger) {
    this.#store = store;
    this.#logger = logger;
  }

  /** Store revision up to which everything is known. */
  get revision(): number {
    return this.#revision;
  }

  get members(): ReadonlyMap<string, MemberRecord> {
    return this.#members;
  }

  /** Members without a record in the store (V3). They are among `members` too. */
  get orphans(): ReadonlySet<string> {
    return this.#orphans;
  }

  /** Removals that are remembered, by member. */
  get removals(): ReadonlyMap<string, Removal> {
    return this.#removals;
  }

  get directors(): ReadonlyMap<string, DirectorRecord> {
    return this.#directors;
  }

  get descriptors(): ReadonlyMap<string, Uint8Array> {
    return this.#descriptors;
  }

  /** By name; those that were released and are about to go among them. */
  get agents(): ReadonlyMap<string, AgentRecord> {
    return this.#agents;
  }

  intent(memberId: string): Intent {
    const intent = this.#intents.get(memberId);
    if (intent !== undefined) return intent;
    return this.#members.get(memberId)?.standby === true ? OWN_STANDBY : DEFAULT_INTENT;
  }

  /** What an operator wants of a director. */
  directorIntent(directorId: string): Intent {
    return this.#directorIntents.get(directorId) ?? DEFAULT_INTENT;
  }

  /** What the member's home director last told of a drain. */
  drain(memberId: string): DrainReport | undefined {
    return this.#drains.get(memberId);
  }

  /** What the store says of the member, whatever is shown. */
  stored(memberId: string): MemberRecord | undefined {
    return this.#held.get(KEYS.member(memberId))?.value as MemberRecord | undefined;
  }

  /** The cluster's policy; `undefined` while nobody set one. */
  get balancing(): string | undefined {
    return this.#held.get(KEYS.balancing)?.value as string | undefined;
  }

  /** Revision at which a key was last written, as far as known here; 0 when it does not exist. */
  modRevision(key: string): number {
    return this.#held.get(key)?.modRevision ?? 0;
  }

  onChange(listener: (changes: readonly FactChange[]) => void): void {
    this.#listeners.push(listener);
  }

  /** Of the store, as it says itself; `undefined` while it has none. */
  get identity(): string | undefined {
    return this.#held.get(KEYS.identity)?.value as string | undefined;
  }

  /** Resolves when something is lost, or the store has no identity. */
  whenIncomplete(): Promise<void> {
    if (this.#isIncomplete()) return Promise.resolve();
    return new Promise((resolve) => this.#incomplete.push(resolve));
  }

  /** Told when the store turns out to be another one than before, or an older state of it; before the changes that follow from that. */
  onReplaced(listener: () => void): void {
    this.#replacedListeners.push(listener);
  }

  /** Told of members that have become orphans, after all changes of the moment. */
  onOrphans(listener: (memberIds: readonly string[]) => void): void {
    this.#orphanListeners.push(listener);
  }

  /** Store revision of the first snapshot; `undefined` until that has been read and told. */
  get loadedRevision(): number | undefined {
    return this.#loadedRevision;
  }

  /** Resolves when the first snapshot has been read. */
  whenLoaded(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#loaded) this.#loaded.push(resolve);
      else resolve();
    });
  }

  /**
   * Resolves when everything up to this revision is known here, or after three seconds: what is written is written, and whoever wrote it
   * is not kept for as long as the watch is away.
   */
  caughtUp(revision: number, clock: Clock): Promise<void> {
    if (this.#revision >= revision) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = clock.after(CAUGHT_UP_PATIENCE_MS, resolve);
      this.#catchingUp.push({ revision, resolve: () => (cancel(), resolve()) });
    });
  }

  /** Follows the store until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    for await (const event of this.#store.watch(CLUSTER_PREFIX, signal)) {
      this.#apply(event);
      this.#loadedRevision ??= event.revision;
      const waiting = this.#loaded ?? [];
      this.#loaded = undefined;
      for (const resolve of waiting) resolve();
    }
  }

  /** Shows a local member as it is although the store has not taken it (V2). `undefined`: it is gone. */
  overlay(memberId: string, record: MemberRecord | undefined): void {
    this.#overlays.set(memberId, { record, untilRevision: undefined });
    this.#orphans.delete(memberId);
    if (JSON.stringify(record) === JSON.stringify(this.#members.get(memberId))) return;
    const change = this.#setMember(memberId, record, this.#revision);
    this.#tell([change && { ...change, isLocal: true }]);
  }

  /** The member is nobody's for now, whatever the store says of it (V3). */
  keepAsOrphan(memberId: string): void {
    this.#overlays.delete(memberId);
    if (this.#members.has(memberId)) this.#orphans.add(memberId);
  }

  /** Nothing speaks for the orphan any more. Does nothing for who is none. */
  endOrphan(memberId: string, ending: Ending): void {
    if (!this.#orphans.delete(memberId)) return;
    const change = this.#setMember(memberId, undefined, this.#revision);
    this.#tell([change && { ...change, isLocal: true, ending }]);
  }

  /** The store took the record at this revision: the overlay ends when the watch gets there. */
  written(memberId: string, revision: number): void {
    const overlay = this.#overlays.get(memberId);
    if (!overlay) return;
    this.#overlays.set(memberId, { ...overlay, untilRevision: revision });
    this.#tell(this.#endOverlays());
  }

  #apply(event: WatchEvent): void {
    const changes: (FactChange | undefined)[] = [];
    let isReplaced = false;
    if (event.kind === "snapshot") {
      const present = new Set(event.entries.map((entry) => entry.key));
      isReplaced = this.#isOther(event);
      if (isReplaced) this.lost.compare(this.#held, event.entries, event.revision);
      for (const entry of event.entries) {
        const { key, value, modRevision } = entry;
        const isOlder = isReplaced && this.lost.has(key);
        // Another store counts anew, so its revisions say nothing.
        if (!isOlder && (isReplaced || this.modRevision(key) !== modRevision)) {
          changes.push(this.#take(key, value, modRevision));
        }
      }
      // After what is there: a removal explains why a record is not.
      for (const key of [...this.#held.keys()]) {
        if (!present.has(key) && !this.lost.has(key)) changes.push(this.#take(key, undefined, event.revision));
      }
    } else {
      for (const change of event.changes) {
        changes.push(
          change.kind === "put"
            ? this.#take(change.entry.key, change.entry.value, change.entry.modRevision)
            : this.#take(change.key, undefined, change.modRevision),
        );
      }
    }
    this.#revision = event.revision;
    this.#knownIdentity = this.identity ?? this.#knownIdentity;
    if (isReplaced) this.#tellReplaced();
    // A snapshot comes by key; V1 wants it by revision.
    if (event.kind === "snapshot") changes.sort((a, b) => (a?.revision ?? 0) - (b?.revision ?? 0));
    changes.push(...this.#endOverlays());
    this.#tell(changes);
    const reached = this.#catchingUp.filter(({ revision }) => revision <= this.#revision);
    this.#catchingUp = this.#catchingUp.filter(({ revision }) => revision > this.#revision);
    for (const { resolve } of reached) resolve();
    if (this.#isIncomplete()) for (const resolve of this.#incomplete.splice(0)) resolve();
  }

  #isIncomplete(): boolean {
    return this.lost.size > 0 || this.identity === undefined;
  }

  /** Whether the snapshot is of a store that was emptied, restored or exchanged since the last event. */
  #isOther(snapshot: Extract<WatchEvent, { kind: "snapshot" }>): boolean {
    if (this.#knownIdentity === undefined) return false;
    if (snapshot.revision < this.#revision) return true;
    const entry = snapshot.entries.find(({ key }) => key === KEYS.identity);
    const fact = entry && readFact(entry.key, entry.value);
    return fact?.value !== this.#knownIdentity;
  }

  #tellReplaced(): void {
    this.#logger.warn("⚠️  the store is not the one it was: it was emptied, or restored from a backup", {
      revision: this.#revision,
      lost: this.lost.size,
    });
    // Their revision was the other store's.
    for (const { resolve } of this.#catchingUp.splice(0)) resolve();
    for (const listener of this.#replacedListeners) listener();
  }

  #take(key: string, value: Uint8Array | undefined, modRevision: number): FactChange | undefined {
    let fact: ClusterFact | undefined;
    try {
      fact = readFact(key, value);
    } catch (error) {
      this.#logger.error("a record in the store cannot be read and is ignored", { key, reason: messageOf(error) });
    }
    if (!fact) return undefined;
    const before = this.#held.get(key)?.value;
    if (value === undefined) this.#held.delete(key);
    else this.#held.set(key, { value: fact.value, modRevision, bytes: value });
    this.lost.found(key);
    switch (fact.kind) {
      case "member":
        return this.#overlays.has(fact.id) ? undefined : this.#showStored(fact.id, fact.value, modRevision);
      case "intent":
        setOrDelete(this.#intents, fact.id, fact.value);
        break;
      case "drain":
        setOrDelete(this.#drains, fact.id, fact.value);
        break;
      case "removal":
        setOrDelete(this.#removals, fact.id, fact.value);
        break;
      case "director":
        setOrDelete(this.#directors, fact.id, fact.value);
        break;
      case "director-intent":
        setOrDelete(this.#directorIntents, fact.id, fact.value);
        break;
      case "descriptors":
        setOrDelete(this.#descriptors, fact.id, fact.value);
        break;
      case "agent":
        setOrDelete(this.#agents, fact.id, fact.value);
        break;
      case "balancing":
      case "identity":
      case "leader":
        break;
    }
    // Written again, as after a loss or under another lease: nothing has changed.
    if (value && fact.kind !== "descriptors" && JSON.stringify(before) === JSON.stringify(fact.value)) return undefined;
    return { fact, before, revision: modRevision };
  }

  /** Shows what the store says of a member, but for V3. */
  #showStored(memberId: string, record: MemberRecord | undefined, revision: number): FactChange | undefined {
    const shown = this.#members.get(memberId);
    if (record) {
      this.#orphans.delete(memberId);
      // Written again under another lease: nothing has happened to it.
      if (JSON.stringify(record) === JSON.stringify(shown)) return undefined;
      return this.#setMember(memberId, record, revision);
    }
    if (!shown || shown.state === "dead" || shown.state === "left") return this.#setMember(memberId, record, revision);
    const removal = this.#removals.get(memberId);
    if (!removal || removal.incarnation < shown.incarnation) {
      this.#orphans.add(memberId);
      this.#newOrphans.push(memberId);
      return undefined;
    }
    this.#orphans.delete(memberId);
    const change = this.#setMember(memberId, undefined, revision);
    return change && { ...change, ending: { kind: "removed", reason: removal.reason } };
  }

  #setMember(memberId: string, record: MemberRecord | undefined, revision: number): FactChange | undefined {
    const before = this.#members.get(memberId);
    if (before === undefined && record === undefined) return undefined;
    setOrDelete(this.#members, memberId, record);
    return { fact: { kind: "member", id: memberId, value: record }, before, revision };
  }

  #endOverlays(): (FactChange | undefined)[] {
    const changes: (FactChange | undefined)[] = [];
    for (const [memberId, { untilRevision }] of this.#overlays) {
      if (untilRevision === undefined || untilRevision > this.#revision) continue;
      this.#overlays.delete(memberId);
      const held = this.#held.get(KEYS.member(memberId));
      const stored = held?.value as MemberRecord | undefined;
      changes.push(this.#showStored(memberId, stored, held?.modRevision ?? this.#revision));
    }
    return changes;
  }

  #tell(changes: readonly (FactChange | undefined)[]): void {
    const told = changes.filter((change) => change !== undefined);
    if (told.length > 0) for (const listener of this.#listeners) listener(told);
    const orphans = this.#newOrphans.splice(0).filter((memberId) => this.#orphans.has(memberId));
    if (orphans.length > 0) for (const listener of this.#orphanListeners) listener(orphans);
  }
}

function setOrDelete<V>(map: Map<string, V>, key: string, value: V | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}
