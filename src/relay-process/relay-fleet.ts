import type { Socket } from "node:net";
import type { DispatcherCounts } from "../balancing/dispatcher";
import { Backoff } from "../core/backoff";
import type { CancelTimer, Clock } from "../core/clock";
import { FabricError } from "../core/errors";
import type { Logger } from "../core/logger";
import type { Random } from "../core/random";
import type { MemberCalls, Relays, RelaySource } from "../director/relays";
import { CallTotals } from "./call-totals";
import type { MemberTally } from "./messages";
import { SlotLedger } from "./slot-ledger";
import { RelayHandle, type RelayChannel } from "./relay-handle";

export interface RelayFleetParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** How many processes there are. */
  readonly size: number;
  /** Starts a process. */
  open(number: number): RelayChannel;
  /** A connection that was accepted has ended, or was not taken. By its remote address; "" for none. */
  released(address: string): void;
  /** What the process is told first; its program knows what that is. */
  settings(): unknown;
}

/** A process is started anew after this, at first; then twice as long each time, up to the longest. */
const RESTART_MS = { initialMs: 100, maxMs: 10_000 };
/** A process that held for as long starts the backoff anew. */
const STEADY_MS = 10_000;
/** A process that is not ready by then is given up. */
const START_MS = 30_000;
/** Connections that wait for a process while none is ready; more are closed. */
const WAITING_MAX = 1_000;
/** Whoever waits for all processes to act by a change waits no longer for one that stands still. */
const CAUGHT_UP_MS = 1_000;

/** One place among the processes, filled again when the process in it ends. */
interface Seat {
  readonly number: number;
  readonly backoff: Backoff;
  handle: RelayHandle | undefined;
  startedAtMs: number;
  cancelTimer: CancelTimer;
}

/**
 * A director's relay processes.
 * - R1 a connection goes to the process that has the fewest, and stays there.
 * - R2 a process that ends takes its own connections with it and nothing else; another is started in its place.
 * - R3 each is told how many calls the others have on every worker.
 */
export class RelayFleet implements Relays {
  readonly #parts: RelayFleetParts;
  readonly #seats: readonly Seat[];
  readonly #totals = new CallTotals();
  readonly #ledger: SlotLedger;
  readonly #waiting: Socket[] = [];
  #source: RelaySource | undefined;
  #started: { resolve(): void; reject(error: FabricError): void } | undefined;
  #isWatched = false;
  #draining = false;
  #closed = false;

  constructor(parts: RelayFleetParts) {
    this.#parts = parts;
    this.#ledger = new SlotLedger(parts.clock, () => this.#handles());
    this.#seats = Array.from({ length: parts.size }, (_, index) => ({
      number: index + 1,
      backoff: new Backoff(RESTART_MS, parts.random),
      handle: undefined,
      startedAtMs: 0,
      cancelTimer: () => {},
    }));
  }

  /** Resolves when all are ready. @throws FabricError INVALID_ARGUMENT when one cannot start */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#started = { resolve, reject };
      for (const seat of this.#seats) this.#fill(seat);
    });
  }

  /** Hands a connection of a client over. */
  accept(socket: Socket): void {
    const ready = this.#seats.flatMap(({ handle }) => (handle?.isReady ? [handle] : []));
    const awake = ready.filter((handle) => !handle.isStuck);
    const [first, ...others] = awake.length > 0 ? awake : ready;
    if (this.#draining || this.#closed || (!first && this.#waiting.length >= WAITING_MAX)) this.#refuse(socket);
    else if (!first) this.#waiting.push(socket);
    else others.reduce((best, each) => (each.connections < best.connections ? each : best), first).accept(socket); // R1
  }

  /** Resolves when the last call has ended in every process. */
  async drain(): Promise<void> {
    this.#draining = true;
    this.#refuseWaiting();
    await Promise.all(this.#handles().map((handle) => handle.drain()));
  }

  close(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#refuseWaiting();
    for (const seat of this.#seats) {
      seat.cancelTimer();
      seat.handle?.stop(reason);
    }
  }

  // ---- Relays ----------------------------------------------------------------------------------------------------------

  follow(source: RelaySource): void {
    this.#source = source;
    for (const memberId of source.memberIds()) this.slotsChanged(memberId);
  }

  memberChanged(memberId: string): void {
    for (const handle of this.#handles()) handle.memberChanged(memberId);
    this.slotsChanged(memberId);
    if (this.#source?.facts(memberId)) return;
    this.#totals.forget(memberId);
    for (const handle of this.#handles()) handle.forget(memberId);
  }

  loadChanged(memberId: string): void {
    for (const handle of this.#handles()) handle.loadChanged(memberId);
  }

  slotsChanged(memberId: string): void {
    this.#ledger.setSlots(memberId, this.#source?.slots(memberId));
  }

  settingsChanged(): void {
    for (const handle of this.#handles()) handle.settingsChanged();
  }

  async caughtUp(): Promise<void> {
    const patience = new AbortController();
    const all = Promise.all(this.#handles().map((handle) => handle.caughtUp()));
    await Promise.race([all, this.#parts.clock.sleep(CAUGHT_UP_MS, patience.signal).catch(() => {})]);
    patience.abort();
  }

  calls(): DispatcherCounts {
    return this.#totals.calls(this.#handles());
  }

  waiting(): number {
    return this.#handles().reduce((sum, handle) => sum + handle.waiting, 0);
  }

  memberCalls(memberId: string): MemberCalls {
    return this.#totals.member(memberId, this.#handles());
  }

  inUse(memberId: string): number {
    return this.#ledger.inUse(memberId);
  }

  watchCalls(watched: boolean): void {
    this.#isWatched = watched;
    for (const handle of this.#handles()) handle.watchCalls(watched);
  }

  // ---- Own -------------------------------------------------------------------------------------------------------------

  #handles(): RelayHandle[] {
    return this.#seats.flatMap(({ handle }) => (handle && !handle.hasEnded ? [handle] : []));
  }

  #fill(seat: Seat): void {
    const { clock, logger, open, settings } = this.#parts;
    const { number } = seat;
    const channel = open(number);
    seat.startedAtMs = clock.monotonicMs();
    const handle: RelayHandle = new RelayHandle({
      clock,
      logger: logger.child({ relayProcess: number }),
      channel,
      source: this.#source!,
      settings: settings(),
      ready: () => this.#ready(seat),
      failed: (reason) => this.#failed(seat, reason),
      tallied: (members) => {
        this.#tallied(members);
        if (handle.waiting > 0) this.#ledger.divideFor(handle);
        this.#source?.queuedChanged();
      },
      sharesTaken: (memberIds) => memberIds.forEach((memberId) => this.#ledger.divide(memberId)),
      released: (address) => this.#parts.released(address),
      ended: (reason, connections) => this.#ended(seat, reason, connections),
    });
    seat.handle = handle;
    if (this.#isWatched) handle.watchCalls(true);
    seat.cancelTimer = clock.after(START_MS, () => {
      this.#failed(seat, `it was not ready within ${START_MS} ms`);
      channel.kill();
    });
    for (const { memberId, calls } of this.#totals.inFlight(this.#handles())) {
      handle.elsewhereChanged(memberId, calls);
    }
    this.#ledger.divideAll();
  }

  #ready(seat: Seat): void {
    seat.cancelTimer();
    this.#parts.logger.debug("a relay process is ready", { relayProcess: seat.number });
    for (const socket of this.#waiting.splice(0)) this.accept(socket);
    if (!this.#seats.every(({ handle }) => handle?.isReady)) return;
    this.#started?.resolve();
    this.#started = undefined;
  }

  #failed(seat: Seat, reason: string): void {
    const what = `relay process ${seat.number} of ${this.#parts.size} cannot start: ${reason}`;
    if (this.#started) this.#started.reject(new FabricError("INVALID_ARGUMENT", what));
    else this.#parts.logger.error(what);
  }

  #ended(seat: Seat, reason: string, connections: number): void {
    const { clock, logger } = this.#parts;
    const handle = seat.handle!;
    seat.cancelTimer();
    this.#totals.keep(handle);
    this.#tallied([...handle.members()]);
    this.#ledger.divideAll();
    if (this.#closed) return;
    if (this.#started) {
      this.#failed(seat, reason);
      return;
    }
    logger.warn("a relay process has ended, and its connections with it", {
      relayProcess: seat.number,
      reason,
      connections,
    });
    if (this.#draining) return;
    if (clock.monotonicMs() - seat.startedAtMs >= STEADY_MS) seat.backoff.reset();
    seat.cancelTimer = clock.after(seat.backoff.nextMs(), () => this.#fill(seat)); // R2
  }

  /** R3 */
  #tallied(members: readonly MemberTally[]): void {
    const handles = this.#handles();
    for (const { memberId } of members) {
      const total = handles.reduce((sum, handle) => sum + (handle.member(memberId)?.inFlight ?? 0), 0);
      for (const handle of handles) {
        handle.elsewhereChanged(memberId, total - (handle.member(memberId)?.inFlight ?? 0));
      }
      this.#source?.inFlight(memberId, total);
      this.#ledger.divide(memberId);
    }
  }

  #refuse(socket: Socket): void {
    const { remoteAddress = "" } = socket;
    socket.destroy();
    this.#parts.released(remoteAddress);
  }

  #refuseWaiting(): void {
    for (const socket of this.#waiting.splice(0)) this.#refuse(socket);
  }
}
