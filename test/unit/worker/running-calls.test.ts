import { seededRandom } from "../../../src/core/random";
import type { IncomingCall } from "../../../src/core/call";
import { AdmittedCall } from "../../../src/worker/admitted-call";
import { RunningCalls } from "../../../src/worker/running-calls";

const newCall = () => new AdmittedCall({} as IncomingCall, { draining: AbortSignal.any([]), ended: () => {} });

describe("Running calls", () => {
  it("are those that were added and not removed, in whatever order calls end", () => {
    const random = seededRandom(7);
    const running = new RunningCalls();
    const expected = new Set<AdmittedCall>();
    for (let step = 0; step < 300; step += 1) {
      if (expected.size === 0 || random.unit() < 0.51) {
        const call = newCall();
        running.add(call);
        expected.add(call);
      } else {
        const call = [...expected][random.below(expected.size)]!;
        running.remove(call);
        expected.delete(call);
      }
      expect(running.count).toBe(expected.size);
      expect(new Set(running.all())).toEqual(expected);
    }
  });

  it("keep no call alive that has ended", () => {
    const running = new RunningCalls();
    const [first, second] = [newCall(), newCall()];
    running.add(first);
    running.add(second);
    running.remove(first);
    expect([first.before, first.after, second.before, second.after]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });
});
