/**
 * What one holder has of a worker's slots, and what it could use. Holders are the directors among which the worker divides its slots, or the relay
 * processes among which a director divides those that it was given.
 */
export interface SlotClaim {
  /** Slots it may use by the latest decision. */
  readonly share: number;
  /** It may still act by earlier decisions, of which this is the highest; `share` when it has taken all of them in. */
  readonly ceiling: number;
  /** Calls it had on the worker, when it last took in a decision or later. */
  readonly inFlight: number;
  /** Calls that wait in it and would go to the worker, as far as it knows. */
  readonly queued: number;
}

export interface SlotDivision {
  /** What a holder keeps though it does not use it and others lack some, so that it can begin a call at once. Default 0. */
  readonly floor?: number;
  /** Also where nobody lacks any: what nobody uses goes round anew. */
  readonly anew?: boolean;
}

/**
 * Divides the slots of one worker among holders that pick by themselves. Returns the new share of each.
 * - Q1 what the holders may have in flight together is never raised above `slots`: a share shrinks at once, and grows by what the
 *   others have let go of.
 * - Q2 nobody who lacks nothing is disturbed. Where calls wait, every holder that wants more gets an equal part, as far as it can
 *   use it (max-min fairness), and what is left goes round.
 * - Q3 with fewer slots than holders that want one, the slots go from one to the next as `turn` rises.
 *
 * @param turn - a count that rises slowly: each change of hands leaves a slot unused for a moment
 */
export function divideSlots(
  slots: number,
  claims: readonly SlotClaim[],
  turn: number,
  { floor = 0, anew = false }: SlotDivision = {},
): number[] {
  const shared = sum(claims.map(({ share }) => share));
  if (shared === slots && !anew && !claims.some(isStarved)) return claims.map(({ share }) => share); // Q2
  const targets = targetsOf(slots, claims, turn, floor);
  const shares = claims.map(({ share }, index) => Math.min(share, targets[index]!));
  const held = claims.map(({ ceiling, inFlight }, index) => Math.max(shares[index]!, ceiling, inFlight));
  let free = slots - sum(held);
  for (const index of inTurn(claims.length, turn)) {
    const share = Math.min(targets[index]!, held[index]! + Math.max(0, free)); // Q1
    if (share <= shares[index]!) continue;
    free -= Math.max(0, share - held[index]!);
    shares[index] = share;
  }
  return shares;
}

/** Calls wait, and the worker would take more of this holder's if it had a larger share. */
export function isStarved({ queued, inFlight, share }: SlotClaim): boolean {
  return queued > 0 && inFlight >= share;
}

/** Shares as they should be, whoever holds what now. */
function targetsOf(slots: number, claims: readonly SlotClaim[], turn: number, floor: number): number[] {
  const wants = claims.map((claim) => Math.max(floor, claim.inFlight + (isStarved(claim) ? claim.queued : 0)));
  const targets = claims.map(() => 0);
  let left = slots;
  // Each round gives every holder that wants more an equal part; what one does not need is for the next round.
  for (;;) {
    const wanting = inTurn(claims.length, turn).filter((index) => targets[index]! < wants[index]!);
    if (left === 0 || wanting.length === 0) break;
    const part = Math.max(1, Math.floor(left / wanting.length));
    for (const index of wanting) {
      const given = Math.min(part, left, wants[index]! - targets[index]!);
      targets[index]! += given;
      left -= given;
    }
  }
  for (const [order, index] of inTurn(claims.length, turn).entries()) {
    targets[index]! += Math.floor(left / claims.length) + (order < left % claims.length ? 1 : 0);
  }
  return targets;
}

/** 0 to length − 1, beginning at another one each turn. */
function inTurn(length: number, turn: number): number[] {
  return Array.from({ length }, (_, index) => (index + turn) % length);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
