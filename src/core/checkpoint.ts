/**
 * A checkpoint on a message: what a handler elsewhere needs in order to go on after it. It stands before the encoded message as one
 * more field of it, with a number that nobody else uses; so every message may have one or none, and a decoder that meets it skips it
 * (Protobuf keeps or drops fields it does not know, and takes fields in any order).
 *
 * Sent only to who asked for it (`HEDDLE_KEYS.checkpoints`). The two then agree that each message begins with at most one such field, which
 * is not of the message: a message that begins like one by chance, as bytes of a raw method may, gets an empty one before it.
 */

/** The tag of field 536,870,847, as bytes: so high that no contract has it (the highest is 536,870,911). */
const TAG = Uint8Array.of(0xfa, 0xfb, 0xff, 0xff, 0x0f);

/**
 * Longest checkpoint. It travels in the metadata of the request that resumes, in base64, where a third more of it must leave room for the
 * caller's own under HEDDLE_HEADER_LIST_MAX_BYTES (32 KiB unless set).
 */
export const CHECKPOINT_MAX_BYTES = 16 * 1_024;

const NOTHING = new Uint8Array(0);

/** The message with the checkpoint on it. */
export function withCheckpoint(message: Uint8Array, checkpoint: Uint8Array): Uint8Array {
  const length = lengthBytes(checkpoint.length);
  const sent = new Uint8Array(TAG.length + length.length + checkpoint.length + message.length);
  sent.set(TAG);
  sent.set(length, TAG.length);
  sent.set(checkpoint, TAG.length + length.length);
  sent.set(message, TAG.length + length.length + checkpoint.length);
  return sent;
}

/** The message as it may be sent without a checkpoint to who takes them off. */
export function withoutAny(message: Uint8Array): Uint8Array {
  return beginsLikeOne(message) ? withCheckpoint(message, NOTHING) : message;
}

/** Whether a checkpoint stands before the message, or it looks so. */
export function beginsLikeOne(message: Uint8Array): boolean {
  if (message.length < TAG.length || message[0] !== TAG[0]) return false;
  return TAG.every((byte, index) => message[index] === byte);
}

export interface Checkpointed {
  readonly message: Uint8Array;
  /** Undefined: there was none. A view, like the message. */
  readonly checkpoint: Uint8Array | undefined;
}

/** Takes the checkpoint off. A field that is cut off, or longer than may be, is left where it is: its sender did not mean one. */
export function takeCheckpoint(sent: Uint8Array): Checkpointed {
  const plain = { message: sent, checkpoint: undefined };
  if (!beginsLikeOne(sent)) return plain;
  let length = 0;
  let at = TAG.length;
  for (let shift = 0; ; shift += 7) {
    const byte = sent[at];
    if (byte === undefined || shift > 14) return plain;
    at += 1;
    length += (byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  const end = at + length;
  if (length > CHECKPOINT_MAX_BYTES || end > sent.length) return plain;
  return { message: sent.subarray(end), checkpoint: length === 0 ? undefined : sent.subarray(at, end) };
}

/** A base-128 varint of a length up to CHECKPOINT_MAX_BYTES. */
function lengthBytes(length: number): Uint8Array {
  const bytes: number[] = [];
  let left = length;
  while (left >= 0x80) {
    bytes.push((left & 0x7f) | 0x80);
    left >>>= 7;
  }
  return Uint8Array.of(...bytes, left);
}
