import { integerParameter, textOutput, type Task } from "./task";

const SEGMENT_LENGTH = 1 << 18;

/**
 * Counts the primes up to `limit` (2 to 1,000,000,000; default 1,000,000), inclusive, with a segmented sieve of Eratosthenes, so that
 * memory stays small and there is something to report between segments.
 */
export const primes: Task = function* ({ parameters }) {
  const limit = integerParameter(parameters, "limit", { default: 1_000_000, min: 2, max: 1_000_000_000 });
  const small = primesUpTo(Math.floor(Math.sqrt(limit)));
  const composite = new Uint8Array(SEGMENT_LENGTH);
  let count = 0;
  for (let low = 2; low <= limit; low += SEGMENT_LENGTH) {
    const high = Math.min(low + SEGMENT_LENGTH - 1, limit);
    composite.fill(0);
    for (const prime of small) {
      const first = Math.max(prime * prime, Math.ceil(low / prime) * prime);
      for (let multiple = first; multiple <= high; multiple += prime) composite[multiple - low] = 1;
    }
    for (let index = 0; index <= high - low; index += 1) count += 1 - (composite[index] ?? 0);
    yield high / limit;
  }
  return textOutput(String(count));
};

function primesUpTo(limit: number): number[] {
  const composite = new Uint8Array(limit + 1);
  const found: number[] = [];
  for (let candidate = 2; candidate <= limit; candidate += 1) {
    if (composite[candidate]) continue;
    found.push(candidate);
    for (let multiple = candidate * candidate; multiple <= limit; multiple += candidate) composite[multiple] = 1;
  }
  return found;
}
