import { Backoff } from "../../core/backoff";
import type { IncomingCall } from "../../core/call";
import type { CancelTimer, Clock } from "../../core/clock";
import { FabricError } from "../../core/errors";
import type { Logger } from "../../core/logger";
import type { Random } from "../../core/random";
import { refuseCall } from "../../core/refuse-call";
import type { ServedService } from "../service-host";
import type { ThreadServices } from "./port-messages";
import { ThreadHandle, type ThreadChannel } from "./thread-handle";
import { WaitingCall } from "./waiting-call";

export interface ThreadPoolParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** How many threads there are; at least 1. */
  readonly size: number;
  /** Starts a thread, which loads the handlers. */
  open(number: number): ThreadChannel;
  /** As `setImmediate`. */
  whenTurnEnds(callback: () => void): void;
}

/** What the threads serve, to be called on this one. */
export interface PooledServices {
  readonly services: readonly ServedService[];
  /** FileDescriptorSet of the services, where the handlers come with one. */
  readonly descriptors: Uint8Array | undefined;
}

/** A thread is replaced after this, at first; then twice as long each time, up to the longest. */
const RESTART_MS = { initialMs: 100, maxMs: 10_000 };
/** A thread that held for as long starts the backoff anew. */
const STEADY_MS = 10_000;
/** Whoever waits for the handlers to load is told after this. */
const SLOW_START_MS = 10_000;

/**
 * Once all threads have computed for so long without a pause, the worker says that it does not serve, until one of them pauses: it may be that
 * none ever will. Longer than handlers that compute should keep a thread, and callers wait.
 */
const STUCK_MS = 30_000;
/** Between looks at that, while calls wait. */
const STUCK_LOOK_MS = 1_000;

/** Calls that wait because all threads compute; more are refused. */
const WAITING_MAX = 10_000;

/** One place among the threads, filled again when the thread in it ends. */
interface Seat {
  readonly number: number;
  readonly backoff: Backoff;
  handle: ThreadHandle | undefined;
  startedAtMs: number;
  cancelTimer: CancelTimer;
}

/**
 * Threads that run a worker's handlers.
 * - P1 a call goes to the thread with the fewest calls of those that would begin it soon; while there is none it waits here, and the
 *   longest waiting goes first. Once it is with a thread it stays there.
 * - P2 a thread that ends takes its own calls with it and no others; another is started in its place.
 * - P3 while no thread is up, or all seem stuck, calls are refused, as not run; those that wait too.
 */
export class ThreadPool {
  readonly #parts: ThreadPoolParts;
  readonly #seats: readonly Seat[];
  #tellRefusal: (refusal: FabricError | undefined) => void = () => {};
  #starting: { resolve(served: ThreadServices): void; reject(error: FabricError): void } | undefined;
  #whenStopped: (() => void) | undefined;
  #isStopping = false;
  #refusal: FabricError | undefined;
  /** In the order in which they came. */
  readonly #waiting = new Set<WaitingCall>();
  #next = 0;
  #isStuck = false;
  #cancelLook: CancelTimer | undefined;

  constructor(parts: ThreadPoolParts) {
    this.#parts = parts;
    this.#seats = Array.from({ length: parts.size }, (_, index) => ({
      number: index + 1,
      backoff: new Backoff(RESTART_MS, parts.random),
      handle: undefined,
      startedAtMs: 0,
      cancelTimer: () => {},
    }));
  }

  /** Told when no thread is up any more, and, with `undefined`, when one is again. */
  onRefusal(listener: (refusal: FabricError | undefined) => void): void {
    this.#tellRefusal = listener;
  }

  /**
   * Resolves, when every thread has loaded the handlers, to what they serve.
   * @throws FabricError INVALID_ARGUMENT when one cannot
   */
  async start(): Promise<PooledServices> {
    const { clock, logger, size } = this.#parts;
    const cancelWarning = clock.after(SLOW_START_MS, () =>
      logger.warn(`⏳ the handlers take over ${SLOW_START_MS / 1_000} s to load in their threads`),
    );
    try {
      const { services, descriptors } = await new Promise<ThreadServices>((resolve, reject) => {
        this.#starting = { resolve, reject };
        for (const seat of this.#seats) this.#fill(seat);
      });
      logger.info(`🧵 ${size} threads run the handlers`);
      return {
        services: services.map(({ fullName, paths }) => ({
          fullName,
          methods: new Map(paths.map((path) => [path, (call: IncomingCall) => this.run(call)])),
        })),
        descriptors,
      };
    } catch (error) {
      await this.stop();
      throw error;
    } finally {
      cancelWarning();
    }
  }

  run(call: IncomingCall): void {
    const handle = this.#waiting.size === 0 ? this.#pick() : undefined;
    if (handle) handle.run(call);
    else if (this.#isStuck || !this.#hasThread())
      refuseCall(call, this.#refusal ?? new FabricError("NO_THREAD", "the threads have ended"));
    else if (this.#waiting.size < WAITING_MAX) this.#wait(call);
    else
      refuseCall(call, new FabricError("WORKER_FULL", `all threads compute, and ${WAITING_MAX} calls wait for them`));
  }

  /** Ends the threads, and the calls that they have. Resolves when all have ended. Twice is once. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#cancelLook?.();
    for (const seat of this.#seats) {
      seat.cancelTimer();
      seat.handle?.stop();
    }
    if (this.#handles().length === 0) return;
    await new Promise<void>((resolve) => {
      const before = this.#whenStopped;
      this.#whenStopped = () => {
        before?.();
        resolve();
      };
    });
  }

  #handles(): ThreadHandle[] {
    return this.#seats.flatMap(({ handle }) => (handle ? [handle] : []));
  }

  #hasThread(): boolean {
    return this.#seats.some(({ handle }) => handle?.isReady);
  }

  /** Threads with equally many calls take turns. */
  #pick(): ThreadHandle | undefined {
    const nowMs = this.#parts.clock.monotonicMs();
    const count = this.#seats.length;
    let best: ThreadHandle | undefined;
    for (let offset = 0; offset < count; offset += 1) {
      const { handle } = this.#seats[(this.#next + offset) % count]!;
      if (handle?.accepts(nowMs) && (!best || handle.inFlight < best.inFlight)) best = handle;
    }
    this.#next = (this.#next + 1) % count;
    return best; // P1
  }

  #runWaiting(): void {
    for (const call of this.#waiting) {
      const handle = this.#pick();
      if (!handle) return;
      this.#waiting.delete(call);
      handle.run(call);
    }
  }

  #took(): void {
    if (this.#isStuck) {
      this.#isStuck = false;
      this.#parts.logger.info("🧵 a thread begins calls again");
      this.#refuse(undefined);
    }
    this.#runWaiting();
  }

  #wait(call: IncomingCall): void {
    this.#waiting.add(new WaitingCall(call, this.#gone));
    if (this.#cancelLook === undefined) this.#lookLater();
  }

  #lookLater(): void {
    this.#cancelLook = this.#parts.clock.after(STUCK_LOOK_MS, () => {
      this.#cancelLook = undefined;
      if (this.#isStopping || this.#waiting.size === 0) return;
      if (!this.#refusal) this.#lookForStuck();
      this.#lookLater();
    });
  }

  #lookForStuck(): void {
    const nowMs = this.#parts.clock.monotonicMs();
    const ready = this.#handles().filter(({ isReady }) => isReady);
    if (ready.length === 0 || ready.some((handle) => handle.busyForMs(nowMs) < STUCK_MS)) return;
    const what = `all ${ready.length} threads of the worker have computed for ${STUCK_MS} ms without a pause`;
    this.#parts.logger.error(`🧵 ${what}: no call can begin`);
    this.#isStuck = true;
    this.#refuse(new FabricError("NO_THREAD", what));
  }

  readonly #gone = (call: WaitingCall): void => {
    this.#waiting.delete(call);
  };

  #fill(seat: Seat): void {
    const { clock, logger, open, whenTurnEnds } = this.#parts;
    const { number } = seat;
    seat.startedAtMs = clock.monotonicMs();
    seat.handle = new ThreadHandle({
      clock,
      number,
      whenTurnEnds,
      logger: logger.child({ thread: number }),
      channel: open(number),
      ready: (served) => this.#ready(number, served),
      failed: (reason) => this.#failed(number, reason),
      ended: (reason, calls) => this.#ended(seat, reason, calls),
      took: () => this.#took(),
    });
  }

  #ready(number: number, served: ThreadServices): void {
    if (this.#starting) {
      if (!this.#handles().every(({ isReady }) => isReady)) return;
      this.#starting.resolve(served);
      this.#starting = undefined;
    } else if (!this.#isStopping) {
      this.#parts.logger.info(`🧵 thread ${number} is up again`);
      this.#isStuck = false;
      if (this.#refusal) this.#refuse(undefined);
      this.#runWaiting();
    }
  }

  #failed(number: number, reason: string): void {
    if (this.#starting) this.#starting.reject(new FabricError("INVALID_ARGUMENT", reason));
    else this.#parts.logger.error(`❌ thread ${number} cannot load the handlers`, { reason });
  }

  #ended(seat: Seat, reason: string, calls: number): void {
    const { clock, logger } = this.#parts;
    seat.handle = undefined;
    if (this.#isStopping) {
      if (this.#handles().length === 0) this.#whenStopped?.();
      return;
    }
    if (this.#starting) {
      const what = `thread ${seat.number} ended before it had loaded the handlers: ${reason}`;
      this.#starting.reject(new FabricError("INVALID_ARGUMENT", what));
      return;
    }
    if (clock.monotonicMs() - seat.startedAtMs >= STEADY_MS) seat.backoff.reset();
    const restartMs = seat.backoff.nextMs();
    logger.error(`💥 thread ${seat.number} ended: ${reason}`, { lostCalls: calls, restartMs: Math.round(restartMs) });
    seat.cancelTimer = clock.after(restartMs, () => this.#fill(seat));
    if (!this.#hasThread()) {
      this.#refuse(new FabricError("NO_THREAD", `no thread of the worker is up: ${reason}`));
    }
  }

  #refuse(refusal: FabricError | undefined): void {
    this.#refusal = refusal;
    this.#tellRefusal(refusal);
    if (!refusal) return;
    for (const call of this.#waiting) refuseCall(call, refusal);
    this.#waiting.clear();
  }
}
