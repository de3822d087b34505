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
 * Keeps a worker attached to one of its directors, for as long as it runs:
 * - A1 one at a time: a new stream is opened only after the old one ended.
 * - A2 the next director: what fails at one address is tried at the next; only a whole round of failures makes it wait.
 * - A3 no storm: the pause grows with jitter, and only a link that held resets it.
 * - A4 no give-up: every refusal but a malformed Hello may end by itself, so the loop goes on.
 */
export class AttachLoop {
  readonly #parts: AttachLoopParts;
  readonly #backoff: Backoff;
  readonly #stop = new AbortController();
  #known: readonly string[];
  #session: AttachSession | undefined;
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
    for (let attempt = 0; !this.#stop.signal.aborted; attempt += 1) {
      const address = this.#known[attempt % this.#known.length];
      if (address === undefined) throw new FabricError("INVALID_ARGUMENT", "DIRECTOR_ADDR names no director");
      const outcome = await this.#attach(address);
      const wait = this.#learnFrom(outcome, address);
      if (wait === "now" || (attempt + 1) % this.#known.length !== 0) continue; // A2
      await this.#parts.clock.sleep(this.#backoff.nextMs(), this.#stop.signal).catch(() => {});
    }
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
    const { clock, host, open, session } = this.#parts;
    const link = open(address);
    this.#session = new AttachSession(link.stream, host, clock, session);
    try {
      return await this.#session.run(); // A1
    } finally {
      this.#session = undefined;
      this.#cancelFarewell();
      link.close();
    }
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
