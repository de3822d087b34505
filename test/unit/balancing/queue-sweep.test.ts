import { CallQueue } from "../../../src/balancing/call-queue";
import { QueueSweep } from "../../../src/balancing/queue-sweep";
import { ManualClock } from "../../../src/testing/manual-clock";

/** As many lanes as callers may make, each with one call that counts how often it was tried. */
function open(lanes: number) {
  const queue = new CallQueue();
  const clock = new ManualClock();
  const sweep = new QueueSweep(queue, clock);
  const tries = new Array<number>(lanes).fill(0);
  const startable = new Set<number>();
  tries.forEach((_, lane) =>
    queue.add(`lane ${lane}`, {
      tryStart: () => {
        tries[lane]! += 1;
        return startable.has(lane);
      },
    }),
  );
  return { queue, clock, sweep, tries, startable, tried: () => tries.reduce((sum, each) => sum + each) };
}

describe("QueueSweep", () => {
  it("tries all lanes at once where there are few, whenever it is woken", () => {
    const { sweep, tries } = open(16);
    sweep.wake();
    sweep.wake();
    expect(tries).toEqual(new Array(16).fill(2));
  });

  it("a thousand lanes cost one wake no more than sixteen tries, and a hundred wakes no more than one", () => {
    const { sweep, tried } = open(1_000);
    for (let count = 0; count < 100; count += 1) sweep.wake();
    expect(tried()).toBe(16);
  });

  it("every lane has its turn, in the order in which they came, and the last call that can start does", async () => {
    const { sweep, clock, tries, startable, queue } = open(1_000);
    startable.add(999);
    sweep.wake();
    await clock.advance(5 * 30);
    expect(tries.slice(0, 496).every((each) => each === 1)).toBe(true);
    expect(tries.slice(496).every((each) => each === 0)).toBe(true);
    await clock.advance(5 * 32);
    expect(tries).toEqual(new Array(1_000).fill(1));
    expect(queue.size).toBe(999);
  });

  it("what changes while it sweeps is followed by another sweep, and then it rests", async () => {
    const { sweep, clock, tries } = open(40);
    sweep.wake();
    await clock.advance(5);
    sweep.wake();
    await clock.advance(1_000);
    expect(tries).toEqual(new Array(40).fill(2));
    expect(clock.pendingTimers).toBe(0);
  });

  it("leaves no timer behind when it is closed", () => {
    const { sweep, clock } = open(100);
    sweep.wake();
    sweep.close();
    expect(clock.pendingTimers).toBe(0);
  });
});
