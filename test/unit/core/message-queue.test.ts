import fc from "fast-check";
import { MessageQueue } from "../../../src/core/message-queue";
import { settle } from "../../../src/testing/manual-clock";

type Step = { readonly kind: "push"; readonly value: number } | { readonly kind: "next" | "end" | "fail" };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.nat(99).map((value): Step => ({ kind: "push", value })) },
    { weight: 8, arbitrary: fc.constant<Step>({ kind: "next" }) },
    { weight: 1, arbitrary: fc.constantFrom<Step>({ kind: "end" }, { kind: "fail" }) },
  ),
  { maxLength: 60 },
);

const HIGH_WATER = 4;

describe("MessageQueue", () => {
  it("gives every message once and in order, then its end, however pushes and reads interleave", async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (script) => {
        let paused = false;
        const pressure = { highWater: HIGH_WATER, pause: () => (paused = true), resume: () => (paused = false) };
        const queue = new MessageQueue<number>({ pressure });
        const reader = queue[Symbol.asyncIterator]();
        const pushed: number[] = [];
        const read: number[] = [];
        let over: "no" | "end" | "fail" = "no";
        const ends: string[] = [];
        for (const step of script) {
          if (step.kind === "push") {
            queue.push(step.value);
            if (over === "no") pushed.push(step.value);
          } else if (step.kind === "end") {
            queue.end();
            if (over === "no") over = "end";
          } else if (step.kind === "fail") {
            queue.fail(new Error("broken"));
            if (over === "no") over = "fail";
          } else if (read.length < pushed.length || over !== "no") {
            await reader.next().then(
              ({ done, value }) => (done ? ends.push("end") : read.push(value)),
              () => ends.push("fail"),
            );
          }
          expect(queue.size).toBe(pushed.length - read.length);
          // At the bound the producer is held; at half of it, it goes on.
          expect(queue.size >= HIGH_WATER ? paused : true).toBe(true);
          expect(queue.size <= HIGH_WATER / 2 ? paused : false).toBe(false);
        }
        expect(read).toEqual(pushed.slice(0, read.length));
        expect(ends.every((end) => end === over)).toBe(true);
      }),
    );
  });

  it("wakes a reader that waits: with a message, the end, or the failure", async () => {
    const outcomes: unknown[] = [];
    for (const act of [
      (queue: MessageQueue<string>) => queue.push("a"),
      (queue: MessageQueue<string>) => queue.end(),
      (queue: MessageQueue<string>) => queue.fail(new Error("broken")),
    ]) {
      const queue = new MessageQueue<string>();
      const next = queue[Symbol.asyncIterator]().next();
      act(queue);
      outcomes.push(await next.catch((error: Error) => error.message));
    }
    expect(outcomes).toEqual([{ value: "a", done: false }, { value: undefined, done: true }, "broken"]);
  });

  it("tells of a reader that leaves early, once, and takes nothing more", async () => {
    let returned = 0;
    const queue = new MessageQueue<number>({ onReturn: () => (returned += 1) });
    queue.push(1);
    queue.push(2);
    const read: number[] = [];
    for await (const message of queue) {
      read.push(message);
      break;
    }
    queue.push(3);
    expect({ read, returned, size: queue.size }).toEqual({ read: [1], returned: 1, size: 0 });
  });

  it("replaces what waits by the latest", async () => {
    const queue = new MessageQueue<number>();
    for (const value of [1, 2, 3]) queue.replace(value);
    queue.end();
    const read: number[] = [];
    for await (const message of queue) read.push(message);
    expect(read).toEqual([3]);
  });

  it("does not lose what waits to a replacement that comes after the end", async () => {
    const queue = new MessageQueue<number>();
    queue.push(1);
    queue.end();
    queue.replace(2);
    const read: number[] = [];
    for await (const message of queue) read.push(message);
    expect(read).toEqual([1]);
  });

  it("lets its producer go on after a replacement that makes room", async () => {
    let paused = false;
    const pressure = { highWater: 2, pause: () => (paused = true), resume: () => (paused = false) };
    const queue = new MessageQueue<number>({ pressure });
    queue.push(1);
    queue.push(2);
    queue.replace(3);
    await settle();
    expect(paused).toBe(false);
  });
});
