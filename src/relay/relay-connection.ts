import type { Duplex } from "node:stream";
import { Backoff } from "../core/backoff";
import type { CallListener, CallStart, Connection, OutgoingCall } from "../core/call";
import type { Clock } from "../core/clock";
import type { Random } from "../core/random";
import type { HeaderList } from "../http2/header-list";
import { RequestHeads } from "./request-shapes";
import { WorkerCall } from "./worker-call";
import { WorkerLink, type LinkOwner } from "./worker-link";

export interface RelayConnectionOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly scheme: "http" | "https";
  /** Begins to connect to the address. What is written meanwhile waits; what goes wrong is the stream's "error". */
  dial(address: string): Duplex;
  /** Interval of HTTP/2 PINGs after silence; 0 sends none. The answer is awaited for as long again. */
  readonly keepaliveMs: number;
  /** Messages larger than this end their call with MESSAGE_TOO_LARGE. */
  readonly messageMaxBytes: number;
  /** Longest pause between attempts to connect. */
  readonly reconnectMaxMs: number;
  /** From the attempt to the peer's SETTINGS. Default 5,000. */
  readonly connectTimeoutMs?: number;
}

/**
 * What a worker may send on one stream before the caller took it. 64 KiB: a stalled caller holds no more, 1,000 of them 64 MiB,
 * and workers are near: at 1 ms it allows 500 Mbit/s for each call.
 */
const STREAM_WINDOW_BYTES = 65_536;
/** As good as none: streams bound it, and a connection that all calls share must not be held up by the slow ones. */
const CONNECTION_WINDOW_BYTES = 0x7fff_ffff;

/** What may wait for the socket to a worker. More than a client's share: all clients' requests go through it, and there is one per worker. */
const WRITE_HIGH_WATER_BYTES = 1_048_576;

/** A link that held for as long starts the backoff anew. */
const STEADY_MS = 5_000;

/** Servers that answer before the request is whole reset the rest of it with NO_ERROR (RFC 9113 §8.1): no flood, but one for each such call. */
const WORKER_RESETS = { burst: 100_000, perSecond: 100_000 };

/** Connections at once, where the peer allows few streams on each. */
const LINKS_MAX = 8;

/** Calls that wait for a stream, where the peer allows few. */
const WAITING_MAX = 1_000;

/**
 * The way to one worker: usually one HTTP/2 connection, which is made again when it breaks.
 * - G1 ready means that new calls are taken by a connection whose peer has sent its SETTINGS.
 * - G2 GOAWAY ends readiness at once, and calls above its last id as never begun.
 * - G3 with as many streams as the peer allows, further connections are opened, and calls wait meanwhile.
 * - G4 an attempt that has no SETTINGS in time has failed.
 *
 * The deadline of a call is told to the worker, and enforced by whoever makes the call: forwardCall does so for its retries too.
 */
export class RelayConnection implements Connection, LinkOwner {
  readonly address: string;
  readonly #options: RelayConnectionOptions;
  readonly #heads: RequestHeads;
  readonly #backoff: Backoff;
  readonly #listeners: ((ready: boolean, reason: string) => void)[] = [];
  /** All that are open, those being made and those retired included. */
  readonly #links = new Set<WorkerLink>();
  /** Takes the calls. */
  #current: WorkerLink | undefined;
  /** Being made. */
  #next: WorkerLink | undefined;
  #cancelRetry: (() => void) | undefined;
  readonly #waiting: { readonly call: WorkerCall; readonly head: HeaderList }[] = [];
  #ready = false;
  #closed = false;

  constructor(address: string, options: RelayConnectionOptions) {
    this.address = address;
    this.#options = options;
    this.#heads = new RequestHeads(address, options.scheme);
    const initialMs = Math.min(200, options.reconnectMaxMs);
    this.#backoff = new Backoff({ initialMs, maxMs: options.reconnectMaxMs }, options.random);
    this.#dial();
  }

  isReady(): boolean {
    return this.#ready;
  }

  onReadiness(listener: (ready: boolean, reason: string) => void): void {
    this.#listeners.push(listener);
  }

  start(start: CallStart, listener: CallListener): OutgoingCall {
    const call = new WorkerCall(listener, this.#options.messageMaxBytes);
    const link = this.#current;
    if (link === undefined) {
      queueMicrotask(() => call.isOver || call.refuse("WORKER_UNREACHABLE", "there is no connection"));
      return call;
    }
    const head = this.#heads.of(start);
    if (this.#waiting.length > 0 || !link.start(call, head)) this.#wait(call, head);
    return call;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelRetry?.();
    this.#current = undefined;
    this.#next = undefined;
    for (const link of [...this.#links]) link.close("the connection was closed here");
    this.#refuseWaiting("the connection was closed here");
    this.#setReady(false, "closed");
    this.#listeners.length = 0;
  }

  // ---- LinkOwner -------------------------------------------------------------------------------------------------------

  linkReady(link: WorkerLink): void {
    if (this.#closed || !link.isUsable) return;
    if (this.#next === link) this.#next = undefined;
    const before = this.#current;
    if (before === undefined || before.isWorn || (link.canStart && !link.isWorn)) this.#current = link;
    this.#setReady(true, "connected");
    if (before !== undefined && before !== link && before.isWorn) before.retire("it was replaced");
    this.#serveWaiting();
  }

  linkWorn(link: WorkerLink): void {
    if (!this.#closed && this.#current === link) this.#dial();
  }

  linkRetired(link: WorkerLink, reason: string): void {
    if (this.#closed) return;
    this.#leave(link, reason);
    if (this.#next === undefined && this.#current === undefined) this.#dialLater(link);
  }

  linkClosed(link: WorkerLink, reason: string): void {
    this.#links.delete(link);
    if (this.#closed) return;
    const wasNext = this.#next === link;
    if (wasNext) this.#next = undefined;
    this.#leave(link, reason);
    if (this.#current === undefined && this.#next === undefined) this.#dialLater(link);
  }

  // ---- Own -------------------------------------------------------------------------------------------------------------

  /** New calls take another link, if there is one. */
  #leave(link: WorkerLink, reason: string): void {
    if (this.#current !== link) return;
    this.#current = undefined;
    for (const other of this.#links) if (other !== link && other.isUsable) this.#current = other;
    if (this.#current !== undefined) return;
    this.#setReady(false, reason);
    this.#refuseWaiting(reason);
  }

  #dial(): void {
    if (this.#closed || this.#next !== undefined) return;
    const { clock, random, keepaliveMs, connectTimeoutMs = 5_000 } = this.#options;
    const link = new WorkerLink(
      {
        clock,
        random,
        dial: () => this.#options.dial(this.address),
        engine: {
          streamWindowBytes: STREAM_WINDOW_BYTES,
          connectionWindowBytes: CONNECTION_WINDOW_BYTES,
          writeHighWaterBytes: WRITE_HIGH_WATER_BYTES,
          blankEndsAllowed: true,
          ...(keepaliveMs > 0 ? { keepalive: { intervalMs: keepaliveMs, timeoutMs: keepaliveMs } } : {}),
          limits: { prefaceTimeoutMs: connectTimeoutMs, peerResets: WORKER_RESETS },
        },
      },
      this,
    );
    this.#links.add(link);
    this.#next = link;
  }

  #dialLater(after: WorkerLink): void {
    if (after.ageMs >= STEADY_MS) this.#backoff.reset();
    this.#cancelRetry?.();
    this.#cancelRetry = this.#options.clock.after(this.#backoff.nextMs(), () => {
      this.#cancelRetry = undefined;
      this.#dial();
    });
  }

  #wait(call: WorkerCall, head: HeaderList): void {
    if (this.#waiting.length >= WAITING_MAX) {
      queueMicrotask(() => call.isOver || call.refuse("WORKER_UNREACHABLE", "the worker takes no more streams"));
      return;
    }
    this.#waiting.push({ call, head });
    if (this.#links.size < LINKS_MAX) this.#dial();
  }

  #serveWaiting(): void {
    while (this.#waiting.length > 0) {
      const { call, head } = this.#waiting[0]!;
      if (!call.isOver) {
        const link = this.#linkWithRoom();
        if (!link?.start(call, head)) return;
      }
      this.#waiting.shift();
    }
  }

  #linkWithRoom(): WorkerLink | undefined {
    if (this.#current?.canStart === true) return this.#current;
    for (const link of this.#links) if (link.canStart) return (this.#current = link);
    return this.#current;
  }

  #refuseWaiting(reason: string): void {
    for (const { call } of this.#waiting.splice(0)) if (!call.isOver) call.refuse("WORKER_UNREACHABLE", reason);
  }

  #setReady(ready: boolean, reason: string): void {
    if (ready === this.#ready) return;
    this.#ready = ready;
    for (const listener of this.#listeners) listener(ready, reason);
  }
}
