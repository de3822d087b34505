/** Error codes of RST_STREAM and GOAWAY (RFC 9113 §7). */
export const ErrorCode = {
  NO_ERROR: 0x0,
  PROTOCOL_ERROR: 0x1,
  INTERNAL_ERROR: 0x2,
  FLOW_CONTROL_ERROR: 0x3,
  SETTINGS_TIMEOUT: 0x4,
  STREAM_CLOSED: 0x5,
  FRAME_SIZE_ERROR: 0x6,
  REFUSED_STREAM: 0x7,
  CANCEL: 0x8,
  COMPRESSION_ERROR: 0x9,
  CONNECT_ERROR: 0xa,
  ENHANCE_YOUR_CALM: 0xb,
  INADEQUATE_SECURITY: 0xc,
  HTTP_1_1_REQUIRED: 0xd,
} as const;

/** A code as the peer may send it: unknown ones are allowed and mean INTERNAL_ERROR (§7). */
export type ErrorCode = number;

const NAMES: readonly string[] = Object.keys(ErrorCode);

/** "STREAM_CLOSED", or "0x1f" for a code that the RFC does not know. */
export function errorCodeName(code: ErrorCode): string {
  return NAMES[code] ?? `0x${code.toString(16)}`;
}

/**
 * What ends a connection (RFC 9113 §5.4.1). Thrown by the codecs, caught in one place by the connection, which tells the
 * peer with GOAWAY. Errors of a single stream are never thrown.
 */
export class Http2Error extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(`${errorCodeName(code)}: ${message}`, options);
    this.name = "Http2Error";
    this.code = code;
  }
}
