import { CallQueue } from "../../../src/balancing/call-queue";

/** A queue whose calls start as long as their lane has places. */
function open(places: Record<string, number>) {
  const queue = new CallQueue();
  const log = { started: [] as string[], tries: 0 };
  const add = (lane: string, name: string) =>
    queue.add(lane, {
      tryStart() {
        log.tries += 1;
        const left = places[lane] ?? 0;
        if (left === 0) return false;
        places[lane] = left - 1;
        log.started.push(name);
        return true;
      },
    });
  return { queue, add, log, places };
}

describe("CallQueue", () => {
  it("starts the calls of a lane in the order in which they came", () => {
    const { queue, add, log } = open({ a: 3 });
    for (const name of ["a1", "a2", "a3", "a4"]) add("a", name);
    queue.wake();
    expect(log.started).toEqual(["a1", "a2", "a3"]);
    expect(queue.size).toBe(1);
    expect(queue.isWaiting("a")).toBe(true);
  });

  it("tries the longest waiting lane first, and a lane that is stuck holds up no other", () => {
    const { queue, add, log } = open({ b: 1, c: 1 });
    for (const [lane, name] of [
      ["a", "a1"],
      ["c", "c1"],
      ["b", "b1"],
    ] as const) {
      add(lane, name);
    }
    queue.wake();
    expect(log.started).toEqual(["c1", "b1"]);
  });

  it("costs one try for each lane, however many wait", () => {
    const { queue, add, log } = open({});
    for (let call = 0; call < 1_000; call += 1) add(call % 2 ? "a" : "b", `${call}`);
    queue.wake();
    expect(log.tries).toBe(2);
  });

  it("forgets a call that left, once", () => {
    const { queue, add, log } = open({ a: 5 });
    const leave = add("a", "a1");
    add("a", "a2");
    leave();
    leave();
    queue.wake();
    expect(log.started).toEqual(["a2"]);
    expect([queue.size, queue.isWaiting("a")]).toEqual([0, false]);
  });
});
