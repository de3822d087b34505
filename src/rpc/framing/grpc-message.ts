/** What may stand in `grpc-message` as it is: printable ASCII but "%" (gRPC PROTOCOL-HTTP2, "Percent-Encoded"). */
const PLAIN = /^[ -$&-~]*$/;
const ESCAPED = /%[0-9A-Fa-f]{2}/;

/** A status message as the value of `grpc-message`. Spaces at the ends are escaped, because HTTP/2 forbids them there. */
export function encodeMessage(message: string): string {
  if (PLAIN.test(message) && message.trim().length === message.length) return message;
  const bytes = Buffer.from(message, "utf8");
  let encoded = "";
  bytes.forEach((byte, index) => {
    const isBlankEnd = byte === 0x20 && (index === 0 || index === bytes.length - 1);
    const isPlain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25 && !isBlankEnd;
    encoded += isPlain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  });
  return encoded;
}

/** The message that a value stands for. Never fails: an escape that is none, or bytes that are no UTF-8, are shown as well as can be. */
export function decodeMessage(encoded: string): string {
  if (PLAIN.test(encoded) && !ESCAPED.test(encoded)) return encoded;
  const octets = encoded.replace(/%([0-9A-Fa-f]{2})/g, (_match, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  return Buffer.from(octets, "latin1").toString("utf8");
}
