import { systemClock } from "../../../src/platform/system-clock";
import { systemRandom } from "../../../src/platform/system-random";

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ["performance"] });
});

afterEach(() => {
  jest.useRealTimers();
});

describe("System clock", () => {
  it("sleeps for its time", async () => {
    let awake = false;
    const sleeping = systemClock.sleep(100).then(() => {
      awake = true;
    });
    await jest.advanceTimersByTimeAsync(99);
    expect(awake).toBe(false);
    await jest.advanceTimersByTimeAsync(1);
    await sleeping;
    expect(awake).toBe(true);
  });

  it("ends a sleep with the signal's reason, and leaves no timer behind", async () => {
    const abort = new AbortController();
    const sleeping = systemClock.sleep(100, abort.signal);
    const reason = new Error("stopped");
    abort.abort(reason);
    await expect(sleeping).rejects.toBe(reason);
    expect(jest.getTimerCount()).toBe(0);
  });

  it("does not begin a sleep whose signal is aborted already", async () => {
    await expect(systemClock.sleep(100, AbortSignal.abort(new Error("stopped")))).rejects.toThrow("stopped");
    expect(jest.getTimerCount()).toBe(0);
  });

  it("runs a callback once, and not when it is cancelled", async () => {
    const ran: string[] = [];
    systemClock.after(10, () => ran.push("kept"));
    const cancel = systemClock.after(10, () => ran.push("cancelled"));
    cancel();
    await jest.advanceTimersByTimeAsync(100);
    cancel();
    expect(ran).toEqual(["kept"]);
  });

  it("waits 60 days when told to, although Node's timers end at 25", async () => {
    const days = (count: number) => count * 86_400_000;
    const ran: string[] = [];
    systemClock.after(days(60), () => ran.push("late"));
    const cancel = systemClock.after(days(60), () => ran.push("cancelled"));
    await jest.advanceTimersByTimeAsync(days(59));
    expect(ran).toEqual([]);
    cancel();
    await jest.advanceTimersByTimeAsync(days(2));
    expect(ran).toEqual(["late"]);
  });

  it("never goes back", () => {
    const times = Array.from({ length: 1_000 }, () => systemClock.monotonicMs());
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });
});

describe("System random", () => {
  it("differs from one to the next", () => {
    const first = systemRandom();
    const second = systemRandom();
    const draw = (random: typeof first) => Array.from({ length: 8 }, () => random.below(2 ** 32));
    expect(draw(first)).not.toEqual(draw(second));
  });
});
