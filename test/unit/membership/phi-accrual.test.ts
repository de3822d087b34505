import fc from "fast-check";
import { phiAccrualDefaults, PhiAccrualDetector } from "../../../src/membership/phi-accrual";

const SECOND = phiAccrualDefaults(1_000);

/** A detector that was given beats at these intervals, the first beat at `startMs`. */
function fed(
  intervalsMs: readonly number[],
  options = SECOND,
  startMs = 0,
): { detector: PhiAccrualDetector; lastMs: number } {
  const detector = new PhiAccrualDetector(options, startMs);
  let lastMs = startMs;
  detector.beat(lastMs);
  for (const intervalMs of intervalsMs) {
    lastMs += intervalMs;
    detector.beat(lastMs);
  }
  return { detector, lastMs };
}

describe("R-08 PhiAccrualDetector", () => {
  test("the defaults at 1 s beats are threshold 8, window 100, deviation 100 ms, pause 500 ms", () => {
    expect(SECOND).toMatchObject({ threshold: 8, windowSize: 100, minDeviationMs: 100, acceptablePauseMs: 500 });
  });

  // By hand, for steady 1 s beats: mean 1,000, deviation at its floor of 100, pause 500, so phi = −log10 Q((t − 1,500) / 100).
  test.each([
    [1_300, -Math.log10(0.977249868)], // z = −2
    [1_500, -Math.log10(0.5)],
    [1_600, -Math.log10(0.158655254)],
    [1_700, -Math.log10(0.0227501319)],
    [1_800, -Math.log10(0.00134989803)],
    [2_000, -Math.log10(2.86651572e-7)],
    [2_061.2, 8.0],
    [2_500, 23.11805],
  ])("at steady 1 s beats, %p ms of silence are phi %p", (silenceMs, phi) => {
    const { detector, lastMs } = fed(Array(50).fill(1_000));
    expect(detector.phi(lastMs + silenceMs)).toBeCloseTo(phi, 3);
  });

  test("the estimate is the mean and the deviation of the window, by hand", () => {
    // Offsets from 1,000: −200, 0, 200, −200, 0, 200 → mean 1,000, variance 4 × 40,000 / 6, deviation 163.3.
    const { detector, lastMs } = fed([800, 1_000, 1_200, 800, 1_000, 1_200]);
    expect(detector.estimate.meanMs).toBeCloseTo(1_000, 9);
    expect(detector.estimate.deviationMs).toBeCloseTo(163.299, 3);
    expect(detector.suspectAtMs - lastMs).toBeCloseTo(1_000 + 500 + 5.612 * 163.299, 0);
  });

  test("before enough samples the expected interval and a quarter of it are assumed", () => {
    const { detector } = fed([1_000, 1_000]);
    expect(detector.estimate).toEqual({ meanMs: 1_000, deviationMs: 250, samples: 2 });
    expect(detector.suspectAtMs).toBeCloseTo(2_000 + 1_000 + 500 + 5.612 * 250, 0);
  });

  test("a worker that never beats is suspected as well", () => {
    const detector = new PhiAccrualDetector(SECOND, 0);
    expect(detector.suspectAtMs).toBeCloseTo(1_500 + 5.612 * 250, 0);
  });

  test("a silent worker at steady beats is suspected within 2.2 intervals of its last beat", () => {
    for (const intervalMs of [250, 1_000, 5_000, 30_000]) {
      const { detector, lastMs } = fed(Array(30).fill(intervalMs), phiAccrualDefaults(intervalMs));
      expect((detector.suspectAtMs - lastMs) / intervalMs).toBeLessThan(2.1);
    }
  });

  test("one lost beat, or one half an interval late, is no suspicion", () => {
    const { detector, lastMs } = fed(Array(30).fill(1_000));
    expect(detector.phi(lastMs + 2_000)).toBeLessThan(8);
  });

  test("suspectAtMs is where phi reaches the threshold", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 3_000, noNaN: true }), { maxLength: 250 }), (intervalsMs) => {
        const { detector } = fed(intervalsMs);
        expect(detector.phi(detector.suspectAtMs)).toBeCloseTo(8, 6);
      }),
    );
  });

  test("F1 phi never falls while the silence lasts, and is always finite", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { maxLength: 150 }),
        fc.array(fc.double({ min: 0, max: 1e12, noNaN: true }), { minLength: 2, maxLength: 20 }),
        (intervalsMs, silencesMs) => {
          const { detector, lastMs } = fed(intervalsMs);
          const phis = silencesMs.sort((a, b) => a - b).map((silenceMs) => detector.phi(lastMs + silenceMs));
          phis.forEach((phi, index) => {
            expect(Number.isFinite(phi)).toBe(true);
            expect(phi).toBeGreaterThanOrEqual((phis[index - 1] ?? 0) - 1e-11);
          });
        },
      ),
    );
  });

  test("a beat resets phi", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 1, max: 5_000, noNaN: true }), { maxLength: 120 }), (intervalsMs) => {
        const { detector } = fed(intervalsMs);
        const suspectMs = detector.suspectAtMs;
        detector.beat(suspectMs);
        expect(detector.phi(suspectMs)).toBeLessThan(1);
        expect(detector.suspectAtMs).toBeGreaterThan(suspectMs);
      }),
    );
  });

  test("F2 the same beats on a clock with another origin give the same phi", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 5_000 }), { maxLength: 250 }),
        fc.integer({ min: -1e9, max: 1e9 }),
        fc.integer({ min: 0, max: 20_000 }),
        (intervalsMs, shiftMs, silenceMs) => {
          const here = fed(intervalsMs);
          const there = fed(intervalsMs, SECOND, shiftMs);
          const difference = there.detector.phi(there.lastMs + silenceMs) - here.detector.phi(here.lastMs + silenceMs);
          expect(Math.abs(difference)).toBeLessThan(1e-6);
        },
      ),
    );
  });

  test("F4 one long pause does not blind the detector, and a slower rhythm is learnt", () => {
    const { detector, lastMs } = fed([...Array(100).fill(1_000), 60_000, 1_000]);
    expect(detector.suspectAtMs - lastMs).toBeLessThan(2_300);
    const slower = fed([...Array(100).fill(1_000), ...Array(150).fill(1_800)]);
    expect(slower.detector.estimate.meanMs).toBeCloseTo(1_800, 6);
  });

  test("an interval after resume is not measured", () => {
    const { detector, lastMs } = fed(Array(20).fill(1_000));
    const before = detector.estimate;
    detector.resume(lastMs + 7_000);
    detector.beat(lastMs + 7_001);
    expect(detector.estimate).toEqual(before);
    detector.beat(lastMs + 8_001);
    expect(detector.estimate.samples).toBe(before.samples + 1);
  });

  test("the running sums are still exact after a million beats of mixed size", () => {
    const intervalsMs = Array.from({ length: 1_000_037 }, (_, index) => 700 + ((index * 7_919) % 601) + 1 / 3);
    const { detector } = fed(intervalsMs);
    const window = intervalsMs.slice(-100);
    const meanMs = window.reduce((sum, value) => sum + value, 0) / 100;
    const variance = window.reduce((sum, value) => sum + (value - meanMs) ** 2, 0) / 100;
    expect(detector.estimate.meanMs).toBeCloseTo(meanMs, 6);
    expect(detector.estimate.deviationMs).toBeCloseTo(Math.sqrt(variance), 6);
  });

  test("intervals that left the window leave no rounding error behind, however large they were", () => {
    for (let seed = 0; seed < 20; seed += 1) {
      const hugeMs = Array.from({ length: 2_000 }, (_, index) => 1e10 * (1 + (((index + seed) * 0.618) % 1)));
      const { detector, lastMs } = fed(hugeMs, { ...SECOND, minDeviationMs: 1 });
      expect(detector.estimate.meanMs).toBeGreaterThan(1e9);
      for (let beat = 1; beat <= 200; beat += 1) detector.beat(lastMs + beat * 1_000);
      expect(detector.estimate.meanMs).toBeCloseTo(1_000, 1);
      expect(detector.estimate.deviationMs).toBe(1);
    }
  });

  test("refuses options that cannot work", () => {
    expect(() => new PhiAccrualDetector({ ...SECOND, minDeviationMs: 0 }, 0)).toThrow(RangeError);
    expect(() => new PhiAccrualDetector({ ...SECOND, windowSize: 0 }, 0)).toThrow(RangeError);
  });
});
