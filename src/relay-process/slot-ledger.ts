import type { Clock } from "../core/clock";
import { divideSlots, isStarved, type SlotClaim } from "../core/slot-shares";

/** A process among which slots are divided. */
export interface SlotHolder {
  claim(memberId: string): SlotClaim;
  setShare(memberId: string, share: number): void;
}

/** How long a slot that many want stays with one process. Its change of hands takes up to 100 ms, in which nobody uses it. */
const TURN_MS = 500;

/**
 * Divides the slots of every worker that has a bound among the processes. Without that, processes that do not see each other's calls
 * at once would send a worker more than it takes; with equal parts for good, a busy process could not use what an idle one has.
 */
export class SlotLedger {
  readonly #clock: Clock;
  readonly #holders: () => readonly SlotHolder[];
  /** Of members that have a bound. */
  readonly #slots = new Map<string, number>();

  constructor(clock: Clock, holders: () => readonly SlotHolder[]) {
    this.#clock = clock;
    this.#holders = holders;
  }

  /** The member came, went or has other slots now. `undefined`: it has no bound, or is not there. */
  setSlots(memberId: string, slots: number | undefined): void {
    if (slots === undefined) this.#slots.delete(memberId);
    else this.#slots.set(memberId, slots);
    this.divide(memberId);
  }

  /** A process came or went. */
  divideAll(): void {
    for (const memberId of this.#slots.keys()) this.divide(memberId);
  }

  /** Something is known of the member's calls that was not. */
  divide(memberId: string): void {
    const slots = this.#slots.get(memberId);
    if (slots === undefined) return;
    const holders = this.#holders();
    const claims = holders.map((holder) => holder.claim(memberId));
    const shares = divideSlots(slots, claims, Math.floor(this.#clock.monotonicMs() / TURN_MS));
    for (const [index, holder] of holders.entries()) {
      if (shares[index] !== claims[index]!.share) holder.setShare(memberId, shares[index]!);
    }
  }

  /** Calls that the processes have on the member, or may begin by an earlier share. */
  inUse(memberId: string): number {
    const claims = this.#holders().map((holder) => holder.claim(memberId));
    return claims.reduce((sum, claim) => sum + inUseOf(claim), 0);
  }

  /** Calls wait in this process: where it has used up its share it may need a larger one. */
  divideFor(holder: SlotHolder): void {
    for (const memberId of this.#slots.keys()) if (isStarved(holder.claim(memberId))) this.divide(memberId);
  }
}

/** While calls wait in it, a process uses all that it may. */
function inUseOf({ share, ceiling, inFlight, queued }: SlotClaim): number {
  return ceiling > share || queued > 0 ? Math.max(ceiling, inFlight) : inFlight;
}
