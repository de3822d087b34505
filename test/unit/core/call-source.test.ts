import { CallSource } from "../../../src/core/call-source";
import { ManualClock } from "../../../src/testing/manual-clock";

describe("CallSource", () => {
  const cancelMany = (source: CallSource, count: number) => {
    for (let each = 0; each < count; each += 1) source.cancelled();
  };

  it("takes 50 cancels at once and 5 a second for no storm", async () => {
    const clock = new ManualClock({ startMs: 5 });
    const source = new CallSource("10.0.0.1:1", clock);
    cancelMany(source, 50);
    for (let second = 0; second < 20; second += 1) {
      await clock.advance(1_000);
      cancelMany(source, 5);
    }
    expect(source.isStormy).toBe(false);
    source.cancelled();
    expect(source.isStormy).toBe(true);
  });

  it("is calm again when 10 s had fewer cancels than usual ones, and not before", async () => {
    const clock = new ManualClock();
    const source = new CallSource("10.0.0.1:1", clock);
    cancelMany(source, 51);
    await clock.advance(9_000);
    expect(source.isStormy).toBe(true);
    source.cancelled();
    await clock.advance(1_000);
    expect(source.isStormy).toBe(true);
    await clock.advance(300);
    expect(source.isStormy).toBe(false);
  });
});
