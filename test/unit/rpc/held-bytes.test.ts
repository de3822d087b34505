import fc from "fast-check";
import { giveBack, HeldBytes } from "../../../src/rpc/framing/held-bytes";

type Step = { readonly append: number } | { readonly drop: number } | "shift" | "lend" | "clear";

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.integer({ min: 0, max: 40_000 }).map((append) => ({ append })),
  fc.integer({ min: 0, max: 40_000 }).map((drop) => ({ drop })),
  fc.constantFrom("shift", "lend", "clear"),
);

describe("HeldBytes", () => {
  it("gives back what was put in, in order, however blocks are used again", () => {
    const pattern = Buffer.from(Array.from({ length: 50_251 }, (_, index) => index % 251));
    let next = 0;
    const bytesOf = (length: number) => pattern.subarray((next = (next + 7) % 251), next + length);
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(2), step), { maxLength: 60 }), (steps) => {
        // Several side by side, because it is each other's blocks that they use.
        const rows = Array.from({ length: 3 }, () => ({ held: new HeldBytes(), model: Buffer.alloc(0) }));
        const kept: [Buffer, Buffer][] = [];
        for (const [at, what] of steps) {
          const row = rows[at]!;
          const { held } = row;
          const take = (taken: Buffer, length = taken.length) => {
            expect(taken.equals(row.model.subarray(0, taken.length))).toBe(true);
            row.model = row.model.subarray(length);
          };
          if (what === "clear") {
            held.clear();
            row.model = Buffer.alloc(0);
          } else if (typeof what === "object" && "append" in what) {
            const bytes = bytesOf(what.append);
            held.append(Buffer.concat([bytesOf(3), bytes, bytesOf(2)]), 3, 3 + bytes.length);
            row.model = Buffer.concat([row.model, bytes]);
          } else if (!held.isEmpty) {
            const first = held.first();
            if (typeof what === "object") {
              const bytes = Math.min(what.drop, first.length);
              take(first, bytes);
              held.drop(bytes);
            } else {
              const shifted = held.shift();
              take(shifted);
              if (what === "lend") giveBack(shifted);
              else kept.push([shifted, Buffer.from(shifted)]);
            }
          }
          expect(held.isEmpty).toBe(row.model.length === 0);
        }
        // What was shifted and not given back is nobody else's.
        for (const [bytes, copy] of kept) expect(bytes.equals(copy)).toBe(true);
      }),
      { numRuns: 150 },
    );
  });
});
