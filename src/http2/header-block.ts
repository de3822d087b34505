import { ErrorCode, Http2Error } from "./error-codes";
import type { FloodGuard } from "./flood-guard";
import { FrameFlag } from "./frame-types";
import { readStreamId } from "./frame-parser";
import type { Limits } from "./limits";

/** What HEADERS says beside the block. */
export interface HeadersFrame {
  readonly streamId: number;
  readonly endStream: boolean;
  /** §5.3.1 of RFC 7540, which RFC 9113 deprecates: a stream cannot depend on itself. */
  readonly dependsOnItself: boolean;
}

/** Where the fragment of a HEADERS frame lies. One object for all frames: it is read before the next is parsed. */
export const fragment = { start: 0, end: 0, dependsOnItself: false };

/** Finds the fragment in a HEADERS payload: past the pad length and the priority, before the padding (RFC 9113 §6.2). */
export function locateFragment(streamId: number, flags: number, buffer: Buffer, start: number, end: number): void {
  let at = start;
  let padBytes = 0;
  fragment.dependsOnItself = false;
  if ((flags & FrameFlag.PADDED) !== 0) {
    if (at === end) throw new Http2Error(ErrorCode.FRAME_SIZE_ERROR, "HEADERS without its pad length");
    padBytes = buffer[at++]!;
  }
  if ((flags & FrameFlag.PRIORITY) !== 0) {
    if (end - at < 5) throw new Http2Error(ErrorCode.FRAME_SIZE_ERROR, "HEADERS without its priority");
    fragment.dependsOnItself = readStreamId(buffer, at) === streamId;
    at += 5;
  }
  if (padBytes > end - at) throw new Http2Error(ErrorCode.PROTOCOL_ERROR, "more padding than payload");
  fragment.start = at;
  fragment.end = end - padBytes;
}

/** Puts together a block that goes on in CONTINUATION frames (RFC 9113 §6.10). Bounded in bytes and in frames. */
export class HeaderBlock {
  readonly #limits: Limits;
  readonly #guard: FloodGuard;
  #frame: HeadersFrame | undefined;
  #fragments: Buffer[] = [];
  #bytes = 0;
  #continuations = 0;

  constructor(limits: Limits, guard: FloodGuard) {
    this.#limits = limits;
    this.#guard = guard;
  }

  /** The stream of the block that is open, 0 if none is. Until it is complete, no other frame may come. */
  get openStreamId(): number {
    return this.#frame?.streamId ?? 0;
  }

  begin(frame: HeadersFrame, buffer: Buffer, start: number, end: number): void {
    this.#frame = frame;
    this.#continuations = 0;
    this.#add(buffer, start, end);
  }

  continue(buffer: Buffer, start: number, end: number): void {
    this.#continuations += 1;
    if (this.#continuations > this.#limits.continuationFrames) throw this.#guard.exceeded("continuationFrames");
    this.#add(buffer, start, end);
  }

  complete(): { frame: HeadersFrame; block: Buffer } {
    const whole = { frame: this.#frame!, block: Buffer.concat(this.#fragments, this.#bytes) };
    this.#frame = undefined;
    this.#fragments = [];
    this.#bytes = 0;
    return whole;
  }

  #add(buffer: Buffer, start: number, end: number): void {
    if (start === end) this.#guard.charge("emptyFrames");
    this.#bytes += end - start;
    if (this.#bytes > this.#limits.headerBlockBytes) throw this.#guard.exceeded("headerBlockBytes");
    // A copy: a slice would keep alive the whole read.
    this.#fragments.push(Buffer.from(buffer.subarray(start, end)));
  }
}
