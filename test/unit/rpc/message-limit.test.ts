import fc from "fast-check";
import { MessageLimit } from "../../../src/rpc/framing/message-limit";

const LIMIT = 100;

function framed(lengths: readonly number[]): Buffer {
  return Buffer.concat(
    lengths.map((length) => {
      const message = Buffer.alloc(5 + length, 0xff);
      message[0] = 0;
      message.writeUInt32BE(length, 1);
      return message;
    }),
  );
}

/** The bytes cut at these places. */
function pieces(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [0, ...[...cuts].map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
}

describe("MessageLimit", () => {
  it("finds the first message that is too large, and no other, in whatever pieces it comes", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(150), { maxLength: 8 }), fc.array(fc.nat()), (lengths, cuts) => {
        const limit = new MessageLimit(LIMIT);
        const found: number[] = [];
        for (const piece of pieces(framed(lengths), cuts)) {
          const tooLarge = limit.firstTooLarge(piece, 0, piece.length);
          if (tooLarge > 0) found.push(tooLarge);
          if (found.length > 0) break;
        }
        expect(found).toEqual(lengths.filter((length) => length > LIMIT).slice(0, 1));
      }),
    );
  });

  it("knows where the messages before it end, which are whole and to be read", () => {
    const limit = new MessageLimit(LIMIT);
    limit.firstTooLarge(Buffer.from([0, 0, 0, 0, 2, 7]), 0, 6);
    const chunk = Buffer.from([
      9, 9, 9, /* of the message */ 7, /* empty */ 0, 0, 0, 0, 0, /* too large */ 0, 255, 0, 0, 0, 1,
    ]);
    expect([limit.firstTooLarge(chunk, 3, chunk.length), limit.wholeTo]).toEqual([0xff00_0000, 9]);
  });

  it("reads a length of 32 bits as a positive number", () => {
    expect(new MessageLimit(LIMIT).firstTooLarge(Buffer.from([0, 255, 255, 255, 255]), 0, 5)).toBe(0xffff_ffff);
  });
});
