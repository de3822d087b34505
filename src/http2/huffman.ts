import { HUFFMAN_BITS, HUFFMAN_CODES, HUFFMAN_EOS } from "./huffman-code";
import { readLatin1 } from "./latin1";

/**
 * Huffman strings of RFC 7541 §5.2.
 *
 * Decoding walks the code tree four bits at a time. `TRANSITIONS[state * 16 + nibble]` holds the state after the nibble, the
 * symbol that was completed within it, if any (the shortest code has five bits, so never two), and whether the path led into
 * EOS, which is an error. A string may end only where what is left over is fewer than eight bits, all of them one.
 */

const HAS_SYMBOL = 0x100;
const FAILED = 0x200;
const SYMBOL_MASK = 0xff;
const STATE_SHIFT = 10;

interface Node {
  readonly state: number;
  readonly depth: number;
  /** Every bit from the root to here is one. */
  readonly allOnes: boolean;
  readonly children: (Node | number | undefined)[];
}

const { transitions: TRANSITIONS, mayEnd: MAY_END } = buildTables();

function buildTables(): { transitions: Uint32Array; mayEnd: Uint8Array } {
  const nodes: Node[] = [];
  const newNode = (depth: number, allOnes: boolean): Node => {
    const node: Node = { state: nodes.length, depth, allOnes, children: [undefined, undefined] };
    nodes.push(node);
    return node;
  };
  const root = newNode(0, true);
  HUFFMAN_CODES.forEach((code, symbol) => {
    let node = root;
    for (let bit = HUFFMAN_BITS[symbol]! - 1; bit > 0; bit -= 1) {
      const side = (code >>> bit) & 1;
      const child = node.children[side] ?? newNode(node.depth + 1, node.allOnes && side === 1);
      node.children[side] = child;
      node = child as Node;
    }
    node.children[code & 1] = symbol;
  });

  const transitions = new Uint32Array(nodes.length * 16);
  for (const from of nodes) {
    for (let nibble = 0; nibble < 16; nibble += 1) {
      let node = from;
      let result = 0;
      for (let bit = 3; bit >= 0; bit -= 1) {
        const next = node.children[(nibble >>> bit) & 1];
        if (next === undefined || next === HUFFMAN_EOS) {
          result = FAILED;
          node = root;
          break;
        }
        if (typeof next === "number") result = HAS_SYMBOL | next;
        node = typeof next === "number" ? root : next;
      }
      transitions[from.state * 16 + nibble] = (node.state << STATE_SHIFT) | result;
    }
  }
  return { transitions, mayEnd: Uint8Array.from(nodes, (node) => (node.allOnes && node.depth < 8 ? 1 : 0)) };
}

/** The longest a string of this many octets can become: the shortest code has five bits. */
function decodedBytesMax(encodedBytes: number): number {
  return Math.floor((encodedBytes * 8) / 5);
}

/** Grows to the longest string met; strings are bounded by the header block, and so is this. */
let scratch = Buffer.allocUnsafeSlow(4_096);

/** The string in `buffer[start, end)`, or `undefined` where it is not one. */
export function decodeHuffman(buffer: Uint8Array, start: number, end: number): string | undefined {
  const bytesMax = decodedBytesMax(end - start);
  if (bytesMax > scratch.length) scratch = Buffer.allocUnsafeSlow(bytesMax * 2);
  const out = scratch;
  let length = 0;
  let state = 0;
  for (let at = start; at < end; at += 1) {
    const octet = buffer[at]!;
    const high = TRANSITIONS[state * 16 + (octet >>> 4)]!;
    if ((high & HAS_SYMBOL) !== 0) out[length++] = high & SYMBOL_MASK;
    const low = TRANSITIONS[(high >>> STATE_SHIFT) * 16 + (octet & 15)]!;
    if ((low & HAS_SYMBOL) !== 0) out[length++] = low & SYMBOL_MASK;
    if (((high | low) & FAILED) !== 0) return undefined;
    state = low >>> STATE_SHIFT;
  }
  return MAY_END[state] === 1 ? readLatin1(out, 0, length) : undefined;
}

/** Octets that `text` (latin1) takes when encoded. */
export function huffmanBytes(text: string): number {
  let bits = 0;
  for (let at = 0; at < text.length; at += 1) bits += HUFFMAN_BITS[text.charCodeAt(at) & 0xff]!;
  return (bits + 7) >>> 3;
}

/** Writes `text` (latin1), padded with ones. Returns the offset after it. */
export function encodeHuffman(text: string, out: Uint8Array, start: number): number {
  let offset = start;
  let held = 0; // bits not yet written, fewer than eight
  let heldBits = 0;
  for (let at = 0; at < text.length; at += 1) {
    const symbol = text.charCodeAt(at) & 0xff;
    const code = HUFFMAN_CODES[symbol]!;
    let left = HUFFMAN_BITS[symbol]!;
    while (left > 0) {
      const take = Math.min(8 - heldBits, left);
      held = (held << take) | ((code >>> (left - take)) & ((1 << take) - 1));
      heldBits += take;
      left -= take;
      if (heldBits === 8) {
        out[offset++] = held;
        held = 0;
        heldBits = 0;
      }
    }
  }
  if (heldBits > 0) out[offset++] = ((held << (8 - heldBits)) | ((1 << (8 - heldBits)) - 1)) & 0xff;
  return offset;
}
