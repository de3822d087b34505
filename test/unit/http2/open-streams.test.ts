import fc from "fast-check";
import { OpenStreams } from "../../../src/http2/open-streams";

interface Stream {
  readonly id: number;
}

const sorted = (model: ReadonlyMap<number, Stream>) => [...model.values()].sort((a, b) => a.id - b.id);

describe("OpenStreams", () => {
  // Few different halves of ids, which all want the same few slots, and ids far apart that want them too.
  const ids = fc.oneof(fc.nat(40), fc.constantFrom(1, 17, 513, 1_025, 2_049, 4_097, 2 ** 31 - 1), fc.nat(2 ** 31 - 1));

  it("holds what a Map would, whatever comes and goes", () => {
    fc.assert(
      fc.property(fc.array(ids, { maxLength: 400 }), (steps) => {
        const table = new OpenStreams<Stream>();
        const model = new Map<number, Stream>();
        for (const id of steps) {
          const isKnown = model.has(id);
          expect(table.delete(id)).toBe(isKnown);
          const stream = { id };
          if (!isKnown) table.add(stream);
          if (!isKnown) model.set(id, stream);
          else model.delete(id);
          expect(table.size).toBe(model.size);
          for (const known of steps) expect(table.get(known)).toBe(model.get(known));
        }
        expect(table.all()).toEqual(sorted(model));
      }),
      { numRuns: 60 },
    );
  });

  it("finds each of thousands, and the rest while the others go", () => {
    const table = new OpenStreams<Stream>();
    const streams = Array.from({ length: 5_000 }, (_, index) => ({ id: 2 * index + 1 }));
    for (const stream of streams) table.add(stream);
    expect(streams.filter((stream) => table.get(stream.id) !== stream)).toEqual([]);
    const rest = streams.filter(({ id }) => id % 3 === 0);
    for (const { id } of streams) if (id % 3 !== 0) table.delete(id);
    expect(table.all()).toEqual(rest);
    expect(rest.filter((stream) => table.get(stream.id) !== stream)).toEqual([]);
    for (const { id } of rest) table.delete(id);
    expect([table.size, table.all()]).toEqual([0, []]);
  });

  it("holds both sides' ids", () => {
    const table = new OpenStreams<Stream>();
    const [theirs, ours] = [{ id: 1 }, { id: 2 }];
    table.add(ours);
    table.add(theirs);
    expect(table.all()).toEqual([theirs, ours]);
    expect([table.get(1), table.get(2), table.get(3)]).toEqual([theirs, ours, undefined]);
  });
});
