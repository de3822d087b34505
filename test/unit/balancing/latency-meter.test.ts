import fc from "fast-check";
import { NO_LATENCY } from "../../../src/balancing/endpoint";
import { LatencyMeter } from "../../../src/balancing/latency-meter";

const DECAY_MS = 10_000;

describe("LatencyMeter", () => {
  // Finagle's rule with decay 10 s: a higher sample replaces the average; a lower one gets 1 − e^(−Δt/10 s) of the say.
  it.each([
    { title: "the first sample is the average", samples: [[0, 100]], peakMs: 100 },
    {
      title: "a higher one replaces it at once",
      samples: [
        [0, 100],
        [10, 500],
      ],
      peakMs: 500,
    },
    {
      title: "a lower one 10 s later counts 63 %",
      samples: [
        [0, 500],
        [10_000, 100],
      ],
      peakMs: 247.152,
    },
    {
      title: "a lower one at the same time counts nothing",
      samples: [
        [0, 500],
        [0, 100],
      ],
      peakMs: 500,
    },
  ])("$title", ({ samples, peakMs }) => {
    const meter = new LatencyMeter(DECAY_MS);
    for (const [atMs, latencyMs] of samples) meter.observe(latencyMs!, atMs!);
    expect(meter.peakMs(samples.at(-1)![0]!)).toBeCloseTo(peakMs, 3);
  });

  it("forgets a peak over time, by 63 % in the decay time", () => {
    const meter = new LatencyMeter(DECAY_MS);
    meter.observe(1_000, 0);
    expect(meter.peakMs(10_000)).toBeCloseTo(367.879, 3);
    expect(meter.peakMs(100_000)).toBeLessThan(0.1);
  });

  it("ranks two meters as their latencies at any later time compare, without being told the time", () => {
    const sample = fc.tuple(fc.integer({ min: 0, max: 50_000 }), fc.integer({ min: 1, max: 5_000 }));
    fc.assert(
      fc.property(sample, sample, fc.nat(50_000), ([atA, a], [atB, b], laterMs) => {
        const [one, other] = [new LatencyMeter(DECAY_MS), new LatencyMeter(DECAY_MS)];
        one.observe(a, atA);
        other.observe(b, atB);
        const nowMs = Math.max(atA, atB) + laterMs;
        expect(one.rank - other.rank).toBeCloseTo(Math.log(one.peakMs(nowMs) / other.peakMs(nowMs)), 6);
      }),
    );
  });

  it("counts at most one decay time of silence once a call is under way, and believes its answer", () => {
    const meter = new LatencyMeter(DECAY_MS);
    meter.observe(2_000, 0);
    meter.wake(600_000);
    expect(meter.peakMs(600_000)).toBeCloseTo(2_000 / Math.E, 3);
    meter.observe(20, 600_020);
    expect(meter.peakMs(600_020)).toBeCloseTo(20, 3);
  });

  it("leaves a meter that was used just now as it is when it wakes", () => {
    const meter = new LatencyMeter(DECAY_MS);
    meter.observe(2_000, 0);
    meter.wake(5_000);
    expect(meter.peakMs(0)).toBe(2_000);
  });

  it("has no rank without data, whatever failed", () => {
    const meter = new LatencyMeter(DECAY_MS);
    meter.observeFailure(1, 10);
    meter.wake(20);
    expect(meter.rank).toBe(NO_LATENCY);
  });
});
