import { ManualClock } from "../../../src/testing/manual-clock";
import { TimerHeap } from "../../../src/testing/timer-heap";
import { seededRandom } from "../../../src/core/random";

describe("ManualClock", () => {
  it("runs timers in due order, each at its own time, those of one instant as they were set", async () => {
    const clock = new ManualClock();
    const ran: string[] = [];
    for (const [name, delayMs] of Object.entries({ c: 30, a: 10, b: 10, d: 40 })) {
      clock.after(delayMs, () => ran.push(`${name}@${clock.monotonicMs()}`));
    }
    await clock.advance(30);
    expect([ran, clock.monotonicMs(), clock.pendingTimers]).toEqual([["a@10", "b@10", "c@30"], 30, 1]);
  });

  it("lets a loop that sleeps run as often as it would", async () => {
    const clock = new ManualClock();
    let turns = 0;
    const loop = async () => {
      for (;;) {
        await clock.sleep(100);
        turns += 1;
      }
    };
    void loop();
    await clock.advance(300);
    expect(turns).toBe(3);
  });

  it("does not move on before what promises put off to the next turn has run", async () => {
    const clock = new ManualClock();
    const seenMs: number[] = [];
    const work = async () => {
      for (;;) {
        await clock.sleep(1);
        await new Promise((resolve) => setImmediate(resolve));
        await Promise.resolve();
        seenMs.push(clock.monotonicMs());
      }
    };
    void work();
    for (let delayMs = 1; delayMs <= 5; delayMs += 1) clock.after(delayMs, () => {});
    await clock.advance(5);
    expect(seenMs).toEqual([1, 2, 3, 4, 5]);
  });

  it("does not run what was cancelled, nor counts it, by a timer of the same instant too", async () => {
    const clock = new ManualClock();
    const ran: string[] = [];
    clock.after(5, () => {
      ran.push("first");
      cancel();
      cancel();
    });
    const cancel = clock.after(5, () => ran.push("second"));
    await clock.advance(10);
    expect([ran, clock.pendingTimers]).toEqual([["first"], 0]);
  });
});

describe("TimerHeap", () => {
  it("gives what a sorted list gives, whatever is cancelled", () => {
    const random = seededRandom(1);
    const heap = new TimerHeap();
    const timers = Array.from({ length: 5_000 }, (_, order) => {
      return { dueMs: random.below(500), order, run: () => {}, cancelled: false };
    });
    for (const timer of timers) heap.push(timer);
    const cancelled = new Set(timers.filter(() => random.below(4) > 0));
    for (const timer of cancelled) heap.cancel(timer);
    const left = timers.filter((timer) => !cancelled.has(timer));
    expect(heap.size).toBe(left.length);
    const sorted = left.sort((a, b) => a.dueMs - b.dueMs || a.order - b.order);
    expect(sorted.map(() => heap.popDue(Infinity)?.order)).toEqual(sorted.map(({ order }) => order));
    expect([heap.popDue(Infinity), heap.size]).toEqual([undefined, 0]);
  });
});
