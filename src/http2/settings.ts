import { ErrorCode, Http2Error } from "./error-codes";
import { FRAME_SIZE_MAX, FRAME_SIZE_MIN, WINDOW_INITIAL, WINDOW_MAX } from "./frame-types";
import { HEADER_TABLE_INITIAL_BYTES } from "./hpack-decoder";

/** Parameters of SETTINGS (RFC 9113 §6.5.2). Others are ignored. */
export const SettingId = {
  HEADER_TABLE_SIZE: 0x1,
  ENABLE_PUSH: 0x2,
  MAX_CONCURRENT_STREAMS: 0x3,
  INITIAL_WINDOW_SIZE: 0x4,
  MAX_FRAME_SIZE: 0x5,
  MAX_HEADER_LIST_SIZE: 0x6,
} as const;

/** What the peer said, and until it did the RFC's initial values. */
export class PeerSettings {
  headerTableBytes = HEADER_TABLE_INITIAL_BYTES;
  pushEnabled = true;
  /** Without a word from the peer 100 are assumed, which RFC 9113 recommends as the least to allow. */
  maxConcurrentStreams = 100;
  initialWindowBytes = WINDOW_INITIAL;
  maxFrameBytes = FRAME_SIZE_MIN;
  /** Advice; `Infinity` where none was given. */
  maxHeaderListBytes = Infinity;
  /** Whether the first SETTINGS frame has come. */
  known = false;

  /** Takes the parameters in `buffer[start, end)`, in order. Throws `Http2Error` for what must not be (§6.5.2). */
  apply(buffer: Buffer, start: number, end: number, fromServer: boolean): void {
    // A peer that says nothing of it in its first frame sets no limit.
    if (!this.known) this.maxConcurrentStreams = Infinity;
    this.known = true;
    for (let at = start; at < end; at += 6) this.#set(buffer.readUInt16BE(at), buffer.readUInt32BE(at + 2), fromServer);
  }

  #set(id: number, value: number, fromServer: boolean): void {
    switch (id) {
      case SettingId.HEADER_TABLE_SIZE:
        this.headerTableBytes = value;
        break;
      case SettingId.ENABLE_PUSH:
        if (value > 1 || (fromServer && value === 1)) throw invalid("ENABLE_PUSH", value);
        this.pushEnabled = value === 1;
        break;
      case SettingId.MAX_CONCURRENT_STREAMS:
        this.maxConcurrentStreams = value;
        break;
      case SettingId.INITIAL_WINDOW_SIZE:
        if (value > WINDOW_MAX) throw invalid("INITIAL_WINDOW_SIZE", value, ErrorCode.FLOW_CONTROL_ERROR);
        this.initialWindowBytes = value;
        break;
      case SettingId.MAX_FRAME_SIZE:
        if (value < FRAME_SIZE_MIN || value > FRAME_SIZE_MAX) throw invalid("MAX_FRAME_SIZE", value);
        this.maxFrameBytes = value;
        break;
      case SettingId.MAX_HEADER_LIST_SIZE:
        this.maxHeaderListBytes = value;
        break;
      default: // unknown ones are ignored
    }
  }
}

function invalid(name: string, value: number, code: ErrorCode = ErrorCode.PROTOCOL_ERROR): Http2Error {
  return new Http2Error(code, `SETTINGS with ${name} = ${value}`);
}
