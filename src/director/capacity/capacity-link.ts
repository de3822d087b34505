import type { EndpointObserver } from "../../balancing/endpoint";
import { Backoff } from "../../core/backoff";
import type { CapacityClaim, CapacityGrant } from "../../core/capacity-messages";
import type { CancelTimer, Clock } from "../../core/clock";
import { asFabricError } from "../../core/errors";
import type { MessageStream } from "../../core/message-stream";
import type { Random } from "../../core/random";
import { Status } from "../../core/status";
import type { PooledEndpoint } from "../worker-pool";

export interface CapacityLinkParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly directorId: string;
  open(endpoint: PooledEndpoint): MessageStream<CapacityGrant, CapacityClaim>;
  /** Calls that this director has on the worker, in all its processes, or may begin by what they were told before. */
  inUse(endpoint: PooledEndpoint): number;
  /** Calls that wait and could go to the worker. */
  waiting(endpoint: PooledEndpoint): number;
  /** What may be used of the worker is another number now. */
  usableChanged(endpoint: PooledEndpoint): void;
  /** The worker says that it leaves, or that it does not. */
  drainChanged(endpoint: PooledEndpoint): void;
  /** Resolves when no call is decided any more by what was before. */
  settled(): Promise<void>;
  /** Something is to be told the worker, soon. */
  tellSoon(): void;
}

/** A worker that has not said by then what may be used of it is used as one that does not share: all its slots. */
const PATIENCE_MS = 1_000;
/** Before a stream that has ended is opened again on the connection that there still is. */
const REOPEN_MS = { initialMs: 100, maxMs: 10_000 };

/**
 * How many of one worker's slots this director may use, kept up by a stream to it while the connection lives.
 * - L1 while the worker may say it and has not yet, none may be used; a worker that cannot say it may be used with all its slots.
 * - L2 each grant counts at once and is answered when it does.
 * - L3 what is told without being asked: that calls wait and the grant is used up, that none wait any more, and while more is in use than
 *   granted, that it became less.
 */
export class CapacityLink implements EndpointObserver {
  readonly endpoint: PooledEndpoint;
  readonly #parts: CapacityLinkParts;
  readonly #backoff: Backoff;
  #stream: MessageStream<CapacityGrant, CapacityClaim> | undefined;
  #grant: CapacityGrant | undefined;
  /** Unknown until the worker has said it, or shown that it does not. */
  #usable: number | undefined;
  #told = { inFlight: 0, waiting: 0 };
  #isOver = false;
  #isDraining = false;
  #isClosed = false;
  #cancelTimer: CancelTimer = () => {};

  constructor(endpoint: PooledEndpoint, parts: CapacityLinkParts) {
    this.endpoint = endpoint;
    this.#parts = parts;
    this.#backoff = new Backoff(REOPEN_MS, parts.random);
    endpoint.setCredit(this.usable);
    endpoint.connection.onReadiness((up) => this.#linkChanged(up));
    if (endpoint.connection.isReady()) this.#open();
  }

  /** Calls that may be on the worker at once; Infinity: as many as it has slots. */
  get usable(): number {
    return this.#usable ?? 0;
  }

  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** Whether the worker has been told that calls wait. */
  get hasWaiting(): boolean {
    return this.#told.waiting > 0;
  }

  /** Tells the worker what has changed, if it needs to know (L3). */
  tell(): void {
    if (!this.#stream || !this.#grant || this.#grant.slots === Infinity) return;
    const claim = this.#claim();
    const isLess = this.#isOver && claim.inFlight < this.#told.inFlight;
    const isStarved = claim.waiting > 0 && claim.inFlight >= this.#grant.slots;
    const isSated = claim.waiting === 0 && this.#told.waiting > 0;
    const isMore =
      claim.waiting > this.#told.waiting || (this.#told.waiting > 0 && claim.inFlight > this.#told.inFlight);
    if (isLess || isSated || (isStarved && isMore)) this.#send(claim);
  }

  /** Of EndpointObserver, while more is in use than granted. */
  endpointChanged(): void {
    this.#parts.tellSoon();
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelTimer();
    this.#endStream();
  }

  #linkChanged(up: boolean): void {
    if (this.#isClosed) return;
    this.#cancelTimer();
    this.#endStream();
    if (!up) return this.#use(undefined);
    this.#backoff.reset();
    this.#open();
  }

  #open(): void {
    const { clock } = this.#parts;
    const stream = this.#parts.open(this.endpoint);
    this.#stream = stream;
    this.#grant = undefined;
    this.#told = { inFlight: 0, waiting: 0 };
    this.#cancelTimer = clock.after(PATIENCE_MS, () => this.#use(Infinity)); // L1
    void this.#read(stream);
    this.#send(this.#claim());
  }

  async #read(stream: MessageStream<CapacityGrant, CapacityClaim>): Promise<void> {
    let status: Status = Status.OK;
    try {
      for await (const grant of stream.incoming) if (stream === this.#stream) this.#receive(grant);
    } catch (error) {
      ({ status } = asFabricError(error, "REMOTE"));
    }
    if (stream !== this.#stream) return;
    this.#cancelTimer();
    this.#endStream();
    if (this.#grant?.isDraining) return; // until there is another connection
    const cannot = status === Status.UNIMPLEMENTED || status === Status.RESOURCE_EXHAUSTED;
    this.#use(cannot ? Infinity : undefined);
    if (cannot) this.#drains(false);
    if (status === Status.UNIMPLEMENTED) return;
    this.#cancelTimer = this.#parts.clock.after(this.#backoff.nextMs(), () => this.#open());
  }

  #endStream(): void {
    const stream = this.#stream;
    this.#stream = undefined;
    this.#watch(false);
    stream?.abort(new Error("it is not used any more"));
  }

  #receive(grant: CapacityGrant): void {
    this.#cancelTimer();
    this.#backoff.reset();
    this.#grant = grant;
    this.#use(grant.slots);
    this.#drains(grant.isDraining);
    // After the calls that wait have begun by it, so that it is known what is still lacking.
    if (grant.isDraining) void this.#parts.settled().then(() => this.#answer(grant));
    else queueMicrotask(() => this.#answer(grant));
  }

  /** L2 */
  #answer(grant: CapacityGrant): void {
    if (!this.#stream || this.#grant !== grant) return;
    const claim = this.#claim();
    this.#watch(claim.inFlight > grant.slots);
    this.#send(claim);
  }

  #send(claim: CapacityClaim): void {
    this.#told = claim;
    if (claim.inFlight <= (this.#grant?.slots ?? 0)) this.#watch(false);
    this.#stream?.send(claim);
  }

  #claim(): CapacityClaim {
    const { directorId, inUse, waiting } = this.#parts;
    const revision = this.#grant?.revision ?? 0;
    return { directorId, revision, inFlight: inUse(this.endpoint), waiting: waiting(this.endpoint) };
  }

  #watch(isOver: boolean): void {
    if (isOver === this.#isOver) return;
    this.#isOver = isOver;
    if (isOver) this.endpoint.observe(this, 0, "availability");
    else this.endpoint.unobserve(this);
  }

  #use(usable: number | undefined): void {
    if (usable === this.#usable) return;
    this.#usable = usable;
    this.endpoint.setCredit(this.usable);
    this.#parts.usableChanged(this.endpoint);
  }

  #drains(isDraining: boolean): void {
    if (isDraining === this.#isDraining) return;
    this.#isDraining = isDraining;
    this.#parts.drainChanged(this.endpoint);
  }
}
