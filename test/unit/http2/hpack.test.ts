import fc from "fast-check";
import { HeaderList } from "../../../src/http2/header-list";
import { HpackDecoder, LIST_TOO_LARGE } from "../../../src/http2/hpack-decoder";
import { HpackEncoder } from "../../../src/http2/hpack-encoder";
import { STATIC_NAMES, STATIC_VALUES } from "../../../src/http2/hpack-static-table";
import { decodeHuffman, encodeHuffman, huffmanBytes } from "../../../src/http2/huffman";
import { HUFFMAN_BITS, HUFFMAN_CODES } from "../../../src/http2/huffman-code";

const BOUNDS = { bytesMax: 65_536, fieldsMax: 1_000 };

function encode(encoder: HpackEncoder, list: HeaderList): Buffer {
  const out = Buffer.alloc(encoder.bytesMax(list));
  return out.subarray(0, encoder.encode(list, out, 0));
}

function decode(decoder: HpackDecoder, block: Buffer): HeaderList {
  return decoder.decode(block, 0, block.length) as HeaderList;
}

const octets = fc.string({
  unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
  maxLength: 60,
});
/** Few names and values, so that tables are met, and some of any kind. */
const field = fc.oneof(
  fc.tuple(fc.constantFrom("a", "b", "x-id", ":path", "grpc-timeout"), fc.constantFrom("1", "2", "/p.S/M", "10S")),
  fc.integer({ min: 1, max: 61 }).map((index): [string, string] => [STATIC_NAMES[index]!, STATIC_VALUES[index]!]),
  fc.tuple(octets, octets),
);
const list = fc.array(field, { maxLength: 8 }).map((fields) => HeaderList.of(fields.flat()));

describe("Huffman", () => {
  it.each([
    ["0", 0x0, 5],
    ["a", 0x3, 5],
    ["%", 0x15, 6],
    ["A", 0x21, 6],
    [":", 0x5c, 7],
    ["&", 0xf8, 8],
    ["!", 0x3f8, 10],
    ["\\", 0x7fff0, 19],
    ["\n", 0x3ffffffc, 30],
    ["\xff", 0x3ffffee, 26],
  ])("has the code of appendix B for %j", (symbol, code, bits) => {
    expect([HUFFMAN_CODES[symbol.charCodeAt(0)], HUFFMAN_BITS[symbol.charCodeAt(0)]]).toEqual([code, bits]);
  });

  it("ends with EOS, thirty ones", () => {
    expect(HUFFMAN_CODES[256]).toBe(0x3fffffff);
  });

  it("decodes what it encodes, in the length it announced", () => {
    fc.assert(
      fc.property(octets, (text) => {
        const out = Buffer.alloc(huffmanBytes(text));
        expect(encodeHuffman(text, out, 0)).toBe(out.length);
        expect(decodeHuffman(out, 0, out.length)).toBe(text);
      }),
    );
  });

  it.each([
    ["EOS", [0xff, 0xff, 0xff, 0xff]],
    ["padding of eight bits", [0x1f, 0xff]],
    ["padding with a zero", [0x18]],
  ])("refuses %s", (_name, bytes) => {
    expect(decodeHuffman(Buffer.from(bytes), 0, bytes.length)).toBeUndefined();
  });
});

describe("HPACK", () => {
  it("decodes what it encodes, over many blocks, with a table of any size", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(list, fc.option(fc.integer({ min: 0, max: 400 }), { freq: 5 })), { maxLength: 20 }),
        (blocks) => {
          const encoder = new HpackEncoder();
          const decoder = new HpackDecoder(BOUNDS);
          for (const [headers, tableBytes] of blocks) {
            if (tableBytes !== null) encoder.setPeerLimit(tableBytes);
            for (let again = 0; again < 3; again += 1) {
              expect(decode(decoder, encode(encoder, headers)).fields).toEqual(headers.fields);
            }
          }
        },
      ),
    );
  });

  it("D2: a block answered from the memo means what decoding it means", () => {
    fc.assert(
      fc.property(fc.array(list, { maxLength: 30 }), (lists) => {
        const encoder = new HpackEncoder();
        const remembering = new HpackDecoder(BOUNDS);
        for (const headers of lists) {
          const block = encode(encoder, headers);
          const seen = decode(remembering, block);
          expect(seen.fields).toEqual(headers.fields);
          expect(seen.sizeBytes).toBe(headers.sizeBytes);
        }
      }),
    );
  });

  it("D2: for any blocks at all, a decoder with a memo and one that never remembers agree", () => {
    const indexed = fc.integer({ min: 0x80, max: 0xff });
    const literal = fc.tuple(
      fc.constantFrom(0x40, 0x00, 0x10),
      fc.constantFrom("a", "b"),
      fc.constantFrom("1", "2", "3"),
    );
    const instruction = fc.oneof(
      { weight: 4, arbitrary: indexed.map((octet) => [octet]) },
      {
        weight: 2,
        arbitrary: literal.map(([kind, name, value]) => [kind, 1, name.charCodeAt(0), 1, value.charCodeAt(0)]),
      },
      { weight: 1, arbitrary: fc.constantFrom([0x20], [0x3f, 0x21], [0x3f, 0xe1, 0x1f]) },
    );
    const blocks = fc.array(
      fc.array(instruction, { minLength: 1, maxLength: 3 }).map((parts) => Buffer.from(parts.flat())),
      { maxLength: 6 },
    );
    fc.assert(
      fc.property(blocks, fc.array(fc.nat(5), { maxLength: 60 }), (choices, order) => {
        const remembering = new HpackDecoder(BOUNDS);
        const forgetting = new HpackDecoder(BOUNDS);
        for (const pick of order) {
          const block = choices[pick];
          if (block === undefined) continue;
          forgetting.setTableLimit(4_096); // which clears its memo, and says what it knew
          const outcomes = [remembering, forgetting].map((decoder) => {
            try {
              const { fields, sizeBytes, neverIndexed } = decode(decoder, block);
              return { fields, sizeBytes, neverIndexed };
            } catch (error) {
              return String(error);
            }
          });
          expect(outcomes[0]).toEqual(outcomes[1]);
          if (typeof outcomes[0] === "string") return; // the connection would be over
        }
      }),
      { numRuns: 300 },
    );
  });

  it("gives the same object for the same block of indexed fields, and not after the table changed", () => {
    const decoder = new HpackDecoder(BOUNDS);
    const block = Buffer.from([0x82, 0x86, 0x84]);
    const first = decode(decoder, block);
    expect(decode(decoder, block)).toBe(first);
    decode(decoder, Buffer.from([0x40, 1, 0x61, 1, 0x62]));
    expect(decode(decoder, block)).not.toBe(first);
  });

  it("never lets a sensitive field into the table, here or at the next hop", () => {
    const encoder = new HpackEncoder();
    const decoder = new HpackDecoder(BOUNDS);
    const headers = HeaderList.of(["authorization", "Bearer x", "x-key", "secret"], ["x-key"]);
    const lists = [1, 2, 3].map(() => decode(decoder, encode(encoder, headers)));
    expect(lists.map(({ neverIndexed }) => neverIndexed)).toEqual([
      [0, 2],
      [0, 2],
      [0, 2],
    ]);
    expect(decoder.tableSizeBytes).toBe(0);
  });

  it("lets values that differ each time push nothing out", () => {
    const encoder = new HpackEncoder();
    const decoder = new HpackDecoder(BOUNDS);
    const sizes = Array.from({ length: 200 }, (_, call) => {
      const block = encode(encoder, HeaderList.of([":path", "/pkg.Service/Method", "x-request-id", `id-${call}`]));
      decode(decoder, block);
      return block.length;
    });
    expect(decoder.tableSizeBytes).toBeLessThan(64 + 40);
    expect(Math.max(...sizes.slice(3))).toBeLessThan(25);
  });

  it.each([
    ["index 0", [0x80]],
    ["an index beyond the tables", [0xff, 0x80, 0x01]],
    ["a name index beyond the tables", [0x7f, 0x80, 0x01, 0x00]],
    ["an integer cut off", [0xff]],
    ["an integer without end", [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]],
    ["a string cut off", [0x40, 0x05, 0x61]],
    ["no string", [0x40]],
    ["a broken Huffman string", [0x40, 0x84, 0xff, 0xff, 0xff, 0xff, 0x00]],
    ["a size update over the limit", [0x3f, 0xe2, 0x1f]],
    ["a size update after a field", [0x82, 0x20]],
  ])("refuses %s", (_name, bytes) => {
    expect(() => decode(new HpackDecoder(BOUNDS), Buffer.from(bytes))).toThrow("COMPRESSION_ERROR");
  });

  it("demands the size update that a smaller table makes necessary (RFC 7541 §4.2)", () => {
    const decoder = new HpackDecoder(BOUNDS);
    decoder.setTableLimit(0);
    expect(() => decode(decoder, Buffer.from([0x82]))).toThrow("missing table size update");
  });

  it("D1: keeps no list over its bounds, and the table all the same", () => {
    const decoder = new HpackDecoder({ bytesMax: 200, fieldsMax: 4 });
    const insert = Buffer.concat([Buffer.from([0x40, 1, 0x61, 100]), Buffer.alloc(100, "v")]);
    decode(decoder, insert);
    expect(decoder.decode(Buffer.alloc(2, 0xbe), 0, 2)).toBe(LIST_TOO_LARGE);
    expect(decoder.decode(Buffer.alloc(5, 0x82), 0, 5)).toBe(LIST_TOO_LARGE);
    expect(decode(decoder, Buffer.from([0xbe])).fields[0]).toBe("a");
  });

  it("no input makes it do anything but decode or refuse", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 }), (blocks) => {
        const decoder = new HpackDecoder(BOUNDS);
        for (const block of blocks) {
          let refused = "";
          try {
            decode(decoder, Buffer.from(block));
          } catch (error) {
            refused = String(error);
          }
          expect(refused).toMatch(/^$|COMPRESSION_ERROR/);
          expect(decoder.tableSizeBytes).toBeLessThanOrEqual(4_096);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("What makes header blocks cheap", () => {
  it("a list that comes again is three bytes by the third time, and its block is remembered", () => {
    const encoder = new HpackEncoder();
    const headers = HeaderList.of([":status", "200", "content-type", "application/grpc", "x-custom", "value"]);
    const blocks = [1, 2, 3, 4].map(() => encode(encoder, headers).toString("hex"));
    expect(blocks[2]).toHaveLength(6);
    expect(blocks[3]).toBe(blocks[2]);
  });

  it("no two blocks drive each other out of the memo", () => {
    const encoder = new HpackEncoder();
    const decoder = new HpackDecoder(BOUNDS);
    const lists = Array.from({ length: 4 }, (_, n) => HeaderList.of(["grpc-status", String(n)]));
    for (let again = 0; again < 2; again += 1) for (const headers of lists) decode(decoder, encode(encoder, headers));
    const hitsBefore = decoder.memoHits;
    const pairs = lists.flatMap((first) => lists.map((second) => [first, second] as const));
    for (const [first, second] of pairs) {
      for (let again = 0; again < 6; again += 1) {
        decode(decoder, encode(encoder, first));
        decode(decoder, encode(encoder, second));
      }
    }
    expect(decoder.memoHits - hitsBefore).toBeGreaterThan(pairs.length * 6);
  });
});
