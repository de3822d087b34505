import { setMaxListeners } from "node:events";
import { BenchLoad, type CallOutcome, type LoadPlan } from "../../../src/cli/bench/bench-load";
import { plainReport, reportLines } from "../../../src/cli/bench/bench-report";
import { LatencyHistogram } from "../../../src/cli/bench/latency-histogram";
import { seededRandom } from "../../../src/core/random";
import { ManualClock } from "../../../src/testing/manual-clock";

const PLAN: LoadPlan = { concurrency: 2, perSecond: undefined, durationMs: undefined, callsMax: undefined };
const WELL: CallOutcome = { failure: "", message: "", worker: "w1", answers: 1 };

/** A load on a clock that is moved until the load is over. */
async function loadOf(
  plan: Partial<LoadPlan>,
  durationOf: (nowMs: number) => number,
  outcome: CallOutcome = WELL,
  interrupted = new AbortController().signal,
) {
  const clock = new ManualClock();
  let atOnce = 0;
  let mostAtOnce = 0;
  const call = async (signal: AbortSignal) => {
    setMaxListeners(0, signal);
    atOnce += 1;
    mostAtOnce = Math.max(mostAtOnce, atOnce);
    await clock.sleep(durationOf(clock.monotonicMs() - startMs), signal).catch(() => {});
    atOnce -= 1;
    return outcome;
  };
  const startMs = clock.monotonicMs();
  const load = new BenchLoad({ clock, call, interrupted }, { ...PLAN, ...plan });
  let isOver = false;
  const running = load.run().then(() => (isOver = true));
  while (!isOver) await clock.advance(1);
  await running;
  return { load, mostAtOnce };
}

describe("heddle bench", () => {
  it("a closed loop has so many calls in flight, and no more", async () => {
    const { load, mostAtOnce } = await loadOf({ concurrency: 3, callsMax: 30 }, () => 10);
    expect([load.calls, mostAtOnce]).toEqual([30, 3]);
    expect(load.elapsedMs).toBe(100);
    expect(load.latency.quantileMs(0.5)).toBe(10);
  });

  it("ends after its duration with the calls that had begun", async () => {
    const { load } = await loadOf({ durationMs: 95 }, () => 10);
    expect([load.calls, load.elapsedMs]).toEqual([20, 100]);
  });

  it("an open loop begins every call that is due before its end, whatever the answers take", async () => {
    const { load } = await loadOf({ concurrency: 1_000, perSecond: 100, durationMs: 1_000 }, () => 300);
    expect([load.calls, load.unsent]).toEqual([100, 0]);
  });

  it("a stall shows in an open loop in every call that it delayed, and hides in a closed one", async () => {
    // Nothing is answered between 200 and 700 ms.
    const stall = (nowMs: number) => (nowMs >= 200 && nowMs < 700 ? 700 - nowMs + 1 : 1);
    const closed = await loadOf({ concurrency: 1, durationMs: 1_000 }, stall);
    const open = await loadOf({ concurrency: 1, perSecond: 100, durationMs: 1_000 }, stall);
    expect(closed.load.latency.quantileMs(0.99)).toBeLessThan(2);
    expect(open.load.latency.quantileMs(0.5)).toBeGreaterThan(1);
    expect(open.load.latency.quantileMs(0.9)).toBeGreaterThan(350);
    expect(open.load.calls + open.load.unsent).toBe(100);
  });

  it("says how many calls were due and could not begin", async () => {
    const { load, mostAtOnce } = await loadOf({ concurrency: 2, perSecond: 100, durationMs: 1_000 }, () => 500);
    expect([load.calls, load.unsent, mostAtOnce]).toEqual([5, 95, 2]);
  });

  it("Ctrl-C ends the calls in flight and does not count them", async () => {
    const interrupt = new AbortController();
    const durationOf = (nowMs: number) => {
      if (nowMs >= 50) interrupt.abort();
      return 10;
    };
    const { load } = await loadOf({ concurrency: 1, durationMs: 60_000 }, durationOf, WELL, interrupt.signal);
    expect([load.calls, load.inFlight]).toEqual([5, 0]);
  });

  it("reports calls, rate, percentiles, a histogram, who answered and what failed", async () => {
    const failing = { ...WELL, failure: "UNAVAILABLE NO_READY_WORKER", message: "No workers\navailable" };
    const { load } = await loadOf({ callsMax: 40 }, (nowMs) => (nowMs < 100 ? 10 : 50), failing);
    const terminal = { out: () => {}, err: () => {}, coloured: false };
    const subject = { method: "a.B/C", direct: false, responseStream: false, plan: PLAN };
    expect(reportLines(terminal, subject, load)).toMatchInlineSnapshot(`
     [
       "a.B/C, through the director, 2 at a time",
       "",
       "calls      40 in 0.6s, 40 failed",
       "calls/s    67",
       "",
       "latency    p50 10ms   p90 50ms   p99 50ms   p99.9 50ms   max 50ms",
       "  ≤   10ms  20  ████████████████████████████████████████",
       "  ≤   20ms   0",
       "  ≤   50ms  20  ████████████████████████████████████████",
       "",
       "workers",
       "  w1  40  100.0 %",
       "",
       "failures",
       "  40 × UNAVAILABLE NO_READY_WORKER: No workers\\u{a}available",
       "",
       "Closed loop: each caller waits for its answer, so a stall hides the calls that would have come meanwhile. --rate measures them.",
     ]
    `);
    expect(plainReport(subject, load)).toMatchObject({
      calls: 40,
      failed: 40,
      workers: { w1: 40 },
      failures: { "UNAVAILABLE NO_READY_WORKER": 40 },
      latencyMs: { min: 10, max: 50 },
    });
  });

  it("knows quantiles to within 0.8 %, from microseconds to hours", () => {
    const random = seededRandom(7);
    const values = Array.from({ length: 20_000 }, () => Math.exp((random.below(1_000_000) / 1_000_000) * 20 - 6));
    const histogram = new LatencyHistogram();
    for (const value of values) histogram.observe(value);
    values.sort((a, b) => a - b);
    for (const quantile of [0.01, 0.5, 0.9, 0.99, 0.999]) {
      const exact = values[Math.ceil(quantile * values.length) - 1]!;
      expect(Math.abs(histogram.quantileMs(quantile) / exact - 1)).toBeLessThan(0.008);
    }
    expect([histogram.quantileMs(1), histogram.count]).toEqual([values.at(-1), 20_000]);
    expect(histogram.between(0, Infinity)).toBe(20_000);
    expect(new LatencyHistogram().quantileMs(0.5)).toBe(0);
  });
});
