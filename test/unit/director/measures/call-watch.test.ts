import type { EndedCall } from "../../../../src/balancing/ended-call";
import { Status } from "../../../../src/core/status";
import { BATCH_MAX, CallWatch, type CallBatch } from "../../../../src/director/measures/call-watch";
import { ManualClock } from "../../../../src/testing/manual-clock";

let clock: ManualClock;
let watched: boolean[];
let watch: CallWatch;
let abort: AbortController;

beforeEach(() => {
  clock = new ManualClock({ startMs: 10_000, wallMs: 1_000_000 });
  watched = [];
  watch = new CallWatch(clock, (each) => void watched.push(each));
  abort = new AbortController();
});

function ended(facts: Partial<EndedCall> = {}): EndedCall {
  const endedAtMs = clock.monotonicMs();
  const times = { startedAtMs: endedAtMs - 40, endedAtMs, attemptMs: 40 };
  return { method: "a.B/C", memberId: "w1", status: Status.OK, attempts: 1, ...times, ...facts };
}

/** Reads one batch after the other when asked to. */
function reader() {
  const batches = watch.watch(abort.signal)[Symbol.asyncIterator]();
  return async (): Promise<CallBatch | undefined> => {
    const { value, done } = await batches.next();
    return done ? undefined : value;
  };
}

describe("The watch of calls", () => {
  it("begins with an empty batch, and tells of calls as they end", async () => {
    const next = reader();
    expect(await next()).toEqual({ calls: [], omitted: 0 });
    watch.callEnded(ended({ status: Status.NOT_FOUND, attempts: 2 }));
    expect(await next()).toEqual({
      calls: [
        { method: "a.B/C", memberId: "w1", startedAtUnixMs: 999_960, durationMs: 40, status: Status.NOT_FOUND, attempts: 2 },
      ],
      omitted: 0,
    }); // prettier-ignore
  });

  it("is not told of any call while nobody watches", async () => {
    expect(watched).toEqual([]);
    const next = reader();
    await next();
    expect(watched).toEqual([true]);
    const end = next();
    abort.abort();
    expect(await end).toBeUndefined();
    expect(watched).toEqual([true, false]);
  });

  it("sends at most four batches a second, each of a bounded size, and says how many it left out", async () => {
    const next = reader();
    await next();
    const batches: CallBatch[] = [];
    for (let turn = 0; turn < 40; turn += 1) {
      for (let count = 0; count < 100; count += 1) watch.callEnded(ended({ method: `a.B/C${turn}` }));
      await clock.advance(25);
    }
    watch.callEnded(ended());
    await clock.advance(250);
    for (let told = 0; told < 4_001;) {
      const batch = (await next())!;
      batches.push(batch);
      told += batch.calls.length + batch.omitted;
    }
    expect(batches.length).toBeLessThanOrEqual(6);
    for (const { calls } of batches) expect(calls.length).toBeLessThanOrEqual(BATCH_MAX);
  });

  it("takes calls of the whole time where it leaves some out", async () => {
    const batches: CallBatch[] = [];
    watch.subscribe((batch) => void batches.push(batch));
    for (let turn = 0; turn < 40; turn += 1) {
      for (let count = 0; count < 300; count += 1) watch.callEnded(ended({ method: `${turn}` }));
      await clock.advance(25);
    }
    const { calls } = batches.at(-1)!;
    expect(new Set(calls.map(({ method }) => method)).size).toBeGreaterThanOrEqual(9);
  });

  it("lets a slow reader skip to the latest, and counts what it missed", async () => {
    const next = reader();
    await next();
    for (let count = 0; count < 7; count += 1) {
      watch.callEnded(ended({ method: `a.B/C${count}` }));
      await clock.advance(300);
    }
    const batch = (await next())!;
    expect(batch.calls.map(({ method }) => method)).toEqual(["a.B/C6"]);
    expect(batch.omitted).toBe(6);
  });

  it("cuts names that callers made long", async () => {
    const next = reader();
    await next();
    watch.callEnded(ended({ method: "x".repeat(8_000) }));
    expect((await next())!.calls[0]!.method).toHaveLength(200);
  });
});
