import { Backoff } from "../core/backoff";
import type { Clock } from "../core/clock";
import { messageOf } from "../core/errors";
import type { Logger } from "../core/logger";
import type { Random } from "../core/random";
import type { Session, Store } from "../store/store";
import { encodeRecord, KEYS, type DirectorRecord } from "./records";

export interface DirectorSessionParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly ttlMs: number;
  record(): DirectorRecord;
  /** A new lease: what hung on the old one must be written again. */
  renewed(): void;
}

/** So that the record is whole again within seconds of the store's return, however long it was away. */
const RETRY_MAX_MS = 1_000;

/**
 * The director's lease in the store, opened anew whenever it is lost. On it hang the director's own record and those of the workers attached
 * to it, so that the cost of leases grows with the directors and not with the workers.
 */
export class DirectorSession {
  readonly #parts: DirectorSessionParts;
  #session: Session | undefined;

  constructor(parts: DirectorSessionParts) {
    this.#parts = parts;
  }

  /** The lease while it lives. */
  get current(): Session | undefined {
    return this.#session?.isAlive() ? this.#session : undefined;
  }

  /** Gives the lease up for a new one: the store may not know it any more. */
  renew(): void {
    void this.#session?.close();
  }

  /** Keeps a lease until `signal` aborts. The store may be away for any time. */
  async run(signal: AbortSignal): Promise<void> {
    const { store, clock, random, logger, ttlMs } = this.#parts;
    const backoff = new Backoff({ initialMs: 100, maxMs: RETRY_MAX_MS }, random);
    while (!signal.aborted) {
      try {
        const session = await store.openSession({ ttlMs });
        const record = this.#parts.record();
        try {
          await store.put(KEYS.director(record.directorId), encodeRecord(record), session);
        } catch (error) {
          void session.close(); // or it would be renewed for ever, with nothing on it
          throw error;
        }
        this.#session = session;
        backoff.reset();
        this.#parts.renewed();
        await ended(session.lost, signal);
        if (!signal.aborted) logger.warn("the lease in the store was lost; members are written again under a new one");
      } catch (error) {
        if (signal.aborted) return;
        logger.warn("the store gives no lease, trying again", { reason: messageOf(error) });
        await clock.sleep(backoff.nextMs(), signal).catch(() => {});
      }
    }
  }

  /**
   * The director goes for good. Its record goes at once; those of its workers stay for the rest of the lease, because the
   * workers live on and attach to another director meanwhile.
   */
  async leave(): Promise<void> {
    const { store, logger } = this.#parts;
    try {
      await store.delete(KEYS.director(this.#parts.record().directorId));
    } catch (error) {
      logger.debug("the director's record was not deleted; it goes with its lease", { reason: messageOf(error) });
    }
  }
}

function ended(...signals: AbortSignal[]): Promise<void> {
  const any = AbortSignal.any(signals);
  if (any.aborted) return Promise.resolve();
  return new Promise((resolve) => any.addEventListener("abort", () => resolve(), { once: true }));
}
