import { PacedTask } from "../../../src/core/paced-task";
import { ManualClock } from "../../../src/testing/manual-clock";

const PAUSE_MS = 20;

function pacedTask(pauseMs = PAUSE_MS) {
  const clock = new ManualClock();
  const runsAtMs: number[] = [];
  const startMs = clock.monotonicMs();
  const task = new PacedTask(
    clock,
    () => runsAtMs.push(clock.monotonicMs() - startMs),
    () => pauseMs,
  );
  return { clock, task, runsAtMs };
}

describe("PacedTask", () => {
  it("runs before the turn ends when it has not run for a while, once for all who asked", async () => {
    const { task, runsAtMs } = pacedTask();
    task.soon();
    task.now();
    task.soon();
    expect(runsAtMs).toEqual([]);
    await Promise.resolve();
    expect(runsAtMs).toEqual([0]);
  });

  it("keeps a pause between runs that are only wanted soon", async () => {
    const { clock, task, runsAtMs } = pacedTask();
    for (let atMs = 0; atMs < 50; atMs += 1) {
      task.soon();
      await clock.advance(1);
    }
    expect(runsAtMs).toEqual([0, 20, 40]);
  });

  it("does not let a pause hold up a run that is wanted now", async () => {
    const { clock, task, runsAtMs } = pacedTask();
    task.soon();
    await clock.advance(5);
    task.soon();
    task.now();
    await clock.advance(2 * PAUSE_MS);
    expect(runsAtMs).toEqual([0, 5]);
  });

  it("makes no pause that is shorter than a timer", async () => {
    const { clock, task, runsAtMs } = pacedTask(0.5);
    task.soon();
    await Promise.resolve();
    task.soon();
    await Promise.resolve();
    expect(runsAtMs).toEqual([0, 0]);
    await clock.advance(PAUSE_MS);
    expect(runsAtMs).toHaveLength(2);
  });

  it("never runs after it was cancelled", async () => {
    const { clock, task, runsAtMs } = pacedTask();
    task.soon();
    await clock.advance(1);
    task.soon();
    task.cancel();
    task.now();
    await clock.advance(2 * PAUSE_MS);
    expect(runsAtMs).toEqual([0]);
  });
});
