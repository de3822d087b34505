import { FrameType } from "../../../src/http2/frame-types";
import { frame } from "../../support/http2-raw-peer";
import type { Attack } from "../attack";
import { clientAttack } from "../client-attack";
import { callBlock, callWith, field, GRPC_FIELDS, indexedField } from "../header-fields";
import { CALL, END_HEADERS, END_STREAM, headers, PATH, SHAPE, data, wholeCall } from "./calls";

/** Header blocks of any size, cut into frames. */
function cutHeaders(id: number, block: Buffer, flags = 0): Buffer {
  const frames: Buffer[] = [];
  for (let at = 0; at < block.length; at += 16_384) {
    const part = block.subarray(at, at + 16_384);
    const last = at + 16_384 >= block.length ? END_HEADERS : 0;
    frames.push(frame(at === 0 ? FrameType.HEADERS : FrameType.CONTINUATION, (at === 0 ? flags : 0) | last, id, part));
  }
  return Buffer.concat(frames);
}

const BOMB_ENTRY = Buffer.concat([CALL, indexedField("x-bomb", "v".repeat(4_000))]);
/** 16,000 references to an entry of 4,000 bytes: 64 MB. */
const BOMB = Buffer.concat([CALL, Buffer.alloc(16_000, 0xbe)]);

const KEYS_10K = Array.from({ length: 10_000 }, (_, n) => [`x-k${n}`, "v"] as const);
const MANY_FIELDS = callWith(PATH, ...KEYS_10K);
const SHORT_KEYS = Array.from({ length: 400 }, (_, n) => [`k${n}`, "v"] as const);
const COOKIES = Array.from({ length: 300 }, (_, n) => ["cookie", `c${n}=${"v".repeat(20)}`] as const);

/** Literals that nobody has seen before: no memory of blocks helps. */
let unique = 0;
const next = () => (unique += 1).toString(36);

/** What a header block can cost. */
export const HEADER_ATTACKS: readonly Attack[] = [
  clientAttack({
    name: "hpack-bomb",
    perSecond: 500,
    opening: (connection) => headers(connection.takeId(), BOMB_ENTRY, END_STREAM),
    piece: (_n, connection) => headers(connection.takeId(), BOMB, END_STREAM),
  }),
  clientAttack({
    name: "hpack-table-churn",
    perSecond: 5_000,
    piece: (_n, connection) =>
      wholeCall(connection.takeId(), Buffer.concat([CALL, indexedField(`x-${next()}`, next())])),
  }),
  clientAttack({
    // 0x20: the table is emptied; 0x3f 0xe1 0x1f: it has 4,096 bytes again.
    name: "hpack-table-sizes",
    perSecond: 5_000,
    piece: (_n, connection) => {
      const sizes = Buffer.concat(Array.from({ length: 200 }, () => Buffer.of(0x20, 0x3f, 0xe1, 0x1f)));
      return wholeCall(connection.takeId(), Buffer.concat([sizes, CALL]));
    },
  }),
  clientAttack({
    name: "hpack-broken",
    perSecond: 500,
    piece: (_n, connection) => headers(connection.takeId(), Buffer.of(0xff, 0xff, 0xff, 0xff, 0xff, 0x7f)),
  }),
  clientAttack({
    // Just within what is announced, and each with a field that is new.
    name: "header-list",
    perSecond: 1_000,
    piece: (_n, connection) =>
      wholeCall(connection.takeId(), callWith(PATH, ["x-fill", `${next()}${"v".repeat(12_000)}`])),
  }),
  clientAttack({
    name: "header-list-over",
    perSecond: 500,
    piece: (_n, connection) =>
      cutHeaders(connection.takeId(), callWith(PATH, ["x-fill", "v".repeat(48_000)]), END_STREAM),
  }),
  clientAttack({
    name: "metadata-10k-keys",
    perSecond: 200,
    piece: (_n, connection) => cutHeaders(connection.takeId(), MANY_FIELDS),
  }),
  clientAttack({
    name: "metadata-400-keys",
    perSecond: 2_000,
    piece: (_n, connection) => wholeCall(connection.takeId(), callWith(PATH, ...SHORT_KEYS, ["x-id", next()])),
  }),
  clientAttack({
    name: "path-64k",
    perSecond: 200,
    piece: (_n, connection) => cutHeaders(connection.takeId(), callBlock(`/a.B/${"x".repeat(65_000)}`)),
  }),
  clientAttack({
    name: "path-8k",
    perSecond: 2_000,
    piece: (_n, connection) => wholeCall(connection.takeId(), callBlock(`/a.B/${next()}${"x".repeat(8_000)}`)),
  }),
  clientAttack({
    // Each method is new: what is kept for each must be bounded.
    name: "paths-all-different",
    perSecond: 10_000,
    piece: (_n, connection) => wholeCall(connection.takeId(), callBlock(`${PATH}${next()}`)),
  }),
  clientAttack({
    name: "services-all-different",
    perSecond: 10_000,
    piece: (_n, connection) => wholeCall(connection.takeId(), callBlock(`/s${next()}.S/M`)),
  }),
  clientAttack({
    name: "routing-all-different",
    perSecond: 5_000,
    piece: (_n, connection) =>
      wholeCall(connection.takeId(), callWith(PATH, ["heddle-match", `role=${next()}`], ["heddle-affinity", next()])),
  }),
  clientAttack({
    name: "cookies",
    perSecond: 1_000,
    piece: (_n, connection) => wholeCall(connection.takeId(), callWith(PATH, ...COOKIES, ["cookie", next()])),
  }),
  clientAttack({
    name: "upper-case-names",
    piece: (_n, connection) => headers(connection.takeId(), callWith(PATH, ["X-Upper", "v"]), END_STREAM),
  }),
  clientAttack({
    name: "field-injection",
    piece: (_n, connection) =>
      headers(connection.takeId(), callWith(PATH, ["x-split", "a\r\nx-injected: b"]), END_STREAM),
  }),
  clientAttack({
    // A connection's own fields, which HTTP/2 forbids.
    name: "smuggling",
    piece: (_n, connection) =>
      headers(
        connection.takeId(),
        callWith(PATH, ["transfer-encoding", "chunked"], ["connection", "close"]),
        END_STREAM,
      ),
  }),
  clientAttack({
    name: "content-length-lies",
    piece: (_n, connection) => {
      const id = connection.takeId();
      return Buffer.concat([headers(id, callWith(PATH, ["content-length", "3"])), data(id, SHAPE.message, END_STREAM)]);
    },
  }),
  clientAttack({
    name: "pseudo-header-soup",
    piece: (_n, connection) => {
      const soup = [
        ...GRPC_FIELDS.map(([name, value]) => field(name, value)),
        field(":path", PATH),
        field(":status", "200"),
      ];
      return headers(connection.takeId(), Buffer.concat(soup), END_STREAM);
    },
  }),
];
