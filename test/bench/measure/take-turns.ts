import { seededRandom } from "../../../src/core/random";

/** What is known of every block, whatever was measured in it. */
export interface Turn {
  readonly callsPerSecond: number;
}

export interface Turns {
  readonly rounds: number;
  /** Wanted length of a block: how many calls it has is estimated from the one before it. */
  readonly blockMs: number;
  readonly callsMin: number;
  /** Blocks before the first round, which only tell the pace. */
  readonly paceBlocks: number;
  /** Rounds that would begin later, by `performance.now()`, are left out, but for two. Default: none. */
  readonly endAtMs?: number;
}

/** Calls from which the first estimate of a contestant's pace is made. */
const FIRST_CALLS = 300;
const ROUNDS_MIN = 2;

const random = seededRandom(20_264);

function shuffled<T>(items: readonly T[]): T[] {
  const order = [...items];
  for (let last = order.length - 1; last > 0; last -= 1) {
    const other = random.below(last + 1);
    [order[last], order[other]] = [order[other]!, order[last]!];
  }
  return order;
}

/**
 * Lets contestants take turns in an order that is drawn anew for each round and reversed in the next (ABBA), so that what disturbs
 * the machine hits all of them. Resolves to one block for each contestant and round.
 */
export async function takeTurns<T extends Turn>(
  names: readonly string[],
  run: (name: string, calls: number) => Promise<T>,
  { rounds, blockMs, callsMin, paceBlocks, endAtMs = Infinity }: Turns,
): Promise<ReadonlyMap<string, readonly T[]>> {
  const turns = new Map<string, T[]>(names.map((name) => [name, []]));
  const callsOf = new Map<string, number>();
  const turn = async (name: string): Promise<T> => {
    const block = await run(name, callsOf.get(name) ?? Math.max(callsMin, FIRST_CALLS));
    callsOf.set(name, Math.max(callsMin, Math.round((block.callsPerSecond * blockMs) / 1_000)));
    return block;
  };
  for (const name of names) for (let count = 0; count < paceBlocks; count += 1) await turn(name);
  let order: string[] = [];
  for (let round = 0; round < rounds; round += 1) {
    if (round >= ROUNDS_MIN && performance.now() > endAtMs) break;
    order = round % 2 === 0 ? shuffled(names) : order.reverse();
    for (const name of order) turns.get(name)!.push(await turn(name));
  }
  return turns;
}
