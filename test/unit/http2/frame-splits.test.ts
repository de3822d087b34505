import fc from "fast-check";
import { frame, PREFACE, RawPeer, REQUEST, setting, uint32 } from "../../support/http2-raw-peer";

/** Frames that make sense in any order, and some that do not. */
const id = fc.constantFrom(1, 3, 5);
const sane = fc.oneof(
  id.map((stream) => frame(1, 4, stream, REQUEST)),
  id.map((stream) => frame(1, 5, stream, REQUEST)),
  id.map((stream) =>
    frame(1, 0x2c, stream, Buffer.concat([Buffer.from([2, 0, 0, 0, 0, 9]), REQUEST, Buffer.alloc(2)])),
  ),
  id.map((stream) =>
    Buffer.concat([frame(1, 0, stream, REQUEST.subarray(0, 1)), frame(9, 4, stream, REQUEST.subarray(1))]),
  ),
  fc
    .tuple(id, fc.string({ maxLength: 20 }), fc.nat(1))
    .map(([stream, text, end]) => frame(0, end, stream, Buffer.from(text))),
  fc
    .tuple(id, fc.string({ maxLength: 20 }), fc.nat(9))
    .map(([stream, text, pad]) =>
      frame(0, 8, stream, Buffer.concat([Buffer.from([pad]), Buffer.from(text), Buffer.alloc(pad)])),
    ),
  id.map((stream) => frame(3, 0, stream, uint32(8))),
  id.map((stream) => frame(8, 0, stream, uint32(100))),
  fc.constantFrom(
    frame(6, 0, 0, Buffer.alloc(8, 1)),
    frame(4, 0, 0, setting(4, 1_000)),
    frame(99, 7, 1, [1, 2, 3]),
    frame(2, 0, 1, [0, 0, 0, 3, 1]),
  ),
);
const broken = fc
  .tuple(fc.nat(11), fc.nat(255), fc.nat(4), fc.uint8Array({ maxLength: 12 }))
  .map(([type, flags, stream, payload]) => frame(type, flags, stream, Buffer.from(payload)));
const frames = fc.array(fc.oneof({ weight: 20, arbitrary: sane }, { weight: 1, arbitrary: broken }), { maxLength: 25 });

async function outcome(stream: Buffer, cuts: readonly number[]): Promise<unknown> {
  const peer = new RawPeer("server");
  const bytes = Buffer.from(stream); // what is read belongs to the connection
  let from = 0;
  for (const cut of [...new Set(cuts)].sort((a, b) => a - b)) {
    if (cut <= from || cut >= bytes.length) continue;
    peer.push(bytes.subarray(from, cut));
    from = cut;
  }
  peer.push(bytes.subarray(from));
  await peer.settled();
  const { recorder, frames: answers } = peer;
  return {
    log: recorder.log,
    answers: answers.map(({ type, flags, id: stream, payload }) => [type, flags, stream, payload.toString("hex")]),
  };
}

describe("Frames", () => {
  it("P1: any cut of the bytes into reads gives the same events and the same answers", async () => {
    await fc.assert(
      fc.asyncProperty(frames, fc.array(fc.nat(600), { maxLength: 40 }), async (parts, cuts) => {
        const bytes = Buffer.concat([PREFACE, frame(4, 0, 0), frame(4, 1, 0), ...parts]);
        expect(await outcome(bytes, cuts)).toEqual(await outcome(bytes, []));
      }),
      { numRuns: 150 },
    );
  });

  it("P1: also when every byte comes alone", async () => {
    await fc.assert(
      fc.asyncProperty(frames, async (parts) => {
        const bytes = Buffer.concat([PREFACE, frame(4, 0, 0), frame(4, 1, 0), ...parts]);
        expect(await outcome(bytes, [...bytes.keys()])).toEqual(await outcome(bytes, []));
      }),
      { numRuns: 60 },
    );
  });

  it("no bytes at all do more than end the connection", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 10 }), async (parts) => {
        const peer = new RawPeer("server");
        peer.push(Buffer.concat([PREFACE, frame(4, 0, 0)]));
        for (const part of parts) peer.push(Buffer.from(part));
        await peer.settled();
        expect(peer.recorder.ended?.kind ?? "open").toMatch(/^(open|violation)$/);
      }),
      { numRuns: 150 },
    );
  });
});
