import fc from "fast-check";
import { Attention, StallDetector } from "../../../src/membership/self-suspicion";

const TICKS = { tickIntervalMs: 100, stallToleranceMs: 50 };
const ATTENTION = { ...TICKS, stallGraceMs: 1_000, holdMaxMs: 3_000 };

function ticked(fromMs: number, toMs: number): Attention {
  const attention = new Attention(ATTENTION);
  for (let nowMs = fromMs; nowMs <= toMs; nowMs += 100) attention.observe(nowMs, true);
  return attention;
}

describe("StallDetector", () => {
  test.each([
    ["on time", 100, 0],
    ["as late as timers are", 150, 0],
    ["later than that", 151, 51],
    ["stopped for five seconds", 5_100, 5_000],
    ["early", 20, 0],
  ])("%s: a tick %p ms after the last one is a stall of %p ms", (_name, gapMs, stallMs) => {
    const stalls = new StallDetector(TICKS);
    expect(stalls.observe(40_000)).toBe(0);
    expect(stalls.observe(40_000 + gapMs)).toBe(stallMs);
  });

  test("the first tick is never late, whenever it comes", () => {
    expect(new StallDetector(TICKS).observe(123_456)).toBe(0);
    expect(new StallDetector(TICKS).isLate(123_456)).toBe(false);
  });
});

describe("Attention", () => {
  test("A1 a stall is taken out of attentive time, exactly", () => {
    const attention = ticked(0, 1_000);
    expect(attention.observe(6_100, true)).toBe(1_100);
    expect(attention.observe(6_200, true)).toBe(1_200);
  });

  test("A1 attentive time never goes back and never outruns the clock", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 5_000 }), fc.boolean())), (moves) => {
        const attention = new Attention(ATTENTION);
        let nowMs = 0;
        let lastMs = 0;
        for (const [gapMs, isTick] of moves) {
          nowMs += gapMs;
          const attentiveMs = attention.observe(nowMs, isTick);
          expect(attentiveMs).toBeGreaterThanOrEqual(lastMs);
          expect(attentiveMs - lastMs).toBeLessThanOrEqual(gapMs);
          lastMs = attentiveMs;
        }
      }),
    );
  });

  test("A2 after a stall judgement is held for as long as the stall, at most the grace", () => {
    const short = ticked(0, 1_000);
    const afterShortMs = short.observe(1_300, true); // 200 ms late
    expect(short.isHolding(afterShortMs + 199)).toBe(true);
    expect(short.isHolding(afterShortMs + 200)).toBe(false);
    const long = ticked(0, 1_000);
    const afterLongMs = long.observe(9_000, true);
    expect(long.isHolding(afterLongMs + 999)).toBe(true);
    expect(long.isHolding(afterLongMs + 1_000)).toBe(false);
  });

  test("A2 a stall is noticed by whatever comes first, a beat from a socket as well as a tick", () => {
    const attention = ticked(0, 1_000);
    const attentiveMs = attention.observe(6_100, false);
    expect(attentiveMs).toBe(1_100);
    expect(attention.isHolding(attentiveMs)).toBe(true);
    expect(attention.observe(6_101, true)).toBe(1_101);
  });

  test("A3 a director that is late at every tick still judges", () => {
    const attention = ticked(0, 1_000);
    let judged = 0;
    for (let nowMs = 2_000; nowMs < 200_000; nowMs += 1_000) {
      if (!attention.isHolding(attention.observe(nowMs, true))) judged += 1;
    }
    expect(judged).toBeGreaterThan(3);
  });

  test("an interval with a stall in it, or that ends in the grace, says nothing about who beats", () => {
    const attention = ticked(0, 1_000);
    const beforeMs = attention.attentiveMs(950);
    expect(attention.isFairInterval(beforeMs, attention.attentiveMs(1_000))).toBe(true);
    const resumedMs = attention.observe(1_300, true);
    expect(attention.isFairInterval(beforeMs, resumedMs + 900)).toBe(false);
    expect(attention.isFairInterval(resumedMs + 10, resumedMs + 100)).toBe(false);
    expect(attention.isFairInterval(resumedMs + 300, resumedMs + 1_300)).toBe(true);
  });
});
