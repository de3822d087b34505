import type { Socket } from "node:net";
import type { Clock } from "../core/clock";
import type { Logger } from "../core/logger";
import { PacedTask } from "../core/paced-task";
import type { RelaySource } from "../director/relays";
import { TALLY_EVERY_MS } from "./call-counts";
import type { FromRelay, MemberTally, Tally, ToRelay } from "./messages";
import { PendingUpdate } from "./pending-update";
import type { SlotHolder } from "./slot-ledger";
import type { SlotClaim } from "../core/slot-shares";

/** The way to a process. `send` never throws: what cannot be sent is lost with the process, and a socket is closed. */
export interface RelayChannel {
  send(message: ToRelay, socket?: Socket): void;
  onMessage(listener: (message: FromRelay) => void): void;
  /** Told once, when the process has ended. */
  onEnd(listener: (reason: string) => void): void;
  kill(): void;
}

export interface RelayHandleParts {
  readonly clock: Clock;
  /** Gets the lines that the process logs. */
  readonly logger: Logger;
  readonly channel: RelayChannel;
  readonly source: RelaySource;
  readonly settings: unknown;
  ready(): void;
  /** It cannot start, and ends. */
  failed(reason: string): void;
  tallied(members: readonly MemberTally[]): void;
  /** A connection with this remote address has ended. */
  released(address: string): void;
  /** It acts by its latest shares of these members' slots, and has no other calls on them than those it has told of. */
  sharesTaken(memberIds: readonly string[]): void;
  /** With so many connections. */
  ended(reason: string, connections: number): void;
}

/** After so long without an answer a process gets no new connections: it stands still. */
const STUCK_MS = 5_000;
/** What a process that was told to stop may take to send its last answers. */
const STOP_MS = 2_000;

/**
 * A relay process as its director sees it.
 * - H1 one update is under way at a time, and what changes meanwhile is the next: a process that stands still costs a set of names.
 * - H2 what decides who may be picked is sent before any other event of the loop is handled, unless an update is under way; loads
 *   and counts wait for 50 ms.
 */
export class RelayHandle implements SlotHolder {
  readonly #parts: RelayHandleParts;
  readonly #pending: PendingUpdate;
  readonly #task: PacedTask;
  readonly #members = new Map<string, MemberTally>();
  readonly #told = new Map<string, number>();
  readonly #shares = new Map<string, { share: number; ceiling: number }>();
  #sharesUnderWay: readonly (readonly [memberId: string, slots: number])[] = [];
  #tally: Tally | undefined;
  #waiting: { readonly revision: number; readonly resolve: () => void }[] = [];
  #whenDrained: (() => void)[] = [];
  #underWaySinceMs: number | undefined;
  /** Connections of clients that it has, by the address by which they are counted. */
  readonly #connections = new Map<string, number>();
  #connectionCount = 0;
  #ready = false;
  #ended = false;
  #cancelKill = () => {};

  constructor(parts: RelayHandleParts) {
    this.#parts = parts;
    const { channel, clock, source, settings } = parts;
    this.#pending = new PendingUpdate(source);
    this.#task = new PacedTask(
      clock,
      () => this.#flush(),
      () => TALLY_EVERY_MS,
    );
    channel.onMessage((message) => this.#receive(message));
    channel.onEnd((reason) => this.#end(reason));
    channel.send({ kind: "start", settings });
    this.#task.now();
  }

  get isReady(): boolean {
    return this.#ready && !this.#ended;
  }

  get hasEnded(): boolean {
    return this.#ended;
  }

  get isStuck(): boolean {
    return this.#underWaySinceMs !== undefined && this.#parts.clock.monotonicMs() - this.#underWaySinceMs > STUCK_MS;
  }

  /** Connections of clients that it has. */
  get connections(): number {
    return this.#connectionCount;
  }

  get calls(): Tally["calls"] | undefined {
    return this.#tally?.calls;
  }

  /** See `Relays.waiting`. */
  get waiting(): number {
    return this.#tally === undefined ? 0 : this.#tally.calls.queued + this.#tally.spilled;
  }

  member(memberId: string): MemberTally | undefined {
    return this.#members.get(memberId);
  }

  members(): Iterable<MemberTally> {
    return this.#members.values();
  }

  accept(socket: Socket): void {
    const { remoteAddress: address = "" } = socket;
    this.#connectionCount += 1;
    this.#connections.set(address, (this.#connections.get(address) ?? 0) + 1);
    this.#parts.channel.send({ kind: "connection", address }, socket);
  }

  memberChanged(memberId: string): void {
    this.#pending.memberChanged(memberId);
    this.#task.now();
  }

  settingsChanged(): void {
    this.#pending.settingsChanged();
    this.#task.now();
  }

  watchCalls(watched: boolean): void {
    this.#parts.channel.send({ kind: "watch-calls", watched });
  }

  loadChanged(memberId: string): void {
    this.#pending.loadChanged(memberId);
    this.#task.soon();
  }

  /** How many calls the other processes have on the member. */
  elsewhereChanged(memberId: string, calls: number): void {
    if ((this.#told.get(memberId) ?? 0) === calls) return;
    this.#told.set(memberId, calls);
    this.#pending.elsewhereChanged(memberId, calls);
    this.#task.soon();
  }

  forget(memberId: string): void {
    this.#members.delete(memberId);
    this.#told.delete(memberId);
    this.#shares.delete(memberId);
    this.#pending.forget(memberId);
    this.#task.now();
  }

  // ---- SlotHolder ------------------------------------------------------------------------------------------------------

  claim(memberId: string): SlotClaim {
    const { share, ceiling } = this.#shares.get(memberId) ?? { share: 0, ceiling: 0 };
    const inFlight = this.#members.get(memberId)?.inFlight ?? 0;
    return { share, ceiling, inFlight, queued: this.waiting };
  }

  setShare(memberId: string, share: number): void {
    const ceiling = Math.max(share, this.#shares.get(memberId)?.ceiling ?? 0);
    this.#shares.set(memberId, { share, ceiling });
    this.#pending.shareChanged(memberId, share);
    this.#task.now();
  }

  // ----------------------------------------------------------------------------------------------------------------------

  /** Resolves when the process acts by all that it was to be told before, or has ended. */
  caughtUp(): Promise<void> {
    if (this.#ended) return Promise.resolve();
    const { isUrgent, revision } = this.#pending;
    if (!isUrgent && this.#underWaySinceMs === undefined) return Promise.resolve();
    if (isUrgent) this.#task.now();
    return new Promise((resolve) => this.#waiting.push({ revision: isUrgent ? revision + 1 : revision, resolve }));
  }

  /** Resolves when its last call has ended, or it has. */
  drain(): Promise<void> {
    if (this.#ended) return Promise.resolve();
    this.#parts.channel.send({ kind: "drain" });
    return new Promise((resolve) => this.#whenDrained.push(resolve));
  }

  stop(reason: string): void {
    if (this.#ended) return;
    const { channel, clock } = this.#parts;
    this.#task.cancel();
    channel.send({ kind: "stop", reason });
    this.#cancelKill = clock.after(STOP_MS, () => channel.kill());
  }

  #flush(): void {
    if (this.#ended || this.#underWaySinceMs !== undefined || this.#pending.isEmpty) return; // H1
    this.#underWaySinceMs = this.#parts.clock.monotonicMs();
    const update = this.#pending.take();
    this.#sharesUnderWay = update.shares ?? [];
    this.#parts.channel.send({ kind: "update", update });
  }

  #receive(message: FromRelay): void {
    const { logger } = this.#parts;
    switch (message.kind) {
      case "ready":
        this.#ready = true;
        this.#parts.ready();
        return;
      case "failed":
        this.#parts.failed(message.reason);
        return;
      case "applied":
        this.#applied(message.revision);
        return;
      case "tally":
        this.#tally = message.tally;
        for (const member of message.tally.members) this.#members.set(member.memberId, member);
        for (const address of message.tally.ended) this.#release(address);
        this.#parts.tallied(message.tally.members);
        return;
      case "measures":
        this.#parts.source.measured(message.measures);
        return;
      case "calls-ended":
        this.#parts.source.callsEnded(message.batch);
        return;
      case "drained":
        for (const resolve of this.#whenDrained.splice(0)) resolve();
        return;
      case "log":
        logger[message.level](message.message, message.fields);
        return;
    }
  }

  #applied(revision: number): void {
    this.#underWaySinceMs = undefined;
    const reached = this.#waiting.filter((each) => each.revision <= revision);
    this.#waiting = this.#waiting.filter((each) => each.revision > revision);
    for (const { resolve } of reached) resolve();
    this.#takeShares();
    if (this.#pending.isUrgent) this.#task.now();
    else if (!this.#pending.isEmpty) this.#task.soon();
  }

  #release(address: string): void {
    const count = this.#connections.get(address);
    if (count === undefined) return;
    if (count > 1) this.#connections.set(address, count - 1);
    else this.#connections.delete(address);
    this.#connectionCount -= 1;
    this.#parts.released(address);
  }

  #takeShares(): void {
    const taken = this.#sharesUnderWay;
    this.#sharesUnderWay = [];
    for (const [memberId, slots] of taken) {
      const known = this.#shares.get(memberId);
      if (known) known.ceiling = Math.max(slots, known.share);
    }
    if (taken.length > 0) this.#parts.sharesTaken(taken.map(([memberId]) => memberId));
  }

  #end(reason: string): void {
    this.#ended = true;
    this.#task.cancel();
    this.#cancelKill();
    for (const { resolve } of this.#waiting.splice(0)) resolve();
    for (const resolve of this.#whenDrained.splice(0)) resolve();
    const { connections } = this;
    for (const [address, count] of [...this.#connections]) {
      for (let each = 0; each < count; each += 1) this.#release(address);
    }
    this.#parts.ended(reason, connections);
  }
}
