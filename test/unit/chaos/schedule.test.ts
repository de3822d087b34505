import type { FaultKind } from "../../chaos/fault";
import { plan } from "../../chaos/schedule";

const KINDS: readonly FaultKind[] = ["a", "b", "c", "d", "e"].map((name) => ({
  ...{ name, lane: "workers and clients", holdIntervals: 10 },
  inject: () => Promise.reject(new Error("nothing is injected here")),
}));

function planned(seed: number) {
  return [...plan(KINDS, { seed, intervalMs: 500, rounds: 3 })].map(({ kind, pauseMs, holdMs, random }) => ({
    ...{ name: kind.name, pauseMs, holdMs, whom: random.below(1_000) },
  }));
}

describe("the schedule of faults", () => {
  it("a seed gives the same faults on the same victims for the same times, and another seed others", () => {
    expect(planned(1)).toEqual(planned(1));
    expect(planned(2)).not.toEqual(planned(1));
  });

  it("every kind comes once before any comes again", () => {
    const names = planned(3).map(({ name }) => name);
    for (const round of [0, 1, 2]) {
      expect(names.slice(5 * round, 5 * round + 5).sort()).toEqual(["a", "b", "c", "d", "e"]);
    }
  });

  it("a fault is held for its intervals, give or take an eighth", () => {
    for (const { holdMs } of planned(4)) expect(Math.abs(holdMs - 5_000)).toBeLessThanOrEqual(625);
  });
});
