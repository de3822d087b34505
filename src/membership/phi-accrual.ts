import { deviationsOfPhi, phiOfDeviations } from "./normal-tail";

export interface PhiAccrualOptions {
  /** The interval that the worker was told to beat at. Above 0. */
  readonly expectedIntervalMs: number;
  /**
   * Intervals remembered. Default 100: long enough that one lost beat does not move the estimate much, short enough that a
   * changed network is learnt in under two minutes at 1 s beats.
   */
  readonly windowSize: number;
  /**
   * phi at which the silence is suspicious: 8 means that a live worker is silent so long once in 10^8 intervals, if its
   * intervals are normal. Default 8, where the paper's rate of mistakes has fallen and its detection time not yet risen.
   */
  readonly threshold: number;
  /**
   * Least standard deviation that is believed. Default 0.1 × interval, at least 25 ms. Beats on an idle machine vary by less
   * than 1 ms, and without a floor the first pause of a garbage collector would be a one-in-a-billion event. The part that
   * is fixed stands for such pauses and for scheduling, which do not shrink with the interval; the part that grows with it
   * keeps the time to detect a proportion of the interval.
   */
  readonly minDeviationMs: number;
  /**
   * Silence forgiven on top of the mean, for pauses that the window has not seen yet. Default 0.5 × interval: with it a
   * silent worker at steady 1 s beats is found after 1,000 + 500 + 5.61 × 100 = 2,061 ms, just over two intervals, so that
   * one beat may be half an interval late or be lost just before a punctual one.
   */
  readonly acceptablePauseMs: number;
  /**
   * Intervals to measure before the window is believed. Until then the estimate is the expected interval with a quarter of
   * it as deviation, so that nobody is suspected for how its first seconds went. Default 5. At least 1.
   */
  readonly minSamples: number;
}

export function phiAccrualDefaults(expectedIntervalMs: number): PhiAccrualOptions {
  return {
    expectedIntervalMs,
    windowSize: 100,
    threshold: 8,
    minDeviationMs: Math.max(25, 0.1 * expectedIntervalMs),
    acceptablePauseMs: 0.5 * expectedIntervalMs,
    minSamples: 5,
  };
}

/** Deviation assumed while too few intervals are known, as a share of the expected one. */
const BOOTSTRAP_DEVIATION_RATIO = 0.25;

/**
 * Says how suspicious a worker's silence is, from how its beats came so far. phi = −log10 of the probability that a beat
 * comes later than now, if the intervals are normal with the mean and deviation of the last `windowSize`.
 *
 * Intuition: a worker whose beats come like clockwork is suspected soon after one is missing; one whose beats wander gets
 * more patience, without anybody setting a timeout for either.
 *
 * - F1 phi never falls while the silence lasts, and is always finite.
 * - F2 only differences of the given times count, so any monotonic clock will do.
 * - F3 a beat costs O(1); `suspectAtMs` is then a stored number.
 * - F4 one long silence cannot blind the detector: an interval counts for no more than the silence tolerated when it was
 *   measured. A worker that really became slower is still learnt, over several beats.
 *
 * Source: Hayashibara, Défago, Yared, Katayama 2004, "The φ Accrual Failure Detector". Acceptable pause as in Akka.
 */
export class PhiAccrualDetector {
  readonly #options: PhiAccrualOptions;
  readonly #thresholdDeviations: number;
  /** Intervals less the expected one: sums of small numbers lose less than sums of large ones. */
  readonly #offsetsMs: Float64Array;
  #count = 0;
  #cursor = 0;
  #sum = 0;
  #sumOfSquares = 0;
  #lastMs: number;
  /** Whether an interval may be measured from `#lastMs`: not after a start, a new session or a stall of our own. */
  #measurable = false;
  #meanMs = 0;
  #deviationMs = 0;
  #suspectAtMs = 0;

  /** Silence counts from `startMs`, before the first beat as after it. */
  constructor(options: PhiAccrualOptions, startMs: number) {
    const { expectedIntervalMs, windowSize, threshold, minDeviationMs } = options;
    if (!(expectedIntervalMs > 0 && windowSize >= 1 && threshold > 0 && minDeviationMs > 0)) {
      throw new RangeError(`not usable for phi accrual: ${JSON.stringify(options)}`);
    }
    this.#options = options;
    this.#thresholdDeviations = deviationsOfPhi(options.threshold);
    this.#offsetsMs = new Float64Array(options.windowSize);
    this.#lastMs = startMs;
    this.#estimate();
  }

  /** A beat came, and the time since the last one says something about the worker. */
  beat(nowMs: number): void {
    if (this.#measurable) this.#sample(Math.max(0, nowMs - this.#lastMs));
    this.#measurable = true;
    this.#lastMs = nowMs;
    this.#estimate();
  }

  /**
   * A sign of life whose time says nothing: a new session, or a beat that waited in a socket while we were stalled. Neither
   * the interval that ends here nor the one that begins here is measured.
   */
  resume(nowMs: number): void {
    this.#measurable = false;
    this.#lastMs = nowMs;
    this.#estimate();
  }

  phi(nowMs: number): number {
    const silenceMs = nowMs - this.#lastMs - this.#options.acceptablePauseMs;
    return phiOfDeviations((silenceMs - this.#meanMs) / this.#deviationMs);
  }

  /** When phi reaches the threshold if no beat comes. */
  get suspectAtMs(): number {
    return this.#suspectAtMs;
  }

  get lastMs(): number {
    return this.#lastMs;
  }

  /** Estimates now in use, pause not included. For people. */
  get estimate(): { readonly meanMs: number; readonly deviationMs: number; readonly samples: number } {
    return { meanMs: this.#meanMs, deviationMs: this.#deviationMs, samples: this.#count };
  }

  #sample(intervalMs: number): void {
    const toleratedMs = this.#suspectAtMs - this.#lastMs;
    const offsetMs = Math.min(intervalMs, toleratedMs) - this.#options.expectedIntervalMs; // F4
    const replacedMs = this.#count === this.#offsetsMs.length ? this.#offsetsMs[this.#cursor]! : 0;
    this.#offsetsMs[this.#cursor] = offsetMs;
    this.#count = Math.min(this.#count + 1, this.#offsetsMs.length);
    this.#cursor = (this.#cursor + 1) % this.#offsetsMs.length;
    this.#sum += offsetMs - replacedMs;
    this.#sumOfSquares += offsetMs * offsetMs - replacedMs * replacedMs;
    if (this.#cursor === 0) this.#sumAfresh();
  }

  /** Once per lap of the ring, so that rounding errors of adding and subtracting never pile up. */
  #sumAfresh(): void {
    this.#sum = 0;
    this.#sumOfSquares = 0;
    for (const offsetMs of this.#offsetsMs) {
      this.#sum += offsetMs;
      this.#sumOfSquares += offsetMs * offsetMs;
    }
  }

  #estimate(): void {
    const { expectedIntervalMs, minDeviationMs, acceptablePauseMs, minSamples } = this.#options;
    if (this.#count < Math.min(minSamples, this.#offsetsMs.length)) {
      this.#meanMs = expectedIntervalMs;
      this.#deviationMs = Math.max(minDeviationMs, BOOTSTRAP_DEVIATION_RATIO * expectedIntervalMs);
    } else {
      const meanOffsetMs = this.#sum / this.#count;
      const variance = Math.max(0, this.#sumOfSquares / this.#count - meanOffsetMs * meanOffsetMs);
      this.#meanMs = expectedIntervalMs + meanOffsetMs;
      this.#deviationMs = Math.max(minDeviationMs, Math.sqrt(variance));
    }
    this.#suspectAtMs = this.#lastMs + this.#meanMs + acceptablePauseMs + this.#thresholdDeviations * this.#deviationMs;
  }
}
