import type { FeedDelta, FeedSnapshot } from "../feed-messages";
import { readEvents, type StreamEvent } from "./event-stream";

/** How the connection to the feed is. Times are of `performance.now()`. */
export type FeedState =
  | { readonly kind: "connecting" }
  | { readonly kind: "live" }
  | { readonly kind: "broken"; readonly sinceMs: number; readonly retryAtMs: number; readonly reason: string }
  | { readonly kind: "paused" };

export interface FeedListener {
  snapshot(snapshot: FeedSnapshot): void;
  delta(delta: FeedDelta): void;
  state(state: FeedState): void;
}

const PAUSE_FIRST_MS = 500;
const PAUSE_MAX_MS = 10_000;
/** A feed speaks once a second; one that says nothing for so long is broken, whatever the connection says. */
const SILENCE_MAX_MS = 15_000;
/** A page that nobody sees lets go of its connection, of which a browser has six for one host. */
const HIDDEN_MS = 30_000;

/**
 * The feed of one director: connects, connects again with growing pauses when it breaks, and goes on from the last message that came. Ends with
 * `close`.
 */
export class FeedConnection {
  readonly #directorId: string;
  readonly #listener: FeedListener;
  #attempt: AbortController | undefined;
  #lastId = "";
  #failures = 0;
  #brokenSinceMs = 0;
  #retryTimer = 0;
  #hiddenTimer = 0;
  #silenceTimer = 0;
  #isClosed = false;
  readonly #onVisibility = () => this.#visibilityChanged();

  constructor(directorId: string, listener: FeedListener) {
    this.#directorId = directorId;
    this.#listener = listener;
    document.addEventListener("visibilitychange", this.#onVisibility);
    this.#listener.state({ kind: "connecting" });
    this.#open();
  }

  /** Does not wait for the end of the pause. */
  retryNow(): void {
    if (this.#isClosed || this.#attempt) return;
    window.clearTimeout(this.#retryTimer);
    this.#open();
  }

  close(): void {
    this.#isClosed = true;
    document.removeEventListener("visibilitychange", this.#onVisibility);
    window.clearTimeout(this.#hiddenTimer);
    this.#drop();
  }

  #open(): void {
    const attempt = new AbortController();
    this.#attempt = attempt;
    this.#heard();
    const query = this.#directorId === "" ? "" : `?${new URLSearchParams({ director: this.#directorId }).toString()}`;
    const headers: Record<string, string> = this.#lastId === "" ? {} : { "last-event-id": this.#lastId };
    readEvents(`dashboard/feed${query}`, attempt.signal, (event) => this.#take(event), headers).then(
      () => this.#broke(attempt, "the director ended the connection"),
      (error: unknown) =>
        this.#broke(
          attempt,
          error instanceof TypeError
            ? "the director cannot be reached"
            : String(error instanceof Error ? error.message : error),
        ),
    );
  }

  #take({ id, event, data }: StreamEvent): void {
    this.#lastId = id;
    this.#failures = 0;
    this.#heard();
    if (event === "snapshot") this.#listener.snapshot(JSON.parse(data) as FeedSnapshot);
    else if (event === "delta") this.#listener.delta(JSON.parse(data) as FeedDelta);
    this.#listener.state({ kind: "live" });
  }

  #heard(): void {
    window.clearTimeout(this.#silenceTimer);
    const attempt = this.#attempt;
    this.#silenceTimer = window.setTimeout(() => this.#broke(attempt, "the feed fell silent"), SILENCE_MAX_MS);
  }

  #broke(attempt: AbortController | undefined, reason: string): void {
    if (this.#isClosed || attempt === undefined || this.#attempt !== attempt) return;
    if (this.#failures === 0) this.#brokenSinceMs = performance.now();
    this.#drop();
    this.#failures += 1;
    // Half of it at random, so that the pages of a director that restarts do not all come at once.
    const pauseMs = Math.min(PAUSE_MAX_MS, PAUSE_FIRST_MS * 2 ** (this.#failures - 1)) * (0.5 + Math.random() / 2);
    this.#retryTimer = window.setTimeout(() => this.#open(), pauseMs);
    const retryAtMs = performance.now() + pauseMs;
    this.#listener.state({ kind: "broken", sinceMs: this.#brokenSinceMs, retryAtMs, reason });
  }

  #drop(): void {
    window.clearTimeout(this.#retryTimer);
    window.clearTimeout(this.#silenceTimer);
    const attempt = this.#attempt;
    this.#attempt = undefined;
    attempt?.abort();
  }

  #visibilityChanged(): void {
    window.clearTimeout(this.#hiddenTimer);
    if (document.hidden) {
      this.#hiddenTimer = window.setTimeout(() => {
        this.#drop();
        this.#listener.state({ kind: "paused" });
      }, HIDDEN_MS);
    } else {
      this.retryNow();
    }
  }
}
