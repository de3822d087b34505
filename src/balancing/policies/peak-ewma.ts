import { NO_LATENCY, type Endpoint } from "../endpoint";
import { tieredPolicy } from "../tier";
import { TwoChoicesTier, type Cost } from "../two-choices-tier";

/** Say of one endpoint in the running mean: that of the last 30 or so that had calls. */
const MEAN_GAIN = 1 / 32;

/**
 * Peak-EWMA latency × (calls in flight + 1), in logarithms, because ranks decay without a clock in that form (see
 * `Endpoint.latencyRank`). An endpoint without data counts as fast as the mean of the others, where Finagle gives it one call
 * and then a prohibitive cost: a newcomer gets a mean share, neither a flood nor nothing.
 */
class PeakEwmaCost implements Cost {
  #meanRank: number;

  constructor(endpoints: readonly Endpoint[]) {
    const ranks = endpoints.map((endpoint) => endpoint.latencyRank).filter((rank) => rank !== NO_LATENCY);
    this.#meanRank = ranks.length === 0 ? NO_LATENCY : ranks.reduce((sum, rank) => sum + rank, 0) / ranks.length;
  }

  lasting(endpoint: Endpoint): number {
    const rank = endpoint.latencyRank;
    if (rank === NO_LATENCY) return NaN;
    this.#meanRank = this.#meanRank === NO_LATENCY ? rank : this.#meanRank + MEAN_GAIN * (rank - this.#meanRank);
    return endpoint.weight === 1 ? rank + Math.log(endpoint.inFlight + 1) : NaN;
  }

  current(endpoint: Endpoint): number {
    const known = endpoint.latencyRank !== NO_LATENCY ? endpoint.latencyRank : this.#meanRank;
    return (known === NO_LATENCY ? 0 : known) + Math.log((endpoint.inFlight + 1) / endpoint.weight);
  }
}

/** Of two random endpoints the one that should answer sooner. Source: Finagle's PeakEwma. */
export const peakEwma = tieredPolicy(
  (endpoints, random) => new TwoChoicesTier(endpoints, random, new PeakEwmaCost(endpoints)),
);
