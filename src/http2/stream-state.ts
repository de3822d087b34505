/**
 * States of a stream (RFC 9113 §5.1), as two halves that end apart from each other, and a reset that ends both. `idle` and
 * `reserved` have no object: there is no push.
 */
export const StreamFlag = {
  LOCAL_ENDED: 1,
  REMOTE_ENDED: 2,
  RESET: 4,
  /** The response head (server) or the request (client) went out. */
  HEADERS_SENT: 8,
  /** A request (server) or the final response head (client) came in: the next header block is trailers. */
  HEADERS_RECEIVED: 16,
  /** Client: an interim response (1xx) came in. */
  INTERIM_RECEIVED: 32,
} as const;

const BOTH_ENDED = StreamFlag.LOCAL_ENDED | StreamFlag.REMOTE_ENDED;

export type StreamState = "open" | "half-closed (local)" | "half-closed (remote)" | "closed";

export function streamState(flags: number): StreamState {
  if (isClosed(flags)) return "closed";
  if ((flags & StreamFlag.LOCAL_ENDED) !== 0) return "half-closed (local)";
  return (flags & StreamFlag.REMOTE_ENDED) !== 0 ? "half-closed (remote)" : "open";
}

export function isClosed(flags: number): boolean {
  return (flags & StreamFlag.RESET) !== 0 || (flags & BOTH_ENDED) === BOTH_ENDED;
}
