import { WindowBudget } from "../http2/flow-window";
import type { Http2Options } from "../http2/options";

/** What connections may hold and stand, in one place, since one side's bounds are the other's load. */

type Windows = Required<Pick<Http2Options, "streamWindowBytes" | "connectionWindowBytes" | "windowGrowth">>;
type Bounds = Windows & Pick<Http2Options, "writeHighWaterBytes" | "limits">;

/** Of connections that may pass on what they receive. */
const WINDOWS: Windows = {
  /**
   * What a peer may send on one stream before the other side took it. 64 KiB: of 1,000 calls that wait for slow peers a relay
   * holds 64 MiB. Enough for 500 Mbit/s at 1 ms.
   */
  streamWindowBytes: 65_536,
  windowGrowth: {
    /** While the other side keeps up: 160 Mbit/s for one call at 50 ms. */
    maxBytes: 1_048_576,
    /** For all connections of the process; then calls have the first 64 KiB. 17 with the largest window, 2.7 Gbit/s in all at 50 ms. */
    budget: new WindowBudget(16_777_216),
  },
  /** As good as none: streams bound it, and calls that share a connection must not be held up by those that wait for a slow peer. */
  connectionWindowBytes: 0x7fff_ffff,
};

/** What the peer's metadata may take, of one call and as HTTP/2 counts it: what the engine allows, unless told otherwise. */
export const HEADER_LIST_MAX_BYTES = 32_768;

export function headerLimits(listMaxBytes: number) {
  return {
    headerListBytes: listMaxBytes,
    // On the wire it may be longer than as HTTP/2 counts it, but not by much.
    headerBlockBytes: Math.max(65_536, 2 * listMaxBytes),
    continuationFrames: Math.max(32, Math.ceil(listMaxBytes / 2_048)),
  };
}

/** Connections that we accept. */
export const ACCEPTED_BOUNDS: Bounds = {
  ...WINDOWS,
  limits: {
    // Callers cancel in storms, and gateways and relays for many callers at once: 10,000 a second must pass, and bursts of
    // twice that. Beyond it is a flood.
    peerResets: { burst: 20_000, perSecond: 20_000 },
  },
};

/** Connections that we make. */
export const DIALED_BOUNDS: Bounds = {
  ...WINDOWS,
  /** What may wait for the socket. More than a client's share: all clients' requests go through it, and there is one per server. */
  writeHighWaterBytes: 1_048_576,
  limits: {
    // Servers that answer before the request is whole reset the rest of it with NO_ERROR (RFC 9113 §8.1): no flood, but one for
    // each such call.
    peerResets: { burst: 100_000, perSecond: 100_000 },
    // What is under way when a call is cancelled is up to a window of frames as small as the server's messages: 600 of 100 bytes.
    // They cost less than those that are wanted, and the connection is all callers'.
    closedStreamFrames: { burst: 1_000_000, perSecond: 1_000_000 },
  },
};
