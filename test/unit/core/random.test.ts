import { seededRandom } from "../../../src/core/random";

describe("Seeded random", () => {
  it("gives the same numbers for the same seed, and others for another", () => {
    const numbers = (seed: number) => {
      const random = seededRandom(seed);
      return Array.from({ length: 20 }, () => random.below(1_000_000));
    };
    expect(numbers(7)).toEqual(numbers(7));
    expect(numbers(7)).not.toEqual(numbers(8));
  });

  it.each([1, 2, 7, 10, 1_000, 2 ** 32])("stays below %d", (bound) => {
    const random = seededRandom(1);
    const numbers = Array.from({ length: 10_000 }, () => random.below(bound));
    expect(numbers.every((number) => Number.isInteger(number) && number >= 0 && number < bound)).toBe(true);
  });

  it("gives each of ten numbers its share, as a chi-squared test sees it", () => {
    const draws = 100_000;
    const counts = new Array<number>(10).fill(0);
    const random = seededRandom(20_261_121);
    for (let draw = 0; draw < draws; draw += 1) counts[random.below(10)]! += 1;
    const expected = draws / 10;
    const chiSquared = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    // 9 degrees of freedom: 27.88 is exceeded by chance once in a thousand.
    expect(chiSquared).toBeLessThan(27.88);
  });

  it("draws units from 0 to 1, with the mean in the middle", () => {
    const random = seededRandom(3);
    const units = Array.from({ length: 10_000 }, () => random.unit());
    expect(Math.min(...units)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...units)).toBeLessThan(1);
    expect(units.reduce((sum, unit) => sum + unit, 0) / units.length).toBeCloseTo(0.5, 1);
  });
});
