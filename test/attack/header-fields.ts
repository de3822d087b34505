/** Header blocks by hand (RFC 7541): literals without Huffman, so that anything can be said. */

const POST = 0x83;
const SCHEME_HTTP = 0x86;

/** What every call of gRPC has beside its pseudo-headers. */
export const GRPC_FIELDS: readonly (readonly [string, string])[] = [
  ["te", "trailers"],
  ["content-type", "application/grpc"],
];

/** An integer with a prefix of 7 bits (§5.1), the first bit clear. */
function integer7(value: number): Buffer {
  if (value < 127) return Buffer.of(value);
  const octets = [127];
  let rest = value - 127;
  for (; rest >= 128; rest = rest >> 7) octets.push((rest & 127) | 128);
  octets.push(rest);
  return Buffer.from(octets);
}

function text(value: string): Buffer {
  return Buffer.concat([integer7(value.length), Buffer.from(value, "latin1")]);
}

/** A literal that enters no table (§6.2.2). */
export function field(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.of(0x00), text(name), text(value)]);
}

/** A literal that enters the dynamic table (§6.2.1). */
export function indexedField(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.of(0x40), text(name), text(value)]);
}

/** A call's block. */
export function callBlock(path: string, fields: readonly (readonly [string, string])[] = GRPC_FIELDS): Buffer {
  const pseudo = [Buffer.of(POST, SCHEME_HTTP), field(":path", path), field(":authority", "target")];
  return Buffer.concat([...pseudo, ...fields.map(([name, value]) => field(name, value))]);
}

/** A call's block with more fields than gRPC's. */
export function callWith(path: string, ...fields: readonly (readonly [string, string])[]): Buffer {
  return callBlock(path, [...GRPC_FIELDS, ...fields]);
}
