import fc from "fast-check";
import { FreeBitmap } from "../../../src/balancing/free-bitmap";
import { FreeList } from "../../../src/balancing/free-list";

const CAPACITIES = [1, 2, 31, 32, 33, 1_023, 1_024, 1_025, 40_000];

const plan = fc.constantFrom(...CAPACITIES).chain((capacity) =>
  fc.record({
    capacity: fc.constant(capacity),
    steps: fc.array(fc.record({ add: fc.boolean(), position: fc.nat(capacity - 1) }), { maxLength: 60 }),
    from: fc.nat(capacity),
  }),
);

describe("FreeBitmap", () => {
  it("finds the next member at or after any position, around the end, as a sorted set would", () => {
    fc.assert(
      fc.property(plan, ({ capacity, steps, from }) => {
        const bitmap = new FreeBitmap(capacity);
        const model = new Set<number>();
        for (const { add, position } of steps) {
          bitmap[add ? "add" : "delete"](position);
          model[add ? "add" : "delete"](position);
        }
        const sorted = [...model].sort((a, b) => a - b);
        expect(bitmap.size).toBe(model.size);
        expect(bitmap.nextFrom(from)).toBe(sorted.find((position) => position >= from) ?? sorted[0] ?? -1);
        expect(sorted.every((position) => bitmap.has(position))).toBe(true);
      }),
    );
  });
});

describe("FreeList", () => {
  it("holds what was added and not deleted, each once", () => {
    fc.assert(
      fc.property(plan, ({ capacity, steps }) => {
        const list = new FreeList(capacity);
        const model = new Set<number>();
        for (const { add, position } of steps) {
          list[add ? "add" : "delete"](position);
          model[add ? "add" : "delete"](position);
        }
        const held = Array.from({ length: list.size }, (_, index) => list.at(index));
        expect(held.sort((a, b) => a - b)).toEqual([...model].sort((a, b) => a - b));
      }),
    );
  });
});
