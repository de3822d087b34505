import { randomBytes } from "node:crypto";
import { gunzipSync, inflateSync } from "node:zlib";
import fc from "fast-check";
import type { MessageEncoding } from "../../../src/core/call";
import {
  COMPRESSED_MIN_BYTES,
  encodedFrameOf,
  isAcceptedEncoding,
  unpacked,
} from "../../../src/rpc/framing/message-encoding";
import { MessageReader } from "../../../src/rpc/framing/message-reader";

const LONG = Buffer.from("text that repeats ".repeat(1_000));

function read(frame: Buffer) {
  const reader = new MessageReader();
  reader.push(frame);
  return reader.next()!;
}

describe("A message under an encoding", () => {
  it.each([
    ["gzip", gunzipSync],
    ["deflate", inflateSync],
  ] as const)("is %s, with the flag that says so", (encoding, decode) => {
    const { flag, bytes } = read(encodedFrameOf(LONG, encoding));
    expect(flag).toBe(1);
    expect(bytes.length).toBeLessThan(LONG.length / 10);
    expect(decode(bytes).equals(LONG)).toBe(true);
  });

  it.each([
    ["identity is the encoding", LONG, "identity"],
    ["it is short", LONG.subarray(0, COMPRESSED_MIN_BYTES - 1), "gzip"],
    ["it would become longer", randomBytes(COMPRESSED_MIN_BYTES), "gzip"],
    ["it is empty", Buffer.alloc(0), "deflate"],
  ] as const)("goes as it is where %s", (_why, message, encoding) => {
    const { flag, bytes } = read(encodedFrameOf(message, encoding));
    expect(flag).toBe(0);
    expect(bytes.equals(message)).toBe(true);
  });

  it("comes back as it was, whatever it is", () => {
    const message = fc.oneof(
      fc.uint8Array({ maxLength: 4_000 }),
      fc.nat({ max: 200_000 }).map((bytes) => Buffer.alloc(bytes, "ab")),
    );
    fc.assert(
      fc.property(message, fc.constantFrom<MessageEncoding>("identity", "deflate", "gzip"), (sent, encoding) => {
        const received = unpacked(read(encodedFrameOf(sent, encoding)), encoding, sent.length);
        expect((received as Buffer).equals(sent)).toBe(true);
      }),
    );
  });

  it("knows no other encoding", () => {
    expect(["identity", "deflate", "gzip", "snappy", "", "constructor"].filter(isAcceptedEncoding)).toEqual([
      "identity",
      "deflate",
      "gzip",
    ]);
  });
});
