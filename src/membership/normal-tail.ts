/**
 * The upper tail of the normal distribution on a logarithmic scale, exact to about 1e-12 over its whole length. A tail
 * computed as 1 − CDF is 0 beyond 8.3 deviations, so its logarithm would be infinite just where it matters.
 */

/** Beyond this many deviations the tail no longer grows: keeps the square finite. phi is about 2e11 there. */
const DEVIATIONS_MAX = 1e6;
/** The series below is exact up to here; from here on the continued fraction has converged. */
const SERIES_MAX = 3;
const FRACTION_DEPTH = 80;
const LN_SQRT_TWO_PI = Math.log(Math.sqrt(2 * Math.PI));

/** −log10 of the probability that a normal value lies more than `deviations` standard deviations above the mean. */
export function phiOfDeviations(deviations: number): number {
  const lnTail = deviations >= 0 ? lnUpperTail(deviations) : Math.log1p(-Math.exp(lnUpperTail(-deviations)));
  return -lnTail / Math.LN10;
}

/** The inverse: how many deviations above the mean give `phi`, which is above 0. By Newton's method on the logarithm. */
export function deviationsOfPhi(phi: number): number {
  const lnTail = -phi * Math.LN10;
  // ln Q(z) ≈ −z²/2 gives the start for real thresholds; the function is concave, so the steps cannot run away.
  let deviations = Math.sqrt(2 * Math.max(0, -lnTail - Math.LN2));
  for (let step = 0; step < 50; step += 1) {
    const lnQ = -phiOfDeviations(deviations) * Math.LN10;
    const hazard = Math.exp(-(deviations ** 2) / 2 - LN_SQRT_TWO_PI - lnQ);
    const delta = (lnQ - lnTail) / hazard;
    deviations += delta;
    if (Math.abs(delta) < 1e-12 * Math.max(1, Math.abs(deviations))) break;
  }
  return deviations;
}

/** For z ≥ 0. */
function lnUpperTail(z: number): number {
  const bounded = Math.min(z, DEVIATIONS_MAX);
  const lnDensity = -(bounded ** 2) / 2 - LN_SQRT_TWO_PI;
  if (bounded < SERIES_MAX) return Math.log(0.5 - Math.exp(lnDensity) * oddSeries(bounded));
  return lnDensity - Math.log(laplaceFraction(bounded));
}

/** z + z³/3 + z⁵/(3·5) + …: (CDF(z) − ½) / density(z). All terms are positive, so nothing cancels. */
function oddSeries(z: number): number {
  let term = z;
  let sum = z;
  for (let odd = 3; term > sum * 1e-17; odd += 2) {
    term *= (z * z) / odd;
    sum += term;
  }
  return sum;
}

/** Laplace's continued fraction z + 1/(z + 2/(z + 3/(z + …))): the density over the tail (the hazard). */
function laplaceFraction(z: number): number {
  let value = z;
  for (let depth = FRACTION_DEPTH; depth > 0; depth -= 1) value = z + depth / value;
  return value;
}
