import { seededRandom } from "../../../src/core/random";
import { StandbyCalls } from "../../../src/director/capacity/standby-calls";

const standby = (services: readonly string[], begun: number) => ({ services: new Set(services), begun });

describe("Calls that standbys have", () => {
  it("each standby counts once, however many services it shares with the asker, as of the latest count", () => {
    const first = standby(["a", "b"], 2);
    const calls = new StandbyCalls([first, standby(["b", "a"], 3), standby(["b", "c"], 10), standby(["d"], 100)]);
    expect(calls.of(new Set(["a", "b"]), Infinity)).toBe(0);
    calls.count();
    const asked = [["a"], ["a", "b"], ["a", "b"], ["c", "d"], ["e"], []];
    expect(asked.map((services) => calls.of(new Set(services), Infinity))).toEqual([5, 15, 15, 110, 0, 0]);
    first.begun = 0;
    calls.count();
    expect(calls.of(new Set(["a", "b"]), Infinity)).toBe(13);
  });

  it("as many as asked for are enough, and fewer are told exactly: 300 clusters at random, beside the sum over all standbys", () => {
    const random = seededRandom(7);
    const upTo = (max: number) => random.below(max + 1);
    const some = () => Array.from({ length: 1 + upTo(3) }, () => `service-${upTo(6)}`);
    for (let round = 0; round < 300; round += 1) {
      const standbys = Array.from({ length: upTo(8) }, () => standby(some(), upTo(3)));
      const calls = new StandbyCalls(standbys);
      calls.count();
      const services = new Set(some());
      const max = 1 + upTo(10);
      const shared = standbys.filter((each) => [...each.services].some((service) => services.has(service)));
      const sum = shared.reduce((all, { begun }) => all + begun, 0);
      expect(Math.min(calls.of(services, max), max)).toBe(Math.min(sum, max));
    }
  });
});
