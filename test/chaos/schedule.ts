import { seededRandom, type Random } from "../../src/core/random";
import type { FaultKind } from "./fault";

export interface PlannedFault {
  readonly kind: FaultKind;
  /** Quiet before it, after the one before it has healed. */
  readonly pauseMs: number;
  readonly holdMs: number;
  /** For whom it hits. */
  readonly random: Random;
}

/** A fault is held this long a heartbeat interval is half a second; see `FaultKind.holdIntervals`. */
const PAUSE_INTERVALS = { least: 4, spread: 4 } as const;
/** A length varies by this much each way. */
const HOLD_SPREAD = 0.25;

/**
 * Every kind once in an order of its own, then again in another, for so many rounds. The same seed gives the same, whatever the machine
 * does meanwhile.
 */
export function* plan(
  kinds: readonly FaultKind[],
  { seed, intervalMs, rounds }: { readonly seed: number; readonly intervalMs: number; readonly rounds: number },
): Generator<PlannedFault> {
  const random = seededRandom(seed);
  if (kinds.length === 0) return;
  for (let round = 0; round < rounds; round += 1) {
    for (const kind of shuffled(kinds, random)) {
      yield {
        kind,
        pauseMs: intervalMs * (PAUSE_INTERVALS.least + random.below(PAUSE_INTERVALS.spread)),
        holdMs: intervalMs * kind.holdIntervals * (1 - HOLD_SPREAD / 2 + HOLD_SPREAD * random.unit()),
        random: seededRandom(random.below(2 ** 31)),
      };
    }
  }
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  const order = [...items];
  for (let last = order.length - 1; last > 0; last -= 1) {
    const other = random.below(last + 1);
    [order[last], order[other]] = [order[other]!, order[last]!];
  }
  return order;
}
