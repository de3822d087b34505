import type { Duplex } from "node:stream";
import type { Clock } from "../../core/clock";
import { messageOf } from "../../core/errors";
import type { Random } from "../../core/random";
import { Http2Connection } from "../../http2/connection";
import { ErrorCode } from "../../http2/error-codes";
import type { ConnectionEnd, StreamHandler } from "../../http2/handlers";
import type { HeaderList } from "../../http2/header-list";
import type { Http2Options } from "../../http2/options";
import type { Http2Stream } from "../../http2/stream";
import { HEADER_LIST_MAX_BYTES } from "../bounds";
import { ResetBudget } from "./reset-budget";
import type { CallHost, ClientCall } from "./client-call";

/** What happens to a link. */
export interface LinkOwner {
  /** The peer's SETTINGS are here, or it may take more streams. */
  linkReady(link: ClientLink): void;
  /** It should be replaced; until then it takes calls. Told at each cancel that says so. */
  linkWorn(link: ClientLink): void;
  /** It takes no new calls; those that run go on. In order: the server had taken calls on it and went away without an error. */
  linkRetired(link: ClientLink, reason: string, inOrder: boolean): void;
  linkClosed(link: ClientLink, reason: string): void;
}

export interface LinkParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly engine: Omit<Http2Options, "clock" | "random">;
  /** Begins to connect; what is written meanwhile waits. */
  dial(): Duplex;
  /** The link before it fell silent: it takes calls once the peer has answered a PING, not with the SETTINGS that it sends unasked. */
  readonly mustAnswer: boolean;
  /** The peer did not answer in time. */
  fellSilent(): void;
  /** The peer gave the connection up for keepalive PINGs that came too often for it (gRFC A8). */
  tooManyPings(): void;
}

const CLOSED_BY_PEER = "the server closed the connection";

/** The word for it in a GOAWAY's debug data, of all gRPC implementations (gRFC A8, keepalive.md). */
const TOO_MANY_PINGS = "too_many_pings";

/** How often parked streams are looked at, to reset those that did not end. */
const SWEEP_EVERY_MS = 250;

/** Parked streams of a link: from half of them it is worn, with all of them it takes no calls. Each may cost the server a running call. */
const PARKED_MAX = 500;

/**
 * One HTTP/2 connection to a server.
 * - L1 resets stay within the ResetBudget. A stream that nobody wants any more and that may not be reset now is parked: it ends by
 *   itself, or is reset when its turn comes; until then it gets no credit, so that it costs one window.
 * - L2 a link that parks what had to be reset, or much, is worn: it should rest. A resting link takes no calls, and when the last that
 *   somebody waits for is over, the connection is closed, and the parked streams with it. One that is kept open by long calls
 *   recovers meanwhile.
 * - L3 PARKED_MAX bounds what cancelled calls hold, here and at the server.
 */
export class ClientLink implements CallHost {
  readonly #socket: Duplex;
  readonly #connection: Http2Connection;
  readonly #parts: LinkParts;
  readonly #owner: LinkOwner;
  readonly #budget: ResetBudget;
  readonly #parked = new Set<Http2Stream>();
  readonly #parkedHandler: StreamHandler;
  #readyMs: number | undefined;
  #cancelSweep: (() => void) | undefined;
  #ready = false;
  #worn = false;
  #resting = false;
  #retired = false;
  #hasTakenCalls = false;
  /** Why it was closed here. */
  #closedFor = CLOSED_BY_PEER;

  constructor(parts: LinkParts, owner: LinkOwner) {
    this.#parts = parts;
    this.#owner = owner;
    this.#budget = new ResetBudget(parts.clock);
    this.#parkedHandler = this.#newParkedHandler();
    const { clock, random, engine } = parts;
    this.#socket = parts.dial();
    this.#connection = new Http2Connection(
      "client",
      this.#socket,
      {
        onReady: () => {
          if (parts.mustAnswer) this.#connection.ping(() => this.#becomeReady());
          else this.#becomeReady();
        },
        onCapacity: () => this.#owner.linkReady(this),
        onGoaway: (_last, code, text) => {
          if (code === ErrorCode.ENHANCE_YOUR_CALM && text === TOO_MANY_PINGS) parts.tooManyPings();
          this.#retire(code, text);
        },
        onClose: (end) => this.#closed(end),
      },
      { ...engine, clock, random },
    );
  }

  get endReason(): string {
    const { end } = this.#connection;
    return end === undefined ? CLOSED_BY_PEER : this.#reasonOf(end);
  }

  get headersTooLarge(): string {
    const bytes = this.#parts.engine.limits?.headerListBytes ?? HEADER_LIST_MAX_BYTES;
    return `the server's answer has over ${bytes} bytes of headers or trailers (HEDDLE_HEADER_LIST_MAX_BYTES)`;
  }

  /** Of the latest keepalive PING; undefined before the first. */
  get roundTripMs(): number | undefined {
    return this.#connection.roundTripMs;
  }

  /** Connected, and takes new calls. */
  get isUsable(): boolean {
    return this.#ready && !this.#retired && !this.#connection.isDraining;
  }

  get isWorn(): boolean {
    if (this.#worn && !this.#budget.isLow && this.#parked.size < PARKED_MAX / 4) this.#worn = false;
    return this.#worn;
  }

  get canStart(): boolean {
    return this.isUsable && this.#parked.size < PARKED_MAX && this.#connection.canStart;
  }

  /** For how long it has taken calls; 0 if it never did. */
  get heldMs(): number {
    return this.#readyMs === undefined ? 0 : this.#parts.clock.monotonicMs() - this.#readyMs;
  }

  /** False when the peer takes no more streams now; `linkReady` tells when it does. */
  start(call: ClientCall, head: HeaderList): boolean {
    if (this.#parked.size >= PARKED_MAX) return false;
    const { headerListMaxBytes } = this.#connection;
    if (head.sizeBytes > headerListMaxBytes) {
      // A peer may close the connection for it, and with it the calls of others.
      call.refuse(
        "METADATA_TOO_LARGE",
        `${head.sizeBytes} bytes of headers, and the server takes ${headerListMaxBytes}`,
      );
      return true;
    }
    const stream = this.#connection.startStream(head, call);
    if (stream === undefined) return false;
    this.#hasTakenCalls = true;
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
    stream.handler = this.#parkedHandler;
    this.#parked.add(stream);
    this.#sweepLater();
    if (canWait && this.#parked.size < PARKED_MAX / 2) return;
    this.#worn = true;
    this.#owner.linkWorn(this);
  }

  /** Gets no calls any more, unless it is woken; ends when nobody waits for any. */
  rest(): void {
    this.#resting = true;
    this.#sweepLater();
  }

  wake(): void {
    this.#resting = false;
  }

  /** Ends it, with the calls that run on it. */
  close(reason: string): void {
    this.#closedFor = reason;
    this.#connection.destroy(ErrorCode.NO_ERROR, reason);
  }

  #becomeReady(): void {
    this.#ready = true;
    this.#readyMs = this.#parts.clock.monotonicMs();
    this.#owner.linkReady(this);
  }

  /** Takes no new calls, and ends when the last has ended. */
  #retire(code: number, text: string): void {
    if (this.#retired) return;
    this.#retired = true;
    this.#owner.linkRetired(this, goawayReason(code, text), code === ErrorCode.NO_ERROR && this.#hasTakenCalls);
    this.#sweepLater();
  }

  #closed(end: ConnectionEnd): void {
    const reason = this.#reasonOf(end);
    if (end.kind === "timeout") this.#parts.fellSilent();
    // Nobody is there to say goodbye to, and the attempt must not go on behind the next one.
    if (!this.#ready) this.#socket.destroy();
    this.#ready = false;
    this.#cancelSweep?.();
    this.#parked.clear();
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

  /** What is parked holds back its sender: nothing is given back before its end, and then to the connection. */
  #newParkedHandler(): StreamHandler {
    const ended = (stream: Http2Stream) => {
      stream.consume(stream.unconsumedBytes);
      this.#unpark(stream);
    };
    return {
      onHeaders: (stream, _headers, endStream) => endStream && ended(stream),
      onData: (stream, _chunk, _start, _end, endStream) => endStream && ended(stream),
      onTrailers: ended,
      onReset: (stream) => this.#unpark(stream),
      onWritable: () => {},
    };
  }

  #unpark(stream: Http2Stream): void {
    // Half an upload whose worker has answered in full: its END_STREAM ended only the server's side.
    if (!stream.isClosed) return;
    this.#parked.delete(stream);
    if (this.#parked.size === PARKED_MAX - 1) this.#owner.linkReady(this);
  }

  #sweepLater(): void {
    if (this.#connection.isClosed) return;
    this.#cancelSweep ??= this.#parts.clock.after(SWEEP_EVERY_MS, () => {
      this.#cancelSweep = undefined;
      this.#sweep();
    });
  }

  /** Resets what is parked and did not end, as far as the budget goes; closes what nobody needs. */
  #sweep(): void {
    const endsSoon = this.#retired || this.#resting;
    if (endsSoon && this.#connection.openStreams <= this.#parked.size) {
      this.close("it was replaced");
      return;
    }
    for (const stream of this.#parked) {
      if (!this.#budget.take()) break;
      stream.reset(ErrorCode.CANCEL);
      this.#unpark(stream);
    }
    if (this.#parked.size > 0 || endsSoon) this.#sweepLater();
  }
}

function goawayReason(code: number, text: string): string {
  const why = text === "" ? "" : `: ${text}`;
  return code === ErrorCode.NO_ERROR
    ? `the server is closing the connection${why}`
    : `the server gave up (${code})${why}`;
}
