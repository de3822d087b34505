/** Frame types (RFC 9113 §6). Others are ignored (§4.1). */
export const FrameType = {
  DATA: 0x0,
  HEADERS: 0x1,
  PRIORITY: 0x2,
  RST_STREAM: 0x3,
  SETTINGS: 0x4,
  PUSH_PROMISE: 0x5,
  PING: 0x6,
  GOAWAY: 0x7,
  WINDOW_UPDATE: 0x8,
  CONTINUATION: 0x9,
} as const;

/** Frame flags. ACK is END_STREAM's bit, on SETTINGS and PING. */
export const FrameFlag = {
  ACK: 0x1,
  END_STREAM: 0x1,
  END_HEADERS: 0x4,
  PADDED: 0x8,
  PRIORITY: 0x20,
} as const;

/** Every frame begins with length (24 bits), type, flags and stream id (31 bits) (§4.1). */
export const FRAME_HEADER_BYTES = 9;

/** The least and the initial SETTINGS_MAX_FRAME_SIZE (§6.5.2). */
export const FRAME_SIZE_MIN = 16_384;

/** The greatest SETTINGS_MAX_FRAME_SIZE. */
export const FRAME_SIZE_MAX = 16_777_215;

/** Flow-control windows never exceed this (§6.9.1); stream ids neither (§5.1.1). */
export const WINDOW_MAX = 0x7fff_ffff;
export const STREAM_ID_MAX = 0x7fff_ffff;

/** Windows before any SETTINGS or WINDOW_UPDATE (§6.9.2). */
export const WINDOW_INITIAL = 65_535;

/** What a client sends first (§3.4). */
export const CLIENT_PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");
