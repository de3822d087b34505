import type { Duplex } from "node:stream";
import type { Clock } from "../core/clock";
import { messageOf } from "../core/errors";
import type { Random } from "../core/random";
import { Http2Connection } from "../http2/connection";
import { ErrorCode } from "../http2/error-codes";
import type { ConnectionEnd } from "../http2/handlers";
import type { HeaderList } from "../http2/header-list";
import type { Http2Options } from "../http2/options";
import type { Http2Stream } from "../http2/stream";
import { ResetBudget } from "./reset-budget";
import type { CallHost, WorkerCall } from "./worker-call";

/** What happens to a link. */
export interface LinkOwner {
  /** The peer's SETTINGS are here, or it may take more streams. */
  linkReady(link: WorkerLink): void;
  /** It should be replaced, and then retired; until then it takes calls. */
  linkWorn(link: WorkerLink): void;
  /** It takes no new calls; those that run go on. */
  linkRetired(link: WorkerLink, reason: string): void;
  linkClosed(link: WorkerLink, reason: string): void;
}

export interface LinkParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly engine: Omit<Http2Options, "clock" | "random">;
  /** Begins to connect; what is written meanwhile waits. */
  dial(): Duplex;
}

const CLOSED_BY_PEER = "the server closed the connection";

/** Dismissed streams that are reset after a while if they have not ended, one at a time. */
const DISMISSED_EVERY_MS = 250;

/**
 * One HTTP/2 connection to a worker.
 * - L1 resets stay within the ResetBudget. A stream that nobody wants any more ends by itself, or is reset when its turn comes; until
 *   then it gets no credit, so that it costs one window.
 * - L2 a link without budget is worn: it is replaced, and when the last call that somebody waits for is over, the connection is
 *   closed, and the dismissed streams with it.
 */
export class WorkerLink implements CallHost {
  readonly #connection: Http2Connection;
  readonly #parts: LinkParts;
  readonly #owner: LinkOwner;
  readonly #budget: ResetBudget;
  readonly #dismissed = new Set<Http2Stream>();
  readonly #openedMs: number;
  #cancelSweep: (() => void) | undefined;
  #ready = false;
  #worn = false;
  #retired = false;
  /** Why it was closed here. */
  #closedFor = CLOSED_BY_PEER;

  constructor(parts: LinkParts, owner: LinkOwner) {
    this.#parts = parts;
    this.#owner = owner;
    this.#budget = new ResetBudget(parts.clock);
    this.#openedMs = parts.clock.monotonicMs();
    const { clock, random, engine } = parts;
    this.#connection = new Http2Connection(
      "client",
      parts.dial(),
      {
        onReady: () => {
          this.#ready = true;
          this.#owner.linkReady(this);
        },
        onCapacity: () => this.#owner.linkReady(this),
        onGoaway: (_last, code, text) => this.retire(goawayReason(code, text)),
        onClose: (end) => this.#closed(end),
      },
      { ...engine, clock, random },
    );
  }

  get endReason(): string {
    const { end } = this.#connection;
    return end === undefined ? CLOSED_BY_PEER : this.#reasonOf(end);
  }

  /** Connected, and takes new calls. */
  get isUsable(): boolean {
    return this.#ready && !this.#retired && !this.#connection.isDraining;
  }

  get isWorn(): boolean {
    return this.#worn;
  }

  get canStart(): boolean {
    return this.isUsable && this.#connection.canStart;
  }

  get ageMs(): number {
    return this.#parts.clock.monotonicMs() - this.#openedMs;
  }

  /** False when the peer takes no more streams now; `linkReady` tells when it does. */
  start(call: WorkerCall, head: HeaderList): boolean {
    const stream = this.#connection.startStream(head, call);
    if (stream === undefined) return false;
    call.begun(stream, this);
    return true;
  }

  dismiss(stream: Http2Stream): void {
    // What the peer is about to answer it may as well: that saves a reset. Half an upload must not look like a whole one.
    const canWait = stream.state === "half-closed (local)";
    if (!(canWait && this.#budget.isLow) && this.#budget.take()) {
      stream.reset(ErrorCode.CANCEL);
      return;
    }
    this.#dismissed.add(stream);
    this.#sweepLater();
    if (canWait || this.#worn) return;
    this.#worn = true;
    this.#owner.linkWorn(this);
  }

  /** Takes no new calls, and ends when the last has ended. */
  retire(reason: string): void {
    if (this.#retired) return;
    this.#retired = true;
    this.#owner.linkRetired(this, reason);
    this.#sweepLater();
  }

  /** Ends it, with the calls that run on it. */
  close(reason: string): void {
    this.#closedFor = reason;
    this.#connection.destroy(ErrorCode.NO_ERROR, reason);
  }

  #closed(end: ConnectionEnd): void {
    const reason = this.#reasonOf(end);
    this.#ready = false;
    this.#cancelSweep?.();
    this.#dismissed.clear();
    this.#owner.linkClosed(this, reason);
  }

  #reasonOf({ kind, message, cause }: ConnectionEnd): string {
    switch (kind) {
      case "timeout":
        return `the server does not answer (${message})`;
      case "lost":
        if (cause === undefined) return CLOSED_BY_PEER;
        return `${this.#ready ? "the connection broke" : "the server cannot be reached"}: ${messageOf(cause)}`;
      case "closed":
        return this.#closedFor;
      default:
        return message;
    }
  }

  #sweepLater(): void {
    if (this.#connection.isClosed) return;
    this.#cancelSweep ??= this.#parts.clock.after(DISMISSED_EVERY_MS, () => {
      this.#cancelSweep = undefined;
      this.#sweep();
    });
  }

  /** Resets what is dismissed and did not end, as far as the budget goes. */
  #sweep(): void {
    for (const stream of this.#dismissed) {
      if (!stream.isClosed) {
        if (!this.#budget.take()) break;
        stream.reset(ErrorCode.CANCEL);
      }
      this.#dismissed.delete(stream);
    }
    for (const stream of this.#dismissed) if (stream.isClosed) this.#dismissed.delete(stream);
    if (this.#retired && this.#connection.openStreams <= this.#dismissed.size) {
      this.close("it was replaced");
      return;
    }
    if (this.#dismissed.size > 0 || this.#retired) this.#sweepLater();
  }
}

function goawayReason(code: number, text: string): string {
  const why = text === "" ? "" : `: ${text}`;
  return code === ErrorCode.NO_ERROR
    ? `the server is closing the connection${why}`
    : `the server gave up (${code})${why}`;
}
