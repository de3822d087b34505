import type { Attack } from "../attack";
import { clientAttack } from "../client-attack";
import { callBlock, callWith } from "../header-fields";
import { data, END_STREAM, headers, message, PATH, SHAPE, wholeCall } from "./calls";

const PER_SECOND = 5_000;

/** A call with this head, and these bytes where its messages should be. */
function malformed(name: string, block: Buffer, bytes: Buffer): Attack {
  return clientAttack({
    name,
    perSecond: PER_SECOND,
    piece: (_n, connection) => {
      const id = connection.takeId();
      return Buffer.concat([headers(id, block), data(id, bytes, END_STREAM)]);
    },
  });
}

const withField = (key: string, value: string) => callWith(PATH, [key, value]);
const call = (name: string, block: Buffer) => malformed(name, block, SHAPE.message);

/** Frames that HTTP/2 allows and gRPC does not. */
export const GRPC_ATTACKS: readonly Attack[] = [
  malformed("length-prefix-4g", callBlock(PATH), message(Buffer.alloc(100), 0xffff_ffff)),
  malformed("message-cut", callBlock(PATH), message(Buffer.alloc(50), 100)),
  malformed("prefix-cut", callBlock(PATH), Buffer.of(0, 0, 0)),
  malformed("compressed-lie", callBlock(PATH), message(Buffer.alloc(50, 0xff), 50, 1)),
  malformed(
    "compressed-with-unknown-encoding",
    withField("grpc-encoding", "zip-bomb"),
    message(Buffer.alloc(50), 50, 1),
  ),
  malformed("bad-flag", callBlock(PATH), message(Buffer.alloc(50), 50, 0xee)),
  malformed("messages-of-nothing", callBlock(PATH), Buffer.alloc(16_380)),
  clientAttack({
    // Longer than any message may be, byte after byte, with no end.
    name: "message-without-end",
    perSecond: 1_000,
    opening: (connection) => Buffer.concat([headers(connection.takeId()), data(1, message(Buffer.alloc(0), 4 << 20))]),
    piece: () => data(1, Buffer.alloc(16_000)),
  }),
  call("bad-timeout", withField("grpc-timeout", "99999999999999999999H")),
  call("negative-timeout", withField("grpc-timeout", "-1S")),
  clientAttack({
    // A timer for each, for as long as can be.
    name: "timeout-of-ages",
    perSecond: PER_SECOND,
    piece: (_n, connection) => headers(connection.takeId(), withField("grpc-timeout", "99999999H")),
  }),
  clientAttack({
    name: "timeout-of-nothing",
    perSecond: PER_SECOND,
    piece: (_n, connection) => headers(connection.takeId(), withField("grpc-timeout", "1n")),
  }),
  call("bad-base64", withField("x-key-bin", "!!!not base64!!!")),
  call("no-te", callBlock(PATH, [["content-type", "application/grpc"]])),
  call(
    "wrong-content-type",
    callBlock(PATH, [
      ["te", "trailers"],
      ["content-type", "text/html"],
    ]),
  ),
  call("no-content-type", callBlock(PATH, [["te", "trailers"]])),
  call("reserved-metadata", callWith(PATH, ["grpc-status", "0"], ["grpc-message", "%ZZ"], ["heddle-via", "a,b,c"])),
  call("bad-routing", callWith(PATH, ["heddle-match", "((((!!"], ["heddle-policy", "no-such-policy"])),
  clientAttack({
    name: "control-plane-garbage",
    perSecond: 1_000,
    piece: (n, connection) => {
      const paths = [
        "heddle.v1.DirectorService/ListMembers",
        "heddle.v1.AttachService/Attach",
        "grpc.health.v1.Health/Watch",
      ];
      const id = connection.takeId();
      return wholeCall(id, callBlock(`/${paths[n % paths.length]}`));
    },
  }),
];
