/** Where the program gets chance. Handed in, so that every failure replays from a seed. */
export interface Random {
  /** An integer from 0 to `bound` − 1, each equally likely. `bound` is 1 to 2^32. */
  below(bound: number): number;
  /** A number in [0, 1). */
  unit(): number;
}

/**
 * A fast generator that gives the same numbers for the same seed. Not for secrets.
 * Source: Steele, Lea, Flood 2014, "Fast Splittable Pseudorandom Number Generators", in its 32-bit form (mulberry32).
 */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const nextUint32 = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const unit = () => nextUint32() / 0x1_0000_0000;
  return { unit, below: (bound) => Math.floor(unit() * bound) };
}
