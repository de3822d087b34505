/** What one process holds of a worker's slots, and what it could use. */
export interface SlotClaim {
  /** Slots it may use by the latest decision. */
  readonly share: number;
  /** It may still act by earlier decisions, of which this is the highest; `share` when it has taken all of them in. */
  readonly ceiling: number;
  /** Calls it had on the worker, when it last took in a decision or later. */
  readonly inFlight: number;
  /** Calls that wait in it for any worker. */
  readonly queued: number;
}

/**
 * Divides the slots of one worker among processes that pick by themselves. Returns the new share of each.
 * - Q1 what the processes may have in flight together is never raised above `slots`: a share shrinks at once, and grows by what the
 *   others have let go of.
 * - Q2 nobody who lacks nothing is disturbed. Where calls wait, every process that wants more gets an equal part, as far as it can
 *   use it (max-min fairness), and what is left goes round.
 * - Q3 with fewer slots than processes that want one, the slots go from one to the next as `turn` rises.
 *
 * @param turn - a count that rises slowly: each change of hands leaves a slot unused for a moment
 */
export function divideSlots(slots: number, claims: readonly SlotClaim[], turn: number): number[] {
  const shared = sum(claims.map(({ share }) => share));
  if (shared === slots && !claims.some(isStarved)) return claims.map(({ share }) => share); // Q2
  const targets = targetsOf(slots, claims, turn);
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

/** Calls wait, and the worker would take more of this process's if it had a larger share. */
export function isStarved({ queued, inFlight, share }: SlotClaim): boolean {
  return queued > 0 && inFlight >= share;
}

/** Shares as they should be, whoever holds what now. */
function targetsOf(slots: number, claims: readonly SlotClaim[], turn: number): number[] {
  const wants = claims.map((claim) => claim.inFlight + (isStarved(claim) ? claim.queued : 0));
  const targets = claims.map(() => 0);
  let left = slots;
  // Each round gives every process that wants more an equal part; what one does not need is for the next round.
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
