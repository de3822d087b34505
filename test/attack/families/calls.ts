import { FrameFlag, FrameType } from "../../../src/http2/frame-types";
import { callShape } from "../../bench/relay/echo-contract";
import { frame } from "../../support/http2-raw-peer";
import { callBlock } from "../header-fields";

/** What attacks are made of. */

export const SHAPE = callShape(100);
export const PATH = SHAPE.path;
export const CALL = callBlock(PATH);

export const { END_STREAM, END_HEADERS, PADDED, ACK } = FrameFlag;

/** HEADERS with a whole block. */
export function headers(id: number, block: Buffer = CALL, flags = 0): Buffer {
  return frame(FrameType.HEADERS, END_HEADERS | flags, id, block);
}

export function data(id: number, bytes: Buffer, flags = 0): Buffer {
  return frame(FrameType.DATA, flags, id, bytes);
}

/** gRPC's prefix and what follows it, whether or not they fit together. */
export function message(bytes: Buffer, lengthBytes = bytes.length, flag = 0): Buffer {
  const prefix = Buffer.of(flag, 0, 0, 0, 0);
  prefix.writeUInt32BE(lengthBytes, 1);
  return Buffer.concat([prefix, bytes]);
}

/** A whole call that is answered in full. */
export function wholeCall(id: number, block: Buffer = CALL): Buffer {
  return Buffer.concat([headers(id, block), data(id, SHAPE.message, END_STREAM)]);
}

/** DATA frames of as many bytes as one may have. */
export function manyData(id: number, bytes: Buffer, last: boolean): Buffer {
  const frames: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += 16_384) {
    const end = Math.min(bytes.length, at + 16_384);
    frames.push(data(id, bytes.subarray(at, end), last && end === bytes.length ? END_STREAM : 0));
  }
  return Buffer.concat(frames);
}
