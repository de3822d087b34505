import { Backoff } from "../core/backoff";
import type { DirectorMessage, WorkerMessage } from "../core/attach-messages";
import type { CancelTimer, Clock } from "../core/clock";
import { FabricError } from "../core/errors";
import type { Logger } from "../core/logger";
import type { MessageStream } from "../core/message-stream";
import type { Random } from "../core/random";
import { Status } from "../core/status";
import { AttachSession, type SessionHost, type SessionOptions, type SessionOutcome } from "./attach-session";

/** An Attach stream and the connection under it. */
export interface AttachLink {
  readonly stream: MessageStream<DirectorMessage, WorkerMessage>;
  close(): void;
}

export interface AttachLoopParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Addresses to try, in this order. */
  readonly directors: readonly string[];
  readonly reconnectMaxMs: number;
  /** Patience with a director while it is the only one that is known. */
  readonly session: SessionOptions;
  open(address: string): AttachLink;
  readonly host: SessionHost;
  /** The director judged this life of the worker dead, or knows a newer one: come back as a new one. */
  raiseIncarnation(): void;
  /** The director cannot use the contract: attach without, so that the worker is at least callable. */
  withholdDescriptors(): void;
}

/** A link that held for this long was a good one: the next attempt is not made to wait. */
const HELD_LONG_MS = 5_000;
/** First pause after a failed attempt; short, because the usual cause is a director that restarts. */
const RECONNECT_INITIAL_MS = 100;
/**
 * How long a director that may be frozen or cut off is given for its Welcome while there are others to try. A live one answers in
 * one round trip, or three with TLS. Doubled with every whole round that fails, so that slow directors are reached too.
 */
const WELCOME_WITH_OTHERS_MS = 400;
/**
 * Heartbeat intervals without an acknowledgement after which a director is left for another, and two seconds at least: longer than a
 * stall of its loop, such as a collection of its garbage.
 */
const UNACKNOWLEDGED_WITH_OTHERS = { intervals: 4, minMs: 2_000 } as const;

/**
 * Keeps a worker attached to one of its directors, for as long as it runs:
 * - A1 one at a time: a new stream is opened only after the old one ended.
 * - A2 the next director: what fails at one address is tried at the next; only a whole round of failures makes it wait.
 * - A3 no storm: the pause grows with jitter, and only a link that held resets it.
 * - A4 no give-up: every refusal but a malformed Hello may end by itself, so the loop goes on.
 * - A5 short patience while there is a choice: a director that does not answer is left for the next one within half a second, or
 *   within a few heartbeat intervals once attached.
 */
export class AttachLoop {
  readonly #parts: AttachLoopParts;
  readonly #backoff: Backoff;
  readonly #stop = new AbortController();
  #known: readonly string[];
  #session: AttachSession | undefined;
  /** Attempts since the last link that held, its end included. */
  #failures = 0;
  #lastRefusal = "";
  #wasAttached = false;
  #cancelFarewell: CancelTimer = () => {};

  constructor(parts: AttachLoopParts) {
    this.#parts = parts;
    this.#known = parts.directors;
    this.#backoff = new Backoff({ initialMs: RECONNECT_INITIAL_MS, maxMs: parts.reconnectMaxMs }, parts.random);
  }

  get session(): AttachSession | undefined {
    return this.#session;
  }

  /** Directors that the present one told of come after those that were configured. */
  learn(addresses: readonly string[]): void {
    const { directors } = this.#parts;
    this.#known = [...directors, ...addresses.filter((address) => !directors.includes(address))];
  }

  /** Ends when stopped. @throws FabricError INVALID_ARGUMENT when the worker describes itself in a way that no director takes */
  async run(): Promise<void> {
    let address = this.#known[0];
    while (!this.#stop.signal.aborted) {
      if (address === undefined) throw new FabricError("INVALID_ARGUMENT", "DIRECTOR_ADDR names no director");
      const outcome = await this.#attach(address);
      const isRoundOver = this.#countFailure(outcome);
      const wait = this.#learnFrom(outcome, address);
      address = this.#next(address);
      if (wait === "now" || !isRoundOver) continue; // A2
      await this.#parts.clock.sleep(this.#backoff.nextMs(), this.#stop.signal).catch(() => {});
    }
  }

  /** The one after it; those that are known may have changed since it was chosen. */
  #next(address: string): string | undefined {
    return this.#known[(this.#known.indexOf(address) + 1) % this.#known.length];
  }

  /** Whether, with this attempt, each director that is known had its turn. A link that held begins a new round. */
  #countFailure(outcome: SessionOutcome): boolean {
    const held = outcome.kind === "lost" && outcome.heldMs >= HELD_LONG_MS;
    this.#failures = held ? 1 : this.#failures + 1;
    return this.#failures % this.#known.length === 0;
  }

  /** Says goodbye; `run` ends soon after, when the director closed the stream or `graceMs` passed. */
  leave(reason: string, graceMs: number): void {
    this.#stop.abort();
    const session = this.#session;
    if (!session) return;
    session.leave(reason);
    this.#cancelFarewell = this.#parts.clock.after(graceMs, () => session.abandon(reason));
  }

  async #attach(address: string): Promise<SessionOutcome> {
    const { clock, host, open } = this.#parts;
    const link = open(address);
    this.#session = new AttachSession(link.stream, host, clock, () => this.#patience());
    try {
      return await this.#session.run(); // A1
    } finally {
      this.#session = undefined;
      this.#cancelFarewell();
      link.close();
    }
  }

  /** A5. Asked when it is needed: who else is known may change while a session lasts. */
  #patience(): SessionOptions {
    const { session } = this.#parts;
    if (this.#known.length < 2) return session;
    const rounds = Math.floor(this.#failures / this.#known.length);
    return {
      welcomeTimeoutMs: Math.min(session.welcomeTimeoutMs, WELCOME_WITH_OTHERS_MS * 2 ** Math.min(rounds, 10)),
      unacknowledgedMax: Math.min(session.unacknowledgedMax, UNACKNOWLEDGED_WITH_OTHERS.intervals),
      unacknowledgedMinMs: UNACKNOWLEDGED_WITH_OTHERS.minMs,
    };
  }

  #learnFrom(outcome: SessionOutcome, address: string): "now" | "later" {
    const { logger, raiseIncarnation, withholdDescriptors } = this.#parts;
    switch (outcome.kind) {
      case "left":
        return "now";
      case "lost":
        logger.warn(`🔄 lost the director at ${address}, attaching again`, { reason: outcome.error.message });
        this.#wasAttached = true;
        if (outcome.error.code === "MEMBER_REMOVED") raiseIncarnation();
        if (outcome.error.code === "DESCRIPTOR_CONFLICT") {
          logger.error(
            `❌ the director cannot describe this worker; it attaches without its contract: ${outcome.error.message}`,
          );
          withholdDescriptors();
        }
        if (outcome.heldMs < HELD_LONG_MS) return "later"; // A3
        this.#backoff.reset();
        return "now";
      case "refused":
        return this.#refused(outcome.error, address);
    }
  }

  #refused(error: FabricError, address: string): "now" | "later" {
    const { logger, raiseIncarnation } = this.#parts;
    if (error.code === "STALE_INCARNATION") {
      raiseIncarnation();
      return "later";
    }
    // Waiting for a director that is not there yet is ordinary; say each new reason once.
    const refusal = `${address} ${error.message}`;
    if (refusal !== this.#lastRefusal) {
      this.#lastRefusal = refusal;
      if (error.status === Status.UNAVAILABLE)
        logger.info(`⏳ waiting for the director at ${address}`, { reason: error.message });
      else logger.error(`❌ the director at ${address} refused this worker: ${error.message}`);
    }
    // A worker that served already goes on serving whoever reaches it: it is the director that changed.
    if (error.code === "INVALID_ARGUMENT" && !this.#wasAttached) throw error;
    return "later"; // A4
  }
}
