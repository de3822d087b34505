import { NO_LATENCY, type Endpoint } from "../endpoint";
import { tieredPolicy } from "../tier";
import { TwoChoicesTier } from "../two-choices-tier";

/** Say of one drawn endpoint in the running mean: the last 30 or so. */
const MEAN_GAIN = 1 / 32;

/**
 * Of two random endpoints the one that should answer sooner: peak-EWMA latency × (calls in flight + 1). Source: Finagle's
 * PeakEwma. In logarithms, because ranks decay without a clock in that form (see `Endpoint.latencyRank`).
 *
 * An endpoint without data counts as fast as the mean of those drawn lately, where Finagle gives it one call and then a
 * prohibitive cost: a newcomer gets a mean share, neither a flood nor nothing.
 */
export const peakEwma = tieredPolicy((endpoints, random) => {
  let meanRank = initialMean(endpoints);
  const cost = (endpoint: Endpoint) => {
    const rank = endpoint.latencyRank;
    const weight = endpoint.weight;
    const burden = Math.log(weight === 1 ? endpoint.inFlight + 1 : (endpoint.inFlight + 1) / weight);
    if (rank === NO_LATENCY) return meanRank === NO_LATENCY ? burden : meanRank + burden;
    meanRank = meanRank === NO_LATENCY ? rank : meanRank + MEAN_GAIN * (rank - meanRank);
    return rank + burden;
  };
  return new TwoChoicesTier(endpoints, random, cost);
});

function initialMean(endpoints: readonly Endpoint[]): number {
  let sum = 0;
  let known = 0;
  for (const endpoint of endpoints) {
    if (endpoint.latencyRank === NO_LATENCY) continue;
    sum += endpoint.latencyRank;
    known += 1;
  }
  return known === 0 ? NO_LATENCY : sum / known;
}
