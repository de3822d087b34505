import type { Http2Options } from "../http2/options";

/** What connections of the relay may hold and stand, in one place, since one side's bounds are the other's load. */

type Bounds = Pick<Http2Options, "streamWindowBytes" | "connectionWindowBytes" | "writeHighWaterBytes" | "limits">;

/** Connections of clients. */
export const CLIENT_BOUNDS: Bounds = {
  limits: {
    // Callers cancel in storms, and gateways and other directors for many callers at once: 10,000 a second must pass, and bursts of
    // twice that. Beyond it is a flood.
    peerResets: { burst: 20_000, perSecond: 20_000 },
  },
};

/** Connections to workers. */
export const WORKER_BOUNDS: Bounds = {
  /**
   * What a worker may send on one stream before the caller took it. 64 KiB: a stalled caller holds no more, 1,000 of them 64 MiB,
   * and workers are near: at 1 ms it allows 500 Mbit/s for each call.
   */
  streamWindowBytes: 65_536,
  /** As good as none: streams bound it, and a connection that all calls share must not be held up by the slow ones. */
  connectionWindowBytes: 0x7fff_ffff,
  /** What may wait for the socket. More than a client's share: all clients' requests go through it, and there is one per worker. */
  writeHighWaterBytes: 1_048_576,
  limits: {
    // Servers that answer before the request is whole reset the rest of it with NO_ERROR (RFC 9113 §8.1): no flood, but one for
    // each such call.
    peerResets: { burst: 100_000, perSecond: 100_000 },
    // What is under way when a call is cancelled is up to a window of frames as small as the worker's messages: 600 of 100 bytes.
    // They cost less than those that are wanted, and the connection is all callers'.
    closedStreamFrames: { burst: 1_000_000, perSecond: 1_000_000 },
  },
};
