import { Backoff } from "../../core/backoff";
import type { Clock } from "../../core/clock";
import { messageOf } from "../../core/errors";
import type { Logger } from "../../core/logger";
import type { Random } from "../../core/random";
import { ChangeFeed } from "../change-feed";
import type { StoreChange } from "../store";
import type { RangeAnswer, WatchListener } from "./etcd-endpoint";
import { PrefixCache } from "./prefix-cache";

/** What a watch needs of etcd, for its prefix. */
export interface WatchCalls {
  list(): Promise<RangeAnswer>;
  /** Opens a stream; the function returned ends it. `failed` must be told of a stream that broke. */
  open(startRevision: number, listener: WatchListener): { readonly end: () => void; readonly failed: () => void };
}

export interface PrefixWatchOptions {
  readonly calls: WatchCalls;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly backlogMax: number;
  /** How long a new stream may take to be accepted. */
  readonly timeoutMs: number;
  /** Time between full lists while the stream is quiet or not, jittered by a quarter either way. */
  readonly relistIntervalMs: number;
}

/** A stream that held this long was no accident: the next break starts the backoff anew. */
const STEADY_MS = 10_000;

/**
 * List, then watch from the next revision; after any break, list again. What was missed is found by comparing the list with
 * what was seen, not by asking etcd to resume: it may have compacted, been restored, or be another cluster.
 * - W1: the stream starts at the revision after the list, so nothing is between them (S2).
 * - W2: changes not above the revision seen are dropped (S1).
 * - W3: a list that differs from what was seen becomes a snapshot; one that agrees is silent.
 * - W4: every relist interval a list confirms the stream; a stream that lost something silently is replaced.
 */
export class PrefixWatch {
  readonly feed: ChangeFeed;
  readonly #options: PrefixWatchOptions;
  readonly #cache = new PrefixCache();
  #listed = false;

  constructor(options: PrefixWatchOptions) {
    this.#options = options;
    this.feed = new ChangeFeed({ backlogMax: options.backlogMax, state: () => this.#cache.state() });
  }

  /** Runs until `signal` aborts. Does not reject. */
  async run(signal: AbortSignal): Promise<void> {
    const { calls, clock, random, logger } = this.#options;
    const backoff = new Backoff({ initialMs: 100, maxMs: 1_000 }, random);
    while (!signal.aborted) {
      let steadySinceMs = Infinity;
      try {
        this.#install(await calls.list());
        steadySinceMs = clock.monotonicMs() + STEADY_MS;
        logger.debug("watch broken; listing again", { reason: await this.#follow(signal) });
      } catch (error) {
        logger.warn("watch cannot list", { error: messageOf(error) });
      }
      if (clock.monotonicMs() >= steadySinceMs) backoff.reset();
      await clock.sleep(backoff.nextMs(), signal).catch(() => {});
    }
  }

  #install(listed: RangeAnswer): void {
    const silent = this.#listed && this.#cache.agreesWith(listed);
    this.#listed = true;
    this.#cache.replace(listed);
    if (!silent) this.feed.reset(); // W3
  }

  /** Hands on what the stream brings; resolves to the reason why it ended. */
  async #follow(signal: AbortSignal): Promise<string> {
    const { calls, clock, timeoutMs } = this.#options;
    const over = new AbortController();
    let resolve: (reason: string) => void = () => {};
    const ended = new Promise<string>((done) => (resolve = done));
    const cancelTimeout = clock.after(timeoutMs, () => resolve(`etcd did not accept the watch within ${timeoutMs} ms`));
    const stream = calls.open(this.#cache.revision + 1, {
      created: cancelTimeout,
      changes: (changes) => this.#take(changes),
      ended: resolve,
    });
    const onAbort = () => resolve("the watch was stopped");
    signal.addEventListener("abort", onAbort, { once: true });
    void this.#confirm(over.signal).then((reason) => reason !== undefined && resolve(reason));
    const reason = await ended;
    over.abort();
    cancelTimeout();
    signal.removeEventListener("abort", onAbort);
    stream.end();
    if (!signal.aborted) stream.failed();
    return reason;
  }

  #take(changes: readonly StoreChange[]): void {
    const fresh = this.#cache.apply(changes); // W2
    this.feed.offer(this.#cache.revision, fresh);
  }

  /** Lists now and then (W4). Resolves to why the stream cannot be trusted; undefined when `over` aborts first. */
  async #confirm(over: AbortSignal): Promise<string | undefined> {
    const { calls, clock, random, relistIntervalMs } = this.#options;
    for (;;) {
      try {
        await clock.sleep(relistIntervalMs * (0.75 + random.unit() / 2), over);
        const listed = await calls.list();
        if (over.aborted) return undefined;
        // A change that is under way also shows as a difference; the snapshot it costs is harmless.
        if (!this.#cache.agreesWith(listed)) return "a list differs from what the stream brought";
      } catch (error) {
        return over.aborted ? undefined : `the store cannot confirm the watch: ${messageOf(error)}`;
      }
    }
  }
}
