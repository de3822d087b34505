import { SlowBodies } from "../../../../src/gateway/guard/slow-bodies";
import { ManualClock } from "../../../../src/testing/manual-clock";

describe("SlowBodies", () => {
  it("ends each body that is late, at its own time, and none that arrived", async () => {
    const clock = new ManualClock();
    const ended: [string, number][] = [];
    const startMs = clock.monotonicMs();
    const bodies = new SlowBodies<string>(clock, 1_000, (name) => ended.push([name, clock.monotonicMs() - startMs]));
    bodies.begin("a");
    await clock.advance(400);
    bodies.begin("b");
    bodies.begin("c");
    await clock.advance(500);
    bodies.arrived("b");
    await clock.advance(10_000);
    bodies.begin("d");
    await clock.advance(999);
    expect(ended).toEqual([
      ["a", 1_000],
      ["c", 1_400],
    ]);
    await clock.advance(1);
    expect(ended[2]).toEqual(["d", 11_900]);
  });

  it("ends none after it was closed, and keeps no timer", async () => {
    const clock = new ManualClock();
    const bodies = new SlowBodies<string>(clock, 1_000, () => expect("it").toBe("silent"));
    bodies.begin("a");
    bodies.close();
    await clock.advance(10_000);
  });
});
