import { RecentLoopLag } from "../../../src/platform/recent-loop-lag";
import { ManualClock } from "../../../src/testing/manual-clock";

describe("The recent delay of the event loop", () => {
  const open = () => {
    const clock = new ManualClock();
    let stallMs = 0;
    const take = () => {
      const maxMs = stallMs;
      stallMs = 0;
      return { maxMs, p99Ms: maxMs };
    };
    const recent = new RecentLoopLag(clock, { take });
    return { clock, recent, stall: (delayMs: number) => (stallMs = delayMs) };
  };

  it("is told to every reader for ten seconds, and then no more", async () => {
    const { clock, recent, stall } = open();
    stall(300);
    expect([recent.maxMs(), recent.maxMs()]).toEqual([300, 300]);
    await clock.advance(5_000);
    stall(40);
    expect(recent.maxMs()).toBe(300);
    await clock.advance(5_000);
    expect(recent.maxMs()).toBe(40);
    await clock.advance(10_000);
    expect(recent.maxMs()).toBe(0);
  });

  it("is that of the whole time where nobody read for longer", async () => {
    const { clock, recent, stall } = open();
    stall(300);
    await clock.advance(60_000);
    expect(recent.maxMs()).toBe(300);
  });
});
