/** A round that takes more turns of the loop is stuck. */
const TURNS_MAX = 100_000;

/** Lets the loop turn until it is so. @throws Error, with the claim, when it does not come true */
export async function turnsUntil(claim: string, condition: () => boolean): Promise<void> {
  for (let turns = 0; !condition(); turns += 1) {
    if (turns > TURNS_MAX) throw new Error(`not so: ${claim}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
