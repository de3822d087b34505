import fc from "fast-check";
import { deviationsOfPhi, phiOfDeviations } from "../../../src/membership/normal-tail";

describe("the normal tail", () => {
  // Upper tail probabilities Q(z) from tables of the normal distribution (Abramowitz & Stegun, table 26.1 and 26.2).
  test.each([
    [0, 0.5],
    [0.5, 0.308537538726],
    [1, 0.158655253931],
    [2, 0.0227501319482],
    [3, 0.00134989803163],
    [4, 3.16712418331e-5],
    [5, 2.86651571879e-7],
    [6, 9.86587645e-10],
    [-1, 0.841344746069],
    [-3, 0.998650101968],
  ])("at %p deviations is the table's %p", (deviations, tail) => {
    expect(phiOfDeviations(deviations)).toBeCloseTo(-Math.log10(tail), 8);
  });

  // A&S table 26.2: −log10 Q(z) for large z.
  test.each([
    [10, 23.11805],
    [20, 88.5601],
    [50, 544.96634],
    [100, 2173.87154],
    [500, 54289.9083],
  ])("at %p deviations, where 1 − CDF is 0 in floating point, phi is the table's %p", (deviations, phi) => {
    expect(phiOfDeviations(deviations)).toBeCloseTo(phi, 4);
  });

  test("5.61 deviations are phi 8 and 7.03 are phi 12", () => {
    expect(deviationsOfPhi(8)).toBeCloseTo(5.612, 3);
    expect(deviationsOfPhi(12)).toBeCloseTo(7.034, 3);
  });

  test("is finite for every finite distance", () => {
    for (const deviations of [-1e308, -1e9, -40, 0, 1e9, 1e154, 1e308]) {
      expect(Number.isFinite(phiOfDeviations(deviations))).toBe(true);
    }
  });

  test("never falls as the distance grows", () => {
    const distance = fc.double({ min: -20, max: 1e4, noNaN: true });
    fc.assert(
      fc.property(distance, fc.double({ min: 0, max: 10, noNaN: true }), (from, step) => {
        // 1e-11: rounding, where the tail is so flat that phi does not change.
        expect(phiOfDeviations(from + step)).toBeGreaterThanOrEqual(phiOfDeviations(from) - 1e-11);
      }),
      { numRuns: 2_000 },
    );
  });

  test("the inverse is the inverse", () => {
    fc.assert(
      fc.property(fc.double({ min: 0.01, max: 500, noNaN: true }), (phi) => {
        const back = phiOfDeviations(deviationsOfPhi(phi));
        expect(Math.abs(back - phi)).toBeLessThan(1e-9 * Math.max(1, phi));
      }),
    );
  });
});
