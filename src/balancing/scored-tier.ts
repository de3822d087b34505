import type { Random } from "../core/random";
import type { Endpoint, EndpointObserver } from "./endpoint";
import type { PickRequest } from "./picker";
import type { ScoreTree } from "./score-tree";
import type { Tier } from "./tier";

/** The score of an endpoint that is not full. `weight` is its `weight` now, read once. */
export type Score<E extends Endpoint> = (endpoint: E, weight: number) => number;

/**
 * Chooses by scores that are kept in a tree and set anew at each begin, finish and report of an endpoint.
 *
 * Weights below 1 also change by the mere passing of time, which nobody reports. Therefore each choice looks at one of those
 * endpoints again, in turn: without it one that failed would keep the score it had then, and starve.
 */
export class ScoredTier<E extends Endpoint> implements Tier<E>, EndpointObserver {
  readonly #endpoints: readonly E[];
  readonly #random: Random;
  readonly #tree: ScoreTree;
  readonly #score: Score<E>;
  /** Positions whose weight was below 1 when last seen, and where in the list each stands (−1 for not). */
  readonly #aging: number[] = [];
  readonly #isAging: Uint8Array;
  #agingCursor = 0;

  constructor(endpoints: readonly E[], random: Random, tree: ScoreTree, score: Score<E>) {
    this.#endpoints = endpoints;
    this.#random = random;
    this.#tree = tree;
    this.#score = score;
    this.#isAging = new Uint8Array(endpoints.length);
    for (let position = 0; position < endpoints.length; position += 1) {
      endpoints[position]!.observe(this, position, "load");
      this.endpointChanged(position);
    }
  }

  choose(_request: PickRequest, excluded: ReadonlySet<string> | undefined): E | undefined {
    if (this.#aging.length > 0) this.#ageOne();
    const position = excluded ? this.#pickOutside(excluded) : this.#tree.pick(this.#random);
    return position === -1 ? undefined : this.#endpoints[position];
  }

  endpointChanged(position: number): void {
    const endpoint = this.#endpoints[position]!;
    const weight = endpoint.weight;
    this.#tree.set(position, endpoint.isFull ? undefined : this.#score(endpoint, weight));
    if (weight < 1 && this.#isAging[position] === 0) {
      this.#isAging[position] = 1;
      this.#aging.push(position);
    }
  }

  close(): void {
    for (const endpoint of this.#endpoints) endpoint.unobserve(this);
  }

  #ageOne(): void {
    if (this.#agingCursor >= this.#aging.length) this.#agingCursor = 0;
    const position = this.#aging[this.#agingCursor]!;
    this.endpointChanged(position);
    if (this.#endpoints[position]!.weight < 1) {
      this.#agingCursor += 1;
      return;
    }
    this.#isAging[position] = 0;
    const last = this.#aging.pop()!;
    if (last !== position) this.#aging[this.#agingCursor] = last;
  }

  /** Takes out one excluded winner after the other, then puts them back: as many steps as the call has tried endpoints. */
  #pickOutside(excluded: ReadonlySet<string>): number {
    const hidden: number[] = [];
    let position = this.#tree.pick(this.#random);
    while (position !== -1 && excluded.has(this.#endpoints[position]!.memberId)) {
      hidden.push(position);
      this.#tree.set(position, undefined);
      position = this.#tree.pick(this.#random);
    }
    for (const each of hidden) this.endpointChanged(each);
    return position;
  }
}
