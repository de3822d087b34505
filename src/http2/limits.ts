/**
 * What one peer may cost us. Each limit has a name, a default with its reason, a counter (`LimitCounters`), and an answer that
 * touches the offending connection or stream and nothing else.
 *
 * A *rate* is a token bucket: `burst` at once, `perSecond` in the long run. A *size* and a *time* are what they say.
 */

export interface RateLimit {
  readonly burst: number;
  readonly perSecond: number;
}

interface Described<Default> {
  readonly default: Default;
  /** What happens when it is passed. */
  readonly answer: "close the connection" | "reset the stream";
  readonly doc: string;
}

/** Frames that cost the sender next to nothing. Answer: GOAWAY(ENHANCE_YOUR_CALM). */
export const RATE_LIMITS = {
  peerResets: {
    default: { burst: 10_000, perSecond: 1_000 },
    answer: "close the connection",
    doc: "RST_STREAM received (rapid reset, CVE-2023-44487). Wide, because callers do cancel in storms; concurrency is held by maxConcurrentStreams, and a reset stream costs some 10 µs, so the rate is 1 % of a core.",
  },
  provokedResets: {
    default: { burst: 500, perSecond: 50 },
    answer: "close the connection",
    doc: "Streams we had to reset because of what the peer sent on them (MadeYouReset, CVE-2025-8671). A correct peer provokes none but for races.",
  },
  refusedStreams: {
    default: { burst: 5_000, perSecond: 500 },
    answer: "close the connection",
    doc: "Streams beyond maxConcurrentStreams. A correct peer opens some before it has our SETTINGS, none after.",
  },
  settingsFrames: {
    default: { burst: 100, perSecond: 10 },
    answer: "close the connection",
    doc: "SETTINGS received (CVE-2019-9515): each must be acknowledged, and may touch every stream. Peers send one or two; those that tune windows, one per round trip.",
  },
  pingFrames: {
    default: { burst: 1_000, perSecond: 100 },
    answer: "close the connection",
    doc: "PING received (CVE-2019-9512). Peers that measure bandwidth ping once per round trip in which they got data, so each DATA frame we send earns one more.",
  },
  windowUpdates: {
    default: { burst: 10_000, perSecond: 2_000 },
    answer: "close the connection",
    doc: "WINDOW_UPDATE received, and with it windows opened byte by byte (CVE-2019-9511). Each KiB of DATA we send earns one more; a useful update is for far more than that.",
  },
  emptyFrames: {
    default: { burst: 1_000, perSecond: 100 },
    answer: "close the connection",
    doc: "DATA, HEADERS fragments and CONTINUATION that carry nothing and end nothing (CVE-2019-9518).",
  },
  ignoredFrames: {
    default: { burst: 1_000, perSecond: 100 },
    answer: "close the connection",
    doc: "PRIORITY, frames of unknown types, and acknowledgements of what was never sent: read and dropped. Browsers send a handful when they connect.",
  },
  closedStreamFrames: {
    default: { burst: 10_000, perSecond: 1_000 },
    answer: "close the connection",
    doc: "Frames on streams we reset, which may have been under way. A round trip's worth for each reset is normal.",
  },
} as const satisfies Record<string, Described<RateLimit>>;

/** Sizes, in bytes where the name says so. */
export const SIZE_LIMITS = {
  headerBlockBytes: {
    default: 65_536,
    answer: "close the connection",
    doc: "A header block as it is on the wire, over all its CONTINUATION frames (CVE-2024-27316): it is kept until complete. Four times a large list.",
  },
  continuationFrames: {
    default: 32,
    answer: "close the connection",
    doc: "CONTINUATION frames of one block. Four full ones hold 64 KiB; more than a few times that are fragments made to cost time.",
  },
  headerListBytes: {
    default: 32_768,
    answer: "reset the stream",
    doc: "A decoded header list (HPACK bomb: 1 KiB of indices can mean 4 MiB), announced as SETTINGS_MAX_HEADER_LIST_SIZE. Twice what gRPC implementations send at most unless told otherwise (16 KiB).",
  },
  headerFields: {
    default: 512,
    answer: "reset the stream",
    doc: "Fields of a header list. At 32 bytes of overhead each, headerListBytes allows twice that; nobody needs them.",
  },
  outputBacklogBytes: {
    default: 1_048_576,
    answer: "close the connection",
    doc: "Answers (headers, acknowledgements, resets) that wait because the peer does not read, above the write high-water mark, which holds back DATA.",
  },
} as const satisfies Record<string, Described<number>>;

/** Milliseconds. 0 turns one off. */
export const TIME_LIMITS = {
  prefaceTimeoutMs: {
    default: 10_000,
    answer: "close the connection",
    doc: "From the connection's start until the peer's preface and first SETTINGS are here (slow preface). Ten round trips of a bad mobile link.",
  },
  settingsAckTimeoutMs: {
    default: 20_000,
    answer: "close the connection",
    doc: "Until our SETTINGS are acknowledged (RFC 9113 §6.5.3). A peer may be busy reading much that came before.",
  },
  headersTimeoutMs: {
    default: 10_000,
    answer: "close the connection",
    doc: "From HEADERS to END_HEADERS (slow headers): no other frame can be read meanwhile.",
  },
  frameTimeoutMs: {
    default: 30_000,
    answer: "close the connection",
    doc: "From the first byte of a frame other than DATA to its last (slow frames).",
  },
  writeStallTimeoutMs: {
    default: 60_000,
    answer: "close the connection",
    doc: "Bytes wait for the socket and none was taken for this long (a peer that stopped reading). As long as TCP itself would wait for a while, well above a garbage collection.",
  },
  idleTimeoutMs: {
    default: 0,
    answer: "close the connection",
    doc: "No stream for this long. Off: gRPC connections are kept; the owner of many sets it.",
  },
} as const satisfies Record<string, Described<number>>;

export type RateLimitName = keyof typeof RATE_LIMITS;
export type SizeLimitName = keyof typeof SIZE_LIMITS;
export type TimeLimitName = keyof typeof TIME_LIMITS;
export type LimitName = RateLimitName | SizeLimitName | TimeLimitName;

export type Limits = Readonly<Record<RateLimitName, RateLimit> & Record<SizeLimitName | TimeLimitName, number>>;

/** How often each limit was passed. Handed in, so that one object can count for all connections of a process. */
export type LimitCounters = Record<LimitName, number>;

const TABLES = { ...RATE_LIMITS, ...SIZE_LIMITS, ...TIME_LIMITS };

export const DEFAULT_LIMITS: Limits = Object.fromEntries(
  Object.entries(TABLES).map(([name, limit]) => [name, limit.default]),
) as unknown as Limits;

export function newLimitCounters(): LimitCounters {
  return Object.fromEntries(Object.keys(TABLES).map((name) => [name, 0])) as LimitCounters;
}
