import fc from "fast-check";
import { divideSlots, type SlotClaim } from "../../../src/core/slot-shares";

// A failure prints its seed and path: put them into RUNS to replay it.
const RUNS: fc.Parameters<unknown> = { numRuns: 500 };

const claimOf = (claim: Partial<SlotClaim>): SlotClaim => {
  const { share = 0, ceiling = share, inFlight = 0, queued = 0 } = claim;
  return { share, ceiling, inFlight, queued };
};

const held = ({ share, ceiling, inFlight }: SlotClaim) => Math.max(share, ceiling, inFlight);
const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0);

const small = fc.integer({ min: 0, max: 9 });
const claims = fc.array(
  fc
    .record({ share: small, extra: small, inFlight: small, queued: small })
    .map(({ share, extra, inFlight, queued }) => ({ share, ceiling: share + extra, inFlight, queued })),
  { minLength: 1, maxLength: 5 },
);

describe("Slots of a worker, divided among relay processes", () => {
  it.each<[string, number, Partial<SlotClaim>[], number, number[]]>([
    ["evenly, as long as nobody calls", 4, [{}, {}], 0, [2, 2]],
    ["what does not divide goes to the first", 3, [{}, {}], 0, [2, 1]],
    ["as they are, while nobody lacks one", 4, [{ share: 4, inFlight: 1 }, { share: 0 }], 0, [4, 0]],
    ["to who needs them, when the others do not", 4, [{ share: 2, inFlight: 2, queued: 9 }, { share: 2 }], 0, [2, 0]],
    ["and once the others have let go of them", 4, [{ share: 2, inFlight: 2, queued: 9 }, { share: 0 }], 0, [4, 0]],
    [
      "but not what may still be in use by an earlier share",
      4,
      [
        { share: 2, inFlight: 2, queued: 9 },
        { share: 0, ceiling: 1 },
      ],
      0,
      [3, 0],
    ],
    [
      "nor what is in use, which stays where it is",
      4,
      [
        { share: 2, inFlight: 2, queued: 9 },
        { share: 0, inFlight: 2 },
      ],
      0,
      [2, 2],
    ],
    [
      "equally where all want more",
      4,
      [
        { share: 3, inFlight: 3, queued: 9 },
        { share: 1, inFlight: 1, queued: 9 },
      ],
      0,
      [2, 1],
    ],
    ["one slot, to the first at one turn", 1, [{ queued: 9 }, { queued: 9 }], 0, [1, 0]],
    ["and to the next at the next", 1, [{ queued: 9 }, { queued: 9 }], 1, [0, 1]],
  ])("%s", (_claim, slots, given, turn, expected) => {
    expect(divideSlots(slots, given.map(claimOf), turn)).toEqual(expected);
  });

  it("Q1 never lets more be in flight than there are slots, or than were before", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), claims, fc.nat(9), (slots, before, turn) => {
        const shares = divideSlots(slots, before, turn);
        const after = before.map((claim, index) => held({ ...claim, share: shares[index]! }));
        const unshrunk = before.map(({ ceiling, inFlight }) => Math.max(ceiling, inFlight));
        expect(sum(after)).toBeLessThanOrEqual(Math.max(slots, sum(unshrunk)));
      }),
      RUNS,
    );
  });

  it("Q2 Q3 every process whose calls wait gets a slot within as many turns as there are processes", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 6 }), fc.nat(9), (slots, size, first) => {
        let shares = Array.from({ length: size }, () => 0);
        const served = new Set<number>();
        for (let turn = first; turn < first + size; turn += 1) {
          // Every process takes in its share, and its calls end: first those that let go, then those that get.
          for (let round = 0; round < 2; round += 1) {
            shares = divideSlots(
              slots,
              shares.map((share) => claimOf({ share, inFlight: share, queued: 99 })),
              turn,
            );
          }
          for (const [index, share] of shares.entries()) if (share > 0) served.add(index);
        }
        expect(served.size).toBe(size);
        expect(sum(shares)).toBe(slots);
      }),
      RUNS,
    );
  });
});
