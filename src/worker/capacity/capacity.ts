import type { CapacityClaim, CapacityGrant } from "../../core/capacity-messages";
import type { CancelTimer, Clock } from "../../core/clock";
import { FabricError } from "../../core/errors";
import type { Logger } from "../../core/logger";
import type { MessageStream } from "../../core/message-stream";
import { PacedTask } from "../../core/paced-task";
import { divideSlots } from "../../core/slot-shares";
import { SlotHolder } from "./slot-holder";

export interface CapacityParts {
  readonly clock: Clock;
  readonly logger: Logger;
  /** 0 means no bound. */
  readonly slots: number;
  /** Calls that the worker executes now, whoever sent them. */
  inFlight(): number;
}

/** Directors at once; more share nothing, and use what the worker does not refuse. */
const DIRECTORS_MAX = 64;
/** Least time between two divisions: what many claims ask for is done once. */
const DIVIDE_EVERY_MS = 5;
/** How long a slot that many want stays with one director. Its change of hands takes some milliseconds, in which nobody uses it. */
const TURN_MS = 500;
/** Directors that lack nothing keep back at most this share of the slots, all together, from those that do. */
const FLOOR_RATIO = 0.1;
/** While a director lacks slots, the others are asked so often how many they use. */
const ASK_EVERY_MS = 100;
/** One that lacks slots itself says by itself when that changes; it is asked only to see that it is there. */
const ASK_STARVED_EVERY_MS = 1_000;
/**
 * A director that owes an answer for so long, while others lack slots, is given up, and its slots are theirs. Long enough for a pause of its event
 * loop; short enough that calls which wait elsewhere (5 s by default) get the slots. If it was only slow, what it sends by the old grant is refused
 * with WORKER_FULL at worst, as not run, and it opens a new stream.
 */
const GIVE_UP_MS = 2_000;

/**
 * Divides the worker's slots among its directors, so that together they send no more than it takes:
 * - C1 what the directors may have in flight together is never raised above the slots. What is taken from one is another's when the first has
 *   answered that it uses no more than is left to it, or when its stream is over and its calls are.
 * - C2 a director alone has all slots; several have equal parts while none lacks any; where calls wait, slots go where they are used.
 * - C3 calls of others (direct clients, callers of other stacks) have no part in this: admission bounds all calls together.
 * - C4 nothing is done per call, and nothing at all while no director lacks slots.
 */
export class Capacity {
  readonly #parts: CapacityParts;
  readonly #holders = new Set<SlotHolder>();
  readonly #division: PacedTask;
  #cancelQuestion: CancelTimer | undefined;
  /** Somebody came, went or lacks nothing any more: what nobody uses goes round anew. */
  #isUneven = false;
  #isDraining = false;
  #isClosed = false;
  #withdrawn: (() => void)[] = [];

  constructor(parts: CapacityParts) {
    this.#parts = parts;
    this.#division = new PacedTask(
      parts.clock,
      () => this.#divide(),
      () => DIVIDE_EVERY_MS,
    );
  }

  /** Directors that share the slots now. */
  get directors(): number {
    return this.#holders.size;
  }

  /** Serves a director until its stream is over. Never rejects. */
  async serve(stream: MessageStream<CapacityClaim, CapacityGrant>): Promise<void> {
    const { clock } = this.#parts;
    if (this.#isClosed) return stream.abort(new FabricError("WORKER_DRAINING", "the worker leaves"));
    if (this.#holders.size >= DIRECTORS_MAX) {
      const what = `${DIRECTORS_MAX} directors share the worker's slots already`;
      return stream.abort(new FabricError("WORKER_FULL", what));
    }
    const holder = new SlotHolder(stream, clock.monotonicMs());
    this.#holders.add(holder);
    this.#isUneven = true;
    if (this.#isDraining) holder.grant(this.#unboundedOr(0), true, clock.monotonicMs());
    else if (this.#parts.slots === 0) holder.grant(Infinity, false, clock.monotonicMs());
    else this.#division.now();
    try {
      for await (const claim of stream.incoming) this.#receive(holder, claim);
      stream.end();
    } catch {
      // However it ended, it has no slots any more.
    } finally {
      this.#holders.delete(holder);
      this.#isUneven = true;
      this.#division.now();
      this.#tellWithdrawn();
    }
  }

  /** Asks every director to pick the worker no more. Resolves when all have said that they do not, or have gone. */
  withdraw(): Promise<void> {
    this.#isDraining = true;
    const nowMs = this.#parts.clock.monotonicMs();
    for (const holder of this.#holders) holder.grant(this.#unboundedOr(0), true, nowMs);
    return new Promise((resolve) => {
      this.#withdrawn.push(resolve);
      this.#tellWithdrawn();
    });
  }

  /** Ends every stream; directors that come are refused. */
  close(): void {
    this.#isClosed = true;
    this.#division.cancel();
    this.#cancelQuestion?.();
    for (const holder of this.#holders) holder.end();
    this.#holders.clear();
    this.#tellWithdrawn();
  }

  #receive(holder: SlotHolder, claim: CapacityClaim): void {
    const hadWaiting = holder.claim.queued > 0;
    holder.receive(claim, this.#parts.clock.monotonicMs());
    if (hadWaiting && claim.waiting === 0) this.#isUneven = true;
    this.#tellWithdrawn();
    this.#division.soon();
  }

  #divide(): void {
    const { clock, slots } = this.#parts;
    if (slots === 0 || this.#isDraining || this.#isClosed || this.#holders.size === 0) return;
    const nowMs = clock.monotonicMs();
    const holders = [...this.#holders];
    const claims = holders.map(({ claim }) => claim);
    const isStarving = holders.some((holder) => holder.isStarved);
    const anew = this.#isUneven && claims.every(({ queued }) => queued === 0);
    const floor = Math.floor((FLOOR_RATIO * slots) / holders.length);
    const shares = divideSlots(this.#divisible(holders), claims, Math.floor(nowMs / TURN_MS), { floor, anew });
    if (anew) this.#isUneven = false;
    for (const [index, holder] of holders.entries()) {
      if (!holder.hasBeenGranted(shares[index]!)) holder.grant(shares[index]!, false, nowMs);
    }
    if (isStarving) this.#askLater();
  }

  /** Slots but for those that calls of nobody who is here still use: their director's stream ended before they did (C1). */
  #divisible(holders: readonly SlotHolder[]): number {
    const { slots, inFlight } = this.#parts;
    const held = holders.reduce((sum, holder) => sum + holder.held, 0);
    return Math.max(0, slots - Math.max(0, inFlight() - held));
  }

  /** As long as somebody lacks slots: what the others use is known only when they are asked. */
  #askLater(): void {
    this.#cancelQuestion ??= this.#parts.clock.after(ASK_EVERY_MS, () => {
      this.#cancelQuestion = undefined;
      this.#ask();
      this.#division.now();
    });
  }

  #ask(): void {
    const nowMs = this.#parts.clock.monotonicMs();
    for (const holder of [...this.#holders]) {
      if (holder.unansweredForMs(nowMs) >= GIVE_UP_MS) this.#giveUp(holder);
      else if (!holder.isConfirmed) continue;
      else if (holder.silentForMs(nowMs) >= (holder.isStarved ? ASK_STARVED_EVERY_MS : ASK_EVERY_MS))
        holder.grant(holder.claim.share, false, nowMs);
    }
  }

  #giveUp(holder: SlotHolder): void {
    const { logger } = this.#parts;
    const what = `no answer for ${GIVE_UP_MS} ms while other directors lacked slots`;
    logger.warn("a director's share of the slots goes to the others", { director: holder.directorId, reason: what });
    holder.abort(new FabricError("DEADLINE_EXCEEDED", what));
  }

  #unboundedOr(slots: number): number {
    return this.#parts.slots === 0 ? Infinity : slots;
  }

  #tellWithdrawn(): void {
    if (!this.#isDraining || ![...this.#holders].every(({ isWithout }) => isWithout)) return;
    for (const resolve of this.#withdrawn.splice(0)) resolve();
  }
}
