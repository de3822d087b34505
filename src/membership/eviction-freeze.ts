export interface EvictionFreezeOptions {
  /** Suspicions within this time are one incident. */
  readonly lossWindowMs: number;
  /** More than this share of the members lost in one incident freezes evictions. 0–1. */
  readonly lossRatio: number;
  /** Fewer members than this lost are never an incident. */
  readonly lossMin: number;
  readonly freezeMs: number;
}

/**
 * Notices that so many members were lost at once that the likelier explanation is this director, its machine or its switch.
 * Suspects are then kept, and not picked, but nobody is declared dead for a while.
 */
export class EvictionFreeze {
  readonly #options: EvictionFreezeOptions;
  #lossesMs: number[] = [];
  #frozenUntilMs = Number.NEGATIVE_INFINITY;

  constructor(options: EvictionFreezeOptions) {
    this.#options = options;
  }

  /** A member became suspect. `population` is how many beat or should, the suspects included. */
  noteLoss(nowMs: number, population: number): void {
    const { lossWindowMs, lossRatio, lossMin, freezeMs } = this.#options;
    if (this.#lossesMs.length > 0 && nowMs - this.#lossesMs[0]! > lossWindowMs) {
      this.#lossesMs = this.#lossesMs.filter((lossMs) => nowMs - lossMs <= lossWindowMs);
    }
    this.#lossesMs.push(nowMs);
    const lost = this.#lossesMs.length;
    if (lost >= lossMin && lost > lossRatio * population) this.#frozenUntilMs = nowMs + freezeMs;
  }

  isFrozen(nowMs: number): boolean {
    return nowMs < this.#frozenUntilMs;
  }
}
