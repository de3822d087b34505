import type { Random } from "../core/random";

/** Chooses among positions by their scores. Unset positions are never chosen. */
export interface ScoreTree {
  /** Sets a score; `undefined` takes the position out. */
  set(position: number, score: number | undefined): void;
  /** A position, or −1 when none has a score. */
  pick(random: Random): number;
}

/**
 * Finds a position with the lowest score; ties are drawn, each equally likely. Both operations are O(log n).
 * A tournament tree (Knuth, TAOCP vol. 3, §5.2.3) whose nodes also count how many leaves share the winning score.
 */
export class LowestScoreTree implements ScoreTree {
  readonly #leaves: number;
  readonly #scores: Float64Array;
  readonly #counts: Uint32Array;

  constructor(capacity: number) {
    this.#leaves = leavesFor(capacity);
    this.#scores = new Float64Array(2 * this.#leaves).fill(Infinity);
    this.#counts = new Uint32Array(2 * this.#leaves);
  }

  set(position: number, score: number | undefined): void {
    const scores = this.#scores;
    const counts = this.#counts;
    let node = this.#leaves + position;
    const leafScore = score ?? Infinity;
    const leafCount = score === undefined ? 0 : 1;
    if (scores[node] === leafScore && counts[node] === leafCount) return;
    scores[node] = leafScore;
    counts[node] = leafCount;
    while (node > 1) {
      const left = scores[node & ~1]!;
      const right = scores[node | 1]!;
      const best = left < right ? left : right;
      const count = (left === best ? counts[node & ~1]! : 0) + (right === best ? counts[node | 1]! : 0);
      node >>>= 1;
      if (scores[node] === best && counts[node] === count) return;
      scores[node] = best;
      counts[node] = count;
    }
  }

  pick(random: Random): number {
    const scores = this.#scores;
    const counts = this.#counts;
    const total = counts[1]!;
    if (total === 0) return -1;
    const best = scores[1]!;
    let skip = total === 1 ? 0 : random.below(total);
    let node = 1;
    while (node < this.#leaves) {
      node *= 2;
      const onTheLeft = scores[node] === best ? counts[node]! : 0;
      if (skip >= onTheLeft) {
        skip -= onTheLeft;
        node += 1;
      }
    }
    return node - this.#leaves;
  }
}

/** Draws a position with a probability proportional to its score (above 0). Both operations are O(log n). */
export class ProportionalTree implements ScoreTree {
  readonly #leaves: number;
  readonly #sums: Float64Array;

  constructor(capacity: number) {
    this.#leaves = leavesFor(capacity);
    this.#sums = new Float64Array(2 * this.#leaves);
  }

  set(position: number, score: number | undefined): void {
    const sums = this.#sums;
    let node = this.#leaves + position;
    sums[node] = score ?? 0;
    while (node > 1) {
      node >>>= 1;
      sums[node] = sums[2 * node]! + sums[2 * node + 1]!; // added anew, since differences would drift
    }
  }

  pick(random: Random): number {
    const sums = this.#sums;
    if (sums[1] === 0) return -1;
    let rest = random.unit() * sums[1]!;
    let node = 1;
    while (node < this.#leaves) {
      node *= 2;
      const left = sums[node]!;
      // Rounding can leave `rest` beyond the last leaf that has a score: an empty right side is never entered.
      if (rest >= left && sums[node + 1]! > 0) {
        rest -= left;
        node += 1;
      }
    }
    return node - this.#leaves;
  }
}

function leavesFor(capacity: number): number {
  let leaves = 1;
  while (leaves < capacity) leaves *= 2;
  return leaves;
}
