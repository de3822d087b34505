import { HpackDecoder } from "../../../src/http2/hpack-decoder";
import { writeInteger } from "../../../src/http2/hpack-encoder";
import type { HeaderList } from "../../../src/http2/header-list";

/** The examples of RFC 7541, appendix C, as printed there. */

const BOUNDS = { bytesMax: 65_536, fieldsMax: 1_000 };

const REQUESTS: readonly (readonly [string, readonly string[], number])[] = [
  [
    "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
    [":method GET", ":scheme http", ":path /", ":authority www.example.com"],
    57,
  ],
  [
    "8286 84be 5808 6e6f 2d63 6163 6865",
    [":method GET", ":scheme http", ":path /", ":authority www.example.com", "cache-control no-cache"],
    110,
  ],
  [
    "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
    [":method GET", ":scheme https", ":path /index.html", ":authority www.example.com", "custom-key custom-value"],
    164,
  ],
];

const REQUESTS_HUFFMAN = [
  "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
  "8286 84be 5886 a8eb 1064 9cbf",
  "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
];

const DATE_21 = "Mon, 21 Oct 2013 20:13:21 GMT";
const DATE_22 = "Mon, 21 Oct 2013 20:13:22 GMT";
const COOKIE = "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1";

const RESPONSES: readonly (readonly [string, readonly string[], number])[] = [
  [
    "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
    [":status 302", "cache-control private", `date ${DATE_21}`, "location https://www.example.com"],
    222,
  ],
  [
    "4803 3330 37c1 c0bf",
    [":status 307", "cache-control private", `date ${DATE_21}`, "location https://www.example.com"],
    222,
  ],
  [
    "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31",
    [
      ":status 200",
      "cache-control private",
      `date ${DATE_22}`,
      "location https://www.example.com",
      "content-encoding gzip",
      `set-cookie ${COOKIE}`,
    ],
    215,
  ],
];

const RESPONSES_HUFFMAN = [
  "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
  "4883 640e ffc1 c0bf",
  "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
];

function decode(decoder: HpackDecoder, hex: string): string[] {
  const block = Buffer.from(hex.replaceAll(" ", ""), "hex");
  const { fields } = decoder.decode(block, 0, block.length) as HeaderList;
  return fields.flatMap((name, at) => (at % 2 === 0 ? [`${name} ${fields[at + 1]}`] : []));
}

describe("HPACK, the examples of RFC 7541", () => {
  it.each([
    ["C.1.1: 10 in five bits", 5, 10, [10]],
    ["C.1.2: 1337 in five bits", 5, 1337, [31, 154, 10]],
    ["C.1.3: 42 from an octet's boundary", 8, 42, [42]],
  ])("%s", (_name, bits, value, octets) => {
    const out = Buffer.alloc(8);
    const end = writeInteger(out, 0, 0, bits, value);
    expect([...out.subarray(0, end)]).toEqual(octets);
  });

  it.each([
    [
      "C.2.1: literal with indexing",
      "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572",
      "custom-key custom-header",
      55,
    ],
    ["C.2.2: literal without indexing", "040c 2f73 616d 706c 652f 7061 7468", ":path /sample/path", 0],
    ["C.2.3: literal never indexed", "1008 7061 7373 776f 7264 0673 6563 7265 74", "password secret", 0],
    ["C.2.4: indexed", "82", ":method GET", 0],
  ])("%s", (_name, hex, field, tableBytes) => {
    const decoder = new HpackDecoder(BOUNDS);
    expect(decode(decoder, hex)).toEqual([field]);
    expect(decoder.tableSizeBytes).toBe(tableBytes);
  });

  it("C.2.3: says which fields must never be indexed", () => {
    const block = Buffer.from("8210 0870 6173 7377 6f72 6406 7365 6372 6574".replaceAll(" ", ""), "hex");
    const list = new HpackDecoder(BOUNDS).decode(block, 0, block.length) as HeaderList;
    expect(list.neverIndexed).toEqual([2]);
  });

  it.each([
    ["C.3: requests", REQUESTS, REQUESTS.map(([hex]) => hex), 4_096],
    ["C.4: requests in Huffman", REQUESTS, REQUESTS_HUFFMAN, 4_096],
    ["C.5: responses, with evictions from 256 bytes", RESPONSES, RESPONSES.map(([hex]) => hex), 256],
    ["C.6: responses in Huffman, with evictions from 256 bytes", RESPONSES, RESPONSES_HUFFMAN, 256],
  ])("%s", (_name, examples, blocks, tableBytes) => {
    const decoder = new HpackDecoder(BOUNDS);
    // A size update to 256 or 4096, which the examples presume.
    decoder.decode(Buffer.from(tableBytes === 256 ? [0x3f, 0xe1, 0x01] : [0x3f, 0xe1, 0x1f]), 0, 3);
    const seen = blocks.map((hex) => [decode(decoder, hex), decoder.tableSizeBytes]);
    expect(seen).toEqual(examples.map(([, fields, bytes]) => [fields, bytes]));
  });
});
