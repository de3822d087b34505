import fc from "fast-check";
import { LowestScoreTree, ProportionalTree } from "../../../src/balancing/score-tree";
import { seededRandom } from "../../../src/core/random";

const plan = fc.integer({ min: 1, max: 40 }).chain((capacity) =>
  fc.record({
    capacity: fc.constant(capacity),
    steps: fc.array(
      fc.record({
        position: fc.nat(capacity - 1),
        score: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
      }),
      { maxLength: 80 },
    ),
    seed: fc.nat(),
  }),
);

function apply(
  tree: { set(position: number, score: number | undefined): void },
  steps: readonly { position: number; score: number | undefined }[],
) {
  const model = new Map<number, number>();
  for (const { position, score } of steps) {
    tree.set(position, score);
    if (score === undefined) model.delete(position);
    else model.set(position, score);
  }
  return model;
}

describe("LowestScoreTree", () => {
  it("picks a position with the lowest score, or none when there is none", () => {
    fc.assert(
      fc.property(plan, ({ capacity, steps, seed }) => {
        const tree = new LowestScoreTree(capacity);
        const model = apply(tree, steps);
        const lowest = Math.min(...model.values());
        const best = [...model].filter(([, score]) => score === lowest).map(([position]) => position);
        expect(best.length > 0 ? best : [-1]).toContain(tree.pick(seededRandom(seed)));
      }),
    );
  });

  it("draws each of the equals equally often", () => {
    const tree = new LowestScoreTree(11);
    for (let position = 0; position < 11; position += 1) tree.set(position, position % 2);
    const random = seededRandom(1);
    const counts = new Array<number>(11).fill(0);
    for (let pick = 0; pick < 12_000; pick += 1) counts[tree.pick(random)]! += 1;
    const even = counts.filter((_, position) => position % 2 === 0);
    expect(even.reduce((sum, count) => sum + count, 0)).toBe(12_000);
    expect(Math.max(...even.map((count) => Math.abs(count - 2_000)))).toBeLessThan(200);
  });
});

describe("ProportionalTree", () => {
  it("picks only positions with a score, or none when there is none", () => {
    fc.assert(
      fc.property(plan, fc.constantFrom(0, 0.5, 1 - 2 ** -32), ({ capacity, steps }, unit) => {
        const tree = new ProportionalTree(capacity);
        const model = apply(tree, steps);
        const held = model.size > 0 ? [...model.keys()] : [-1];
        expect(held).toContain(tree.pick({ unit: () => unit, below: () => 0 }));
      }),
    );
  });

  it("draws in proportion to the scores", () => {
    const tree = new ProportionalTree(4);
    [1, 2, 3, 4].forEach((score, position) => tree.set(position, score));
    const random = seededRandom(2);
    const counts = [0, 0, 0, 0];
    for (let pick = 0; pick < 100_000; pick += 1) counts[tree.pick(random)]! += 1;
    expect(counts.map((count) => Math.round(count / 1_000))).toEqual([10, 20, 30, 40]);
  });
});
