import type { EngineClock, EngineRandom } from "./clock";
import type { WindowGrowth } from "./flow-window";
import { FRAME_SIZE_MAX, FRAME_SIZE_MIN, WINDOW_INITIAL, WINDOW_MAX } from "./frame-types";
import type { HeaderList } from "./header-list";
import { DEFAULT_LIMITS, type LimitCounters, type Limits, newLimitCounters } from "./limits";

export interface Http2Options {
  readonly clock: EngineClock;
  readonly random: EngineRandom;
  /**
   * Bytes that a peer may send on one stream before we consumed them. Default 1 MiB: a stream alone reaches 160 Mbit/s at
   * 50 ms, and a stalled reader holds no more than this.
   */
  readonly streamWindowBytes?: number;
  /** Lets the windows of streams grow while their readers keep up, within a budget that connections may share. Default: they do not. */
  readonly windowGrowth?: WindowGrowth;
  /**
   * The same for all streams of the connection together; at least 65,535. Default 8 MiB: 1 Gbit/s × 50 ms are 6.25 MB, and
   * updates are sent at half of the window. This bounds the memory that a connection's slow readers can hold.
   */
  readonly connectionWindowBytes?: number;
  /** Streams that the peer may have open. Default 1,000: gRPC multiplexes all calls of a process on one connection. */
  readonly maxConcurrentStreams?: number;
  /** Largest frame accepted. Default 16,384, the least allowed: larger ones only delay others' frames. */
  readonly maxFrameBytes?: number;
  /**
   * Takes values of regular fields that begin or end with a space or tab, which RFC 9113 §8.2.1 calls malformed. Default false.
   * gRPC allows them and lets whoever receives them strip them (PROTOCOL-HTTP2, "ASCII-Value"); `HeaderList.hasBlankEnds` tells.
   */
  readonly blankEndsAllowed?: boolean;
  /** Memory for the peer's compression table. Default 4,096, the protocol's. */
  readonly headerTableBytes?: number;
  /**
   * Bytes that may wait for the socket before DATA is held back. Default 64 KiB: the kernel's own buffer keeps the link
   * busy meanwhile, and 1,000 peers that stopped reading hold 64 MiB.
   */
  readonly writeHighWaterBytes?: number;
  /** PING after silence of `intervalMs`; the connection is closed when nothing comes for another `timeoutMs`. Default: none. */
  readonly keepalive?: { readonly intervalMs: number; readonly timeoutMs: number };
  /** After GOAWAY for an error, or when all is done, how long the peer may take to read it before the socket is destroyed. Default 1,000. */
  readonly lingerMs?: number;
  /** Parts of `DEFAULT_LIMITS` to replace. */
  readonly limits?: Partial<Limits>;
  /** Counts what went over the limits; one object may serve many connections. */
  readonly limitCounters?: LimitCounters;
  /** Counts the streams that peers have open; one object may serve many connections. */
  readonly openStreams?: StreamCount;
  /** Server: what a request is told whose headers are over a limit. Default: the stream is reset with ENHANCE_YOUR_CALM. */
  readonly headersTooLargeAnswer?: HeaderList;
  /** The id of a client's first stream; an odd number. For tests of the end of ids. Default 1. */
  readonly firstStreamId?: number;
}

export interface StreamCount {
  count: number;
}

export interface ResolvedOptions {
  readonly clock: EngineClock;
  readonly random: EngineRandom;
  readonly streamWindowBytes: number;
  readonly windowGrowth: WindowGrowth | undefined;
  readonly connectionWindowBytes: number;
  readonly maxConcurrentStreams: number;
  readonly maxFrameBytes: number;
  readonly blankEndsAllowed: boolean;
  readonly headerTableBytes: number;
  readonly writeHighWaterBytes: number;
  readonly keepalive: { readonly intervalMs: number; readonly timeoutMs: number } | undefined;
  readonly lingerMs: number;
  readonly limits: Limits;
  readonly limitCounters: LimitCounters;
  readonly openStreams: StreamCount;
  readonly headersTooLargeAnswer: HeaderList | undefined;
  readonly firstStreamId: number;
}

/** Throws RangeError for what the protocol does not allow. */
export function resolveOptions(options: Http2Options): ResolvedOptions {
  return {
    clock: options.clock,
    random: options.random,
    streamWindowBytes: inRange("streamWindowBytes", options.streamWindowBytes ?? 1_048_576, 0, WINDOW_MAX),
    windowGrowth: options.windowGrowth,
    connectionWindowBytes: inRange(
      "connectionWindowBytes",
      options.connectionWindowBytes ?? 8_388_608,
      WINDOW_INITIAL,
      WINDOW_MAX,
    ),
    maxConcurrentStreams: inRange("maxConcurrentStreams", options.maxConcurrentStreams ?? 1_000, 0, 0xffff_ffff),
    maxFrameBytes: inRange("maxFrameBytes", options.maxFrameBytes ?? FRAME_SIZE_MIN, FRAME_SIZE_MIN, FRAME_SIZE_MAX),
    blankEndsAllowed: options.blankEndsAllowed ?? false,
    headerTableBytes: inRange("headerTableBytes", options.headerTableBytes ?? 4_096, 0, 1_048_576),
    writeHighWaterBytes: inRange("writeHighWaterBytes", options.writeHighWaterBytes ?? 65_536, 1, WINDOW_MAX),
    keepalive: options.keepalive,
    lingerMs: options.lingerMs ?? 1_000,
    limits: options.limits === undefined ? DEFAULT_LIMITS : { ...DEFAULT_LIMITS, ...options.limits },
    limitCounters: options.limitCounters ?? newLimitCounters(),
    openStreams: options.openStreams ?? { count: 0 },
    headersTooLargeAnswer: options.headersTooLargeAnswer,
    firstStreamId: options.firstStreamId ?? 1,
  };
}

function inRange(name: string, value: number, least: number, most: number): number {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`${name} must be an integer from ${least} to ${most}, not ${value}`);
  }
  return value;
}
