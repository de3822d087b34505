import { LoopLag } from "../../../src/platform/loop-lag";

/** Blocks the thread, as a long garbage collection or a synchronous loop would. */
const stall = (durationMs: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, durationMs);

/** Keeps the loop turning, long enough for it to be looked at twice. */
const turnsFor = async (durationMs: number) => {
  const endMs = performance.now() + durationMs;
  while (performance.now() < endMs) await new Promise((resolve) => setImmediate(resolve));
};

describe("Loop lag", () => {
  it("sees how long the loop stood still, once", async () => {
    const loopLag = new LoopLag();
    await turnsFor(60);
    stall(150);
    await turnsFor(60);
    expect(loopLag.take().maxMs).toBeGreaterThan(100);
    expect(loopLag.take()).toEqual({ maxMs: 0, p99Ms: 0 });
    loopLag.stop();
  });

  it("is nothing before there is anything to measure", () => {
    const loopLag = new LoopLag();
    expect(loopLag.take()).toEqual({ maxMs: 0, p99Ms: 0 });
    loopLag.stop();
  });
});
