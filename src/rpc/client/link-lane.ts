import type { Backoff } from "../../core/backoff";
import type { Clock } from "../../core/clock";
import { messageOf } from "../../core/errors";
import type { HeaderList } from "../../http2/header-list";
import type { ClientCall } from "./client-call";
import type { LinkOwner, ClientLink } from "./client-link";

export interface LaneParts {
  readonly clock: Clock;
  /** Between attempts to connect. */
  readonly backoff: Backoff;
  /** Begins to connect. */
  dial(owner: LinkOwner): ClientLink;
  /** Whether there is to be a link even if nobody asks for it. */
  readonly isKeptOpen: boolean;
  /** Whether calls that are begun while the first link is being made wait for the outcome. */
  readonly holdsCalls: boolean;
  /** Whether calls can be begun; told at once, and of changes only. */
  readinessChanged(ready: boolean, reason: string): void;
}

/** A link that held for as long starts the backoff anew. */
const STEADY_MS = 5_000;

/**
 * Connections at once, those included that only end their calls. More are needed where the peer allows few streams on each, and where
 * links are worn; 16 of each lane are little for a server, and reset 250 calls a second for ever even if long calls keep every one open.
 */
const LINKS_MAX = 16;

interface Waiting {
  readonly call: ClientCall;
  readonly head: HeaderList;
}

/** Calls that wait for a stream, or for a connection. */
const WAITING_MAX = 1_000;

/**
 * Links to one server that share the calls of one kind of callers.
 * - N1 one link is current and takes the calls. A worn one is replaced, by one that has recovered or by a new one; until that is there it
 *   goes on.
 * - N2 with as many streams as the peer or the link allows, further links are opened and calls wait meanwhile, first come, first
 *   served. Beyond LINKS_MAX nobody is replaced, and beyond WAITING_MAX calls are refused: they have not run.
 * - N3 after GOAWAY a link takes no call, and calls above its last id have never begun. Where the server went away in order, as one does
 *   whose connections have an age, the next link is made at once; a pause comes before it only after an error, or if no call was taken,
 *   since a server that does nothing but say goodbye would be dialled for ever.
 */
export class LinkLane implements LinkOwner {
  readonly #parts: LaneParts;
  /** All that are open, those being made and those that only end their calls included. */
  readonly #links = new Set<ClientLink>();
  /** Takes the calls. */
  #current: ClientLink | undefined;
  /** Being made. */
  #next: ClientLink | undefined;
  #waiting: Waiting[] = [];
  /** No attempt before: the one before it failed. */
  #dialNotBeforeMs = 0;
  #cancelRetry: (() => void) | undefined;
  #closed = false;
  #reason = "there is no connection yet";

  constructor(parts: LaneParts) {
    this.#parts = parts;
  }

  /** Of the link that takes the calls. */
  get roundTripMs(): number | undefined {
    return this.#current?.roundTripMs;
  }

  get isReady(): boolean {
    return this.#current !== undefined;
  }

  /** Whether a call can be begun: there is a link, or the call waits for the one that is being made, or the one after that. */
  takes(call: ClientCall): boolean {
    if (this.isReady) return true;
    if (call.waitsForReady) return this.#parts.isKeptOpen && !this.#closed;
    return this.#isHolding;
  }

  /** Why there is no link. */
  get reason(): string {
    return this.#reason;
  }

  /** Opens a link unless one is being made, there are enough, or the last attempt failed a moment ago. */
  dial(): void {
    if (this.#closed || this.#next !== undefined || this.#links.size >= LINKS_MAX) return;
    if (this.#dialNotBeforeMs > 0 && this.#parts.clock.monotonicMs() < this.#dialNotBeforeMs) return;
    const link = this.#parts.dial(this);
    this.#links.add(link);
    this.#next = link;
  }

  /** Begins the call now, or when there is a stream for it. What goes wrong is the call's end. */
  begin(call: ClientCall, head: HeaderList): void {
    const link = this.#current;
    if (!this.takes(call)) call.refuse("WORKER_UNREACHABLE", this.#reason);
    else if (link === undefined) this.#wait(call, head);
    else if (this.#waiting.length > 0) this.#wait(call, head);
    else if (!start(link, call, head) && !this.#startElsewhere(call, head)) this.#wait(call, head);
  }

  close(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelRetry?.();
    this.#current = undefined;
    this.#next = undefined;
    for (const link of [...this.#links]) link.close(reason);
    this.#reason = reason;
    this.#refuse(this.#waiting.splice(0), reason);
  }

  // ---- LinkOwner -------------------------------------------------------------------------------------------------------

  linkReady(link: ClientLink): void {
    if (this.#closed || !link.isUsable) return;
    if (this.#next === link) this.#next = undefined;
    const before = this.#current;
    if (before === undefined || (link !== before && before.isWorn) || (link.canStart && !before.canStart)) {
      this.#take(link);
    }
    if (before === undefined) this.#parts.readinessChanged(true, "connected");
    this.#serveWaiting();
  }

  linkWorn(link: ClientLink): void {
    if (this.#closed || this.#current !== link || this.#next !== undefined) return;
    for (const other of this.#links) {
      if (other !== link && other.canStart && !other.isWorn) return this.#take(other);
    }
    this.dial();
  }

  linkRetired(link: ClientLink, reason: string, inOrder: boolean): void {
    if (this.#closed) return;
    if (inOrder && this.#current === link && this.#parts.isKeptOpen) this.dial();
    this.#leave(link, reason);
  }

  linkClosed(link: ClientLink, reason: string): void {
    this.#links.delete(link);
    if (this.#closed) return;
    if (this.#next === link) {
      this.#next = undefined;
      this.#failed(link);
      if (this.#current === undefined) this.#refuseWaiting(reason);
    }
    this.#leave(link, reason);
  }

  // ---- Own -------------------------------------------------------------------------------------------------------------

  /** There is no link, and calls wait for the one that is being made. */
  get #isHolding(): boolean {
    return this.#parts.holdsCalls && this.#next !== undefined;
  }

  #take(link: ClientLink): void {
    const before = this.#current;
    this.#current = link;
    link.wake();
    if (before !== undefined && before !== link && before.isWorn) before.rest();
  }

  /** New calls take another link, if there is one. */
  #leave(link: ClientLink, reason: string): void {
    if (this.#current === link) {
      this.#current = undefined;
      for (const other of this.#links) if (other !== link && other.isUsable) this.#current = other;
      this.#current?.wake();
      if (this.#current === undefined) {
        if (this.#next === undefined) this.#failed(link);
        this.#parts.readinessChanged(false, reason);
        if (!this.#isHolding) this.#refuseWaiting(reason);
      }
    }
    if (this.#parts.isKeptOpen && !this.#closed && this.#current === undefined && this.#next === undefined) {
      this.#dialLater();
    }
  }

  #dialLater(): void {
    this.#cancelRetry?.();
    const delayMs = Math.max(0, this.#dialNotBeforeMs - this.#parts.clock.monotonicMs());
    this.#cancelRetry = this.#parts.clock.after(delayMs, () => {
      this.#cancelRetry = undefined;
      this.#dialNotBeforeMs = 0;
      this.dial();
    });
  }

  /** It is of no use, or not any more: the next attempt waits, longer each time unless this one held. */
  #failed(link: ClientLink): void {
    if (link.heldMs >= STEADY_MS) this.#parts.backoff.reset();
    this.#dialNotBeforeMs = this.#parts.clock.monotonicMs() + this.#parts.backoff.nextMs();
  }

  #startElsewhere(call: ClientCall, head: HeaderList): boolean {
    const link = this.#linkWithRoom();
    return link !== undefined && link.canStart && start(link, call, head);
  }

  #wait(call: ClientCall, head: HeaderList): void {
    // Cancelled ones are taken out when it matters.
    if (this.#waiting.length >= WAITING_MAX) this.#waiting = this.#waiting.filter((each) => !each.call.isOver);
    if (this.#waiting.length >= WAITING_MAX) {
      const why = this.isReady ? "the server takes no more streams" : this.#reason;
      call.refuse("WORKER_UNREACHABLE", `${why}, and ${WAITING_MAX} calls wait already`);
      return;
    }
    this.#waiting.push({ call, head });
    this.dial();
  }

  #serveWaiting(): void {
    while (this.#waiting.length > 0) {
      const { call, head } = this.#waiting[0]!;
      if (!call.isOver) {
        const link = this.#linkWithRoom();
        if (link === undefined || !start(link, call, head)) return;
      }
      this.#waiting.shift();
    }
  }

  #linkWithRoom(): ClientLink | undefined {
    if (this.#current?.canStart === true) return this.#current;
    for (const link of this.#links) {
      if (!link.canStart) continue;
      this.#take(link);
      return link;
    }
    // Asked in vain, it tells when there is room.
    return this.#current;
  }

  /** There is no link: only calls that wait for ready still do. */
  #refuseWaiting(reason: string): void {
    this.#reason = reason;
    const before = this.#waiting;
    this.#waiting = before.filter(({ call }) => call.waitsForReady);
    this.#refuse(
      before.filter(({ call }) => !call.waitsForReady),
      reason,
    );
  }

  #refuse(waiting: readonly Waiting[], reason: string): void {
    for (const { call } of waiting) if (!call.isOver) call.refuse("WORKER_UNREACHABLE", reason);
  }
}

/** False: the link takes no more now. */
function start(link: ClientLink, call: ClientCall, head: HeaderList): boolean {
  try {
    return link.start(call, head);
  } catch (error) {
    // A head that cannot be sent: nothing else may suffer for it.
    call.refuse("INVALID_ARGUMENT", messageOf(error));
    return true;
  }
}
