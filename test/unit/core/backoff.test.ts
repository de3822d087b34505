import { Backoff } from "../../../src/core/backoff";
import { type Random, seededRandom } from "../../../src/core/random";

const OPTIONS = { initialMs: 100, maxMs: 5_000 };
const always = (unit: number): Random => ({ unit: () => unit, below: () => 0 });
const delays = (backoff: Backoff, count: number) => Array.from({ length: count }, () => backoff.nextMs());

describe("Backoff", () => {
  it("doubles its delays up to the longest", () => {
    expect(delays(new Backoff(OPTIONS, always(1)), 8)).toEqual([100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
  });

  it("never waits less than half of the delay, so that attempts do not come at once", () => {
    expect(delays(new Backoff(OPTIONS, always(0)), 8)).toEqual([50, 100, 200, 400, 800, 1_600, 2_500, 2_500]);
  });

  it("starts over after a reset", () => {
    const backoff = new Backoff(OPTIONS, always(1));
    delays(backoff, 5);
    backoff.reset();
    expect(backoff.nextMs()).toBe(100);
  });

  it("grows by the factor it is given", () => {
    expect(delays(new Backoff({ ...OPTIONS, factor: 3 }, always(1)), 4)).toEqual([100, 300, 900, 2_700]);
  });

  it("stays at the longest delay after thousands of attempts", () => {
    const backoff = new Backoff(OPTIONS, always(1));
    expect(delays(backoff, 5_000).at(-1)).toBe(5_000);
  });

  it("spreads the attempts of many peers over half of the delay", () => {
    const firsts = Array.from({ length: 1_000 }, (_, seed) => new Backoff(OPTIONS, seededRandom(seed)).nextMs());
    const tenths = new Set(firsts.map((delay) => Math.floor((delay - 50) / 5)));
    expect([...tenths].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });
});
