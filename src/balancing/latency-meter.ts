import { NO_LATENCY } from "./endpoint";

/** Latencies below this count as this: the logarithm needs a floor, and no network answers faster. */
const LATENCY_FLOOR_MS = 0.01;

/**
 * How slow an endpoint answers, judged pessimistically: a slower call than the average raises it at once, faster ones lower
 * it over `decayMs`. Silence lowers it too, so that an endpoint which was slow once is tried again.
 *
 * Source of the rule: Finagle's "Peak EWMA" (loadbalancer/PeakEwma.scala). Kept as a logarithm on a landmark that moves with
 * time, so that two endpoints compare without reading the clock: Cormode, Shkapenyuk, Srivastava, Xu 2009, "Forward Decay".
 */
export class LatencyMeter {
  readonly #decayMs: number;
  #peakMs = 0;
  #peakAtMs = 0;
  #observedAtMs = 0;
  #meanMs = 0;
  #rank = NO_LATENCY;

  /** @param decayMs time in which an old observation loses 63 % of its say. */
  constructor(decayMs: number) {
    this.#decayMs = decayMs;
  }

  /** See `Endpoint.latencyRank`. */
  get rank(): number {
    return this.#rank;
  }

  /** The mean latency, older calls fading over `decayMs`; 0 without data. */
  get meanMs(): number {
    return this.#meanMs;
  }

  /** The peak EWMA at `nowMs`; 0 without data. */
  peakMs(nowMs: number): number {
    return this.#peakMs * Math.exp(-(nowMs - this.#peakAtMs) / this.#decayMs);
  }

  observe(latencyMs: number, nowMs: number): void {
    const sampleMs = Math.max(LATENCY_FLOOR_MS, latencyMs);
    if (this.#rank === NO_LATENCY) {
      this.#meanMs = sampleMs;
      this.#setPeak(sampleMs, nowMs);
    } else {
      const keptRatio = Math.exp(-(nowMs - this.#observedAtMs) / this.#decayMs);
      this.#meanMs = this.#meanMs * keptRatio + sampleMs * (1 - keptRatio);
      const averageMs = this.#peakMs * keptRatio + sampleMs * (1 - keptRatio);
      this.#setPeak(sampleMs > this.peakMs(nowMs) ? sampleMs : averageMs, nowMs);
    }
    this.#observedAtMs = nowMs;
  }

  /** A call that failed: that it took long is news, that it was quick is not (refusing is quick). */
  observeFailure(latencyMs: number, nowMs: number): void {
    const known = this.#rank !== NO_LATENCY;
    if (known && latencyMs > this.#meanMs && latencyMs > this.peakMs(nowMs)) this.observe(latencyMs, nowMs);
  }

  /**
   * To be told when an idle endpoint gets a call. Long silence has made it look arbitrarily fast; until its answer shows how
   * fast it is, no more than one `decayMs` of silence counts. Otherwise every call would go there.
   */
  wake(nowMs: number): void {
    if (this.#rank === NO_LATENCY || nowMs - this.#peakAtMs <= this.#decayMs) return;
    this.#setPeak(Math.max(LATENCY_FLOOR_MS, this.#peakMs / Math.E), nowMs);
  }

  /** Forgets everything: the worker started anew. */
  reset(): void {
    this.#meanMs = 0;
    this.#peakMs = 0;
    this.#rank = NO_LATENCY;
  }

  #setPeak(peakMs: number, nowMs: number): void {
    this.#peakMs = peakMs;
    this.#peakAtMs = nowMs;
    this.#rank = Math.log(peakMs) + nowMs / this.#decayMs;
  }
}
