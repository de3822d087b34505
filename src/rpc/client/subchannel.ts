import type { Duplex } from "node:stream";
import { Backoff } from "../../core/backoff";
import type { CallListener, CallStart, Connection, OutgoingCall } from "../../core/call";
import type { Clock } from "../../core/clock";
import type { Random } from "../../core/random";
import type { HeaderList } from "../../http2/header-list";
import { DIALED_BOUNDS, HEADER_LIST_MAX_BYTES, headerLimits } from "../bounds";
import { authorityOf } from "./dial";
import { LinkLane } from "./link-lane";
import { RequestHeads } from "../framing/request-shapes";
import { ClientCall, type CallRoute } from "./client-call";
import { ClientLink, type LinkOwner } from "./client-link";

export interface SubchannelOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly scheme: "http" | "https";
  /** Begins to connect to the address. What is written meanwhile waits; what goes wrong is the stream's "error". */
  dial(address: string): Duplex;
  /**
   * Interval of HTTP/2 PINGs after silence, with and without calls; 0 sends none. The answer is awaited for as long again. Doubled for the
   * connections to come each time that the peer finds them too many: gRPC's servers bear one in five minutes unless told otherwise.
   */
  readonly keepaliveMs: number;
  /** Messages larger than this end their call with MESSAGE_TOO_LARGE. */
  readonly messageMaxBytes: number;
  /**
   * Longest pause between attempts to connect. The first is 200 ms at most where gRPC waits for a second (connection-backoff.md), since a
   * worker that restarts is back by then; a server that takes connections only to drop them is left alone longer each time.
   */
  readonly reconnectMaxMs: number;
  /**
   * From the attempt to the peer's SETTINGS, over all addresses of a name. Default 5,000. Each failed attempt doubles it for the next, up to gRPC's
   * 20 s: a peer that is slow because all its clients come back at once would otherwise never get done with any of them.
   */
  readonly connectTimeoutMs?: number;
  /** Of headers, and of trailers, of an answer, as HTTP/2 counts them; a call with more ends with METADATA_TOO_LARGE. Default 32,768. */
  readonly headerListMaxBytes?: number | undefined;
  /** Calls that are begun while it connects wait for the outcome. Default: they are refused at once. */
  readonly holdsCalls?: boolean;
  /** Told once, by `close`. */
  readonly onClose?: (() => void) | undefined;
}

/** MIN_CONNECT_TIMEOUT of connection-backoff.md. */
const CONNECT_TIMEOUT_MAX_MS = 20_000;

/** A connection for calls of stormy clients is closed when none was made on it for as long. */
const STORM_LINK_IDLE_MS = 10_000;

/**
 * The way to one server: usually one HTTP/2 connection, which is made again when it breaks.
 * - G1 ready means that new calls are taken by a connection whose peer has sent its SETTINGS. After one that fell silent, also that the peer
 *   has answered a PING: a server whose network loses what is sent to it still greets, and would be given calls until the next silence.
 * - G2 GOAWAY ends readiness at once, and calls above its last id as never begun.
 * - G3 with as many streams as the peer allows, further connections are opened, and calls wait meanwhile.
 * - G4 an attempt that has no SETTINGS in time has failed.
 * - G5 calls of clients that cancel in storms take connections of their own: those of others neither wait for them nor share what they
 *   wear out.
 * - G6 a call whose caller cancels it in the turn of the loop in which it came is never sent.
 *
 * The deadline of a call is told to the server, and enforced by whoever makes the call: forwardCall does so for its retries too.
 */
export class Subchannel implements Connection, CallRoute {
  readonly address: string;
  readonly #options: SubchannelOptions;
  readonly #heads: RequestHeads;
  readonly #listeners: ((ready: boolean, reason: string) => void)[] = [];
  readonly #calm: LinkLane;
  readonly #stormy: LinkLane;
  #closed = false;
  #keepaliveMs: number;
  /** Since a connection fell silent, until one is answered. */
  #isSilent = false;

  constructor(address: string, options: SubchannelOptions) {
    this.address = address;
    this.#options = options;
    this.#heads = new RequestHeads(authorityOf(address), options.scheme);
    const { clock, holdsCalls = false } = options;
    this.#keepaliveMs = options.keepaliveMs;
    const [calmBackoff, stormyBackoff] = [this.#newBackoff(), this.#newBackoff()];
    this.#calm = new LinkLane({
      clock,
      backoff: calmBackoff,
      dial: (owner) => this.#dial(owner, calmBackoff, 0),
      isKeptOpen: true,
      holdsCalls,
      readinessChanged: (ready, reason) => {
        if (ready) this.#isSilent = false;
        this.#tell(ready, reason);
      },
    });
    this.#stormy = new LinkLane({
      clock,
      backoff: stormyBackoff,
      dial: (owner) => this.#dial(owner, stormyBackoff, STORM_LINK_IDLE_MS),
      isKeptOpen: false,
      holdsCalls: false,
      readinessChanged: () => {},
    });
    this.#calm.dial();
  }

  isReady(): boolean {
    return this.#calm.isReady;
  }

  get roundTripMs(): number | undefined {
    return this.#calm.roundTripMs;
  }

  onReadiness(listener: (ready: boolean, reason: string) => void): void {
    this.#listeners.push(listener);
  }

  start(start: CallStart, listener: CallListener): OutgoingCall {
    const call = new ClientCall(listener, this.#options.messageMaxBytes, start);
    if (this.#calm.takes(call)) call.beginThisTurn(this, this.#heads.of(start));
    else queueMicrotask(() => call.isOver || call.refuse("WORKER_UNREACHABLE", this.#calm.reason));
    return call;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const wasReady = this.isReady();
    this.#calm.close("the connection was closed here");
    this.#stormy.close("the connection was closed here");
    if (wasReady) this.#tell(false, "closed");
    this.#listeners.length = 0;
    this.#options.onClose?.();
  }

  // ---- CallRoute -------------------------------------------------------------------------------------------------------

  begin(call: ClientCall, head: HeaderList): void {
    if (call.source?.isStormy !== true) {
      this.#calm.begin(call, head);
      return;
    }
    if (!this.#stormy.isReady) this.#stormy.dial();
    (this.#stormy.isReady ? this.#stormy : this.#calm).begin(call, head);
  }

  // ---- Own -------------------------------------------------------------------------------------------------------------

  #newBackoff(): Backoff {
    const { random, reconnectMaxMs } = this.#options;
    return new Backoff({ initialMs: Math.min(200, reconnectMaxMs), maxMs: reconnectMaxMs }, random);
  }

  #dial(owner: LinkOwner, { attempts }: Backoff, idleTimeoutMs: number): ClientLink {
    const { clock, random, keepaliveMs: timeoutMs, connectTimeoutMs = 5_000 } = this.#options;
    const patienceMs = Math.min(connectTimeoutMs * 2 ** attempts, Math.max(connectTimeoutMs, CONNECT_TIMEOUT_MAX_MS));
    const { headerListMaxBytes = HEADER_LIST_MAX_BYTES } = this.#options;
    const intervalMs = this.#keepaliveMs;
    return new ClientLink(
      {
        clock,
        random,
        dial: () => this.#options.dial(this.address),
        // Without keepalive nothing would end the wait.
        mustAnswer: this.#isSilent && intervalMs > 0,
        fellSilent: () => {
          this.#isSilent = true;
        },
        tooManyPings: () => {
          // Of several links that are told so at once, each had the interval that is doubled.
          this.#keepaliveMs = Math.max(this.#keepaliveMs, 2 * intervalMs);
        },
        engine: {
          ...DIALED_BOUNDS,
          blankEndsAllowed: true,
          ...(intervalMs > 0 ? { keepalive: { intervalMs, timeoutMs } } : {}),
          limits: {
            ...DIALED_BOUNDS.limits,
            ...headerLimits(headerListMaxBytes),
            prefaceTimeoutMs: patienceMs,
            idleTimeoutMs,
          },
        },
      },
      owner,
    );
  }

  #tell(ready: boolean, reason: string): void {
    for (const listener of this.#listeners) listener(ready, reason);
  }
}
