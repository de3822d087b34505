import type { IncomingCall } from "../../core/call";
import { FRAME_SIZE_MIN } from "../../http2/frame-types";
import { PREFIX_BYTES, writePrefix } from "./message-reader";

/** Shared, because what is sent from it is copied before the next message comes. */
const scratch = Buffer.allocUnsafeSlow(FRAME_SIZE_MIN);
const prefix = Buffer.allocUnsafeSlow(PREFIX_BYTES);

/**
 * Sends a message without compression, and makes no copy of it that would have to be collected. One that fits in a frame goes in
 * one; a larger one has a frame before it with the prefix, which costs a peer less than a copy of the message costs us.
 * @param call - which copies what it is sent before `send` returns
 */
export function sendFramed(call: Pick<IncomingCall, "send">, message: Uint8Array): boolean {
  const frameBytes = PREFIX_BYTES + message.length;
  if (frameBytes <= scratch.length) {
    writePrefix(scratch, message.length);
    scratch.set(message, PREFIX_BYTES);
    return call.send(scratch.subarray(0, frameBytes));
  }
  writePrefix(prefix, message.length);
  call.send(prefix);
  // Generated code encodes into plain arrays, and what copies it on wants a Buffer: a view of the same memory.
  return call.send(Buffer.from(message.buffer, message.byteOffset, message.length));
}
