import fc from "fast-check";
import { createRings, NOWHERE, RING_BYTES, RingReader, RingWriter } from "../../../../src/worker/threads/byte-ring";

describe("ByteRing", () => {
  const open = () => {
    const ring = createRings().toThread;
    return { writer: new RingWriter(ring), reader: new RingReader(ring) };
  };

  it("gives the reader what was written, however writing and reading take turns, and never takes unread bytes' place", () => {
    const lengths = fc.integer({ min: 0, max: RING_BYTES / 4 });
    // More is written than read, so that the ring is full most of the time.
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ kind: fc.constant("write" as const), length: lengths }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant("read" as const), length: fc.constantFrom(1, 2) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { minLength: 30, maxLength: 120 }), (steps) => {
        const { writer, reader } = open();
        const unread: { at: number; length: number; fill: number }[] = [];
        let written = 0;
        for (const { kind, length } of steps) {
          if (kind === "write") {
            const fill = (written += 1) % 251;
            const at = writer.write(Buffer.alloc(length, fill));
            if (at !== NOWHERE) unread.push({ at, length, fill });
            continue;
          }
          for (const next of unread.splice(0, length)) {
            const bytes = reader.read(next.at, next.length);
            expect([bytes.length, bytes.every((byte) => byte === next.fill)]).toEqual([next.length, true]);
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  it("has no room for more than is free, and room again when that was read", () => {
    const { writer, reader } = open();
    const half = Buffer.alloc(RING_BYTES / 2, 1);
    const at = writer.write(half);
    const full = writer.write(half);
    reader.read(at, half.length);
    expect([at, full, writer.write(half.subarray(1))]).toEqual([0, NOWHERE, RING_BYTES / 2]);
  });

  it("never has room for what is as long as it", () => {
    expect(open().writer.write(Buffer.alloc(RING_BYTES))).toBe(NOWHERE);
  });

  it("gives bytes that later ones do not change", () => {
    const { writer, reader } = open();
    const read = (text: string) => reader.read(writer.write(Buffer.from(text)), text.length);
    const first = read("first");
    for (let round = 0; round < RING_BYTES / 6; round += 1) read("others");
    expect(first.toString()).toBe("first");
  });
});
