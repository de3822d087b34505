import { deflateSync, gzipSync } from "node:zlib";
import type { Random } from "../../../src/core/random";
import { frameOf } from "../../../src/rpc/framing/message-reader";
import type { Cut } from "../cut-pair";

/** Of the ends under attack: small, so that what goes over it is cheap to make. */
export const MESSAGE_MAX_BYTES = 20_000;

/** Of the hostile side: calls whose messages it does not read hold up no other. */
export const PATIENT = { connectionWindowBytes: 0x7fff_ffff };

const BOMB = Buffer.alloc(4 << 20);
const BOMBS = { gzip: gzipSync(BOMB), deflate: deflateSync(BOMB) };

export function oneOf<T>(random: Random, choices: readonly T[]): T {
  return choices[random.below(choices.length)]!;
}

export function randomBytes(random: Random, length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, () => random.below(256)));
}

/** A prefix of its own, whatever follows. */
function prefixed(flag: number, length: number, bytes: Buffer): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, bytes]);
}

/** One message, or what passes for one: right or wrong in its flag, its length, its compression, its end. */
export function hostileMessage(random: Random): Buffer {
  const bytes = randomBytes(random, random.below(random.below(3) === 0 ? 3_000 : 40));
  const kinds = [
    () => frameOf(bytes),
    () => frameOf(Buffer.alloc(0)),
    () => frameOf(Buffer.alloc(MESSAGE_MAX_BYTES + random.below(3) - 1)),
    () => prefixed(0, bytes.length + 1 + random.below(1_000), bytes),
    () => prefixed(0, Math.max(0, bytes.length - 1 - random.below(9)), bytes),
    () => prefixed(random.below(256), bytes.length, bytes),
    () => prefixed(0, 0xffff_ffff - random.below(3), bytes),
    () => prefixed(1, bytes.length, bytes),
    () => compressed(random, gzipSync(bytes)),
    () => compressed(random, deflateSync(bytes)),
    () => compressed(random, BOMBS.gzip),
    () => compressed(random, BOMBS.deflate),
    () => compressed(random, Buffer.concat([gzipSync(bytes), randomBytes(random, 9)])),
    () => frameOf(bytes).subarray(0, random.below(5)),
    () => bytes,
  ];
  return oneOf(random, kinds)();
}

/** Whole, cut short, or with a byte changed. */
function compressed(random: Random, bytes: Buffer): Buffer {
  const sent = random.below(3) === 0 ? bytes.subarray(0, random.below(bytes.length + 1)) : Buffer.from(bytes);
  if (random.below(3) === 0 && sent.length > 0) sent[random.below(sent.length)] = random.below(256);
  return prefixed(1, sent.length, sent);
}

const VISIBLE = Array.from({ length: 94 }, (_, at) => String.fromCharCode(0x21 + at));

function visible(random: Random, length: number): string {
  let text = "";
  for (let at = 0; at < length; at += 1) text += oneOf(random, VISIBLE);
  return text;
}

const VALUES: Readonly<Record<string, readonly string[]>> = {
  "content-type": ["application/grpc", "application/grpc+proto", "application/grpc;x", "application/grpc-web", "application/json", ""],
  "grpc-encoding": ["gzip", "deflate", "identity", "br", "gzip,gzip", "__proto__", "constructor", ""],
  "grpc-accept-encoding": ["gzip", "", "toString", ",,,"],
  "grpc-timeout": ["1S", "0n", "99999999H", "999999999m", "1", "S", "-1S", "1.5S", "1s", "1 S", "", "00000001u"],
  "grpc-status": ["0", "00", "5", "16", "17", "99999", "999999", "-1", "+1", "0x1", "abc", "", "0 0", "1e3"],
  "grpc-message": ["", "%", "%%", "%4", "%zz", "%E2%82", "%FF%FE", "%00%0A%0D", "plain", "\xe2\x82\xac", "%e2%82%ac"],
  "grpc-status-details-bin": ["", "!!!", "====", "AA", "AAA=", "A", "AAAA,BBBB", "\xff"],
  "heddle-error": ["WORKER_LOST", "CANCELLED", "__proto__", "toString", "NO_SUCH", ""],
  "x-key-bin": ["", "!", "AA==", "AAAA,,AA", "%41", "AA AA"],
  "x-text": ["", "plain", "\xe9\xff", "a,b", "a\tb"],
  "grpc-previous-rpc-attempts": ["1", "-1", "x"],
  "te": ["trailers"],
  "user-agent": ["", "x"],
}; // prettier-ignore
const NAMES = Object.keys(VALUES);

/** Fields that HTTP/2 lets pass and gRPC has rules for. */
export function hostileFields(random: Random): string[] {
  const fields: string[] = [];
  for (let count = random.below(7); count > 0; count -= 1) {
    const name = oneOf(random, NAMES);
    const isFree = name !== "te" && random.below(4) === 0; // HTTP/2 has a rule for that one
    fields.push(name, isFree ? visible(random, random.below(60)) : oneOf(random, VALUES[name]!));
  }
  const extra = random.below(12);
  if (extra === 0) fields.push("x-long", visible(random, 20_000 + random.below(14_000)));
  if (extra === 1) for (let at = random.below(200); at > 0; at -= 1) fields.push(`x-${at}`, "");
  if (extra === 2) fields.push("x-odd!#$&'*^`|~", "1", "0", "2", "grpc-", "3", "-bin", "AA", "x--bin", "=");
  return fields;
}

/** How one side's bytes are read by the other. */
export function randomCuts(random: Random): Cut[] {
  const cuts = Array.from({ length: random.below(6) }, () => ({
    bytes: 1 + random.below(random.below(2) === 0 ? 12 : 5_000),
    ownTurn: random.below(3) === 0,
  }));
  return [...cuts, { bytes: 6_000, ownTurn: false }];
}
