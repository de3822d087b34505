import { ErrorCode } from "../../../src/http2/error-codes";
import { HeaderList } from "../../../src/http2/header-list";
import type { LimitName } from "../../../src/http2/limits";
import type { Http2Options } from "../../../src/http2/options";
import { frame, PREFACE, RawPeer, REQUEST, uint32 } from "../../support/http2-raw-peer";

/** Each flood by name: what it sends, and what of it counts. With small limits, so that they are met soon. */

const odd = (n: number) => 2 * n + 1;
const small = { burst: 20, perSecond: 1 };
const CALM = ErrorCode.ENHANCE_YOUR_CALM;
const OK = HeaderList.of([":status", "200"]);

interface Flood {
  readonly name: string;
  readonly limit: LimitName;
  readonly options?: Partial<Http2Options>;
  /** The n-th piece of it. */
  readonly piece: (n: number) => Buffer;
}

const FLOODS: readonly Flood[] = [
  {
    name: "rapid reset (CVE-2023-44487)",
    limit: "peerResets",
    options: { limits: { peerResets: small } },
    piece: (n) => Buffer.concat([frame(1, 4, odd(n), REQUEST), frame(3, 0, odd(n), uint32(8))]),
  },
  {
    name: "MadeYouReset (CVE-2025-8671): window updates by 0",
    limit: "provokedResets",
    options: { limits: { provokedResets: small } },
    piece: (n) => Buffer.concat([frame(1, 4, odd(n), REQUEST), frame(8, 0, odd(n), uint32(0))]),
  },
  {
    name: "MadeYouReset: malformed requests",
    limit: "provokedResets",
    options: { limits: { provokedResets: small } },
    piece: (n) => frame(1, 5, odd(n), [0x83]),
  },
  {
    name: "streams beyond the limit",
    limit: "refusedStreams",
    options: { maxConcurrentStreams: 5, limits: { refusedStreams: small } },
    piece: (n) => frame(1, 4, odd(n), REQUEST),
  },
  {
    name: "SETTINGS (CVE-2019-9515)",
    limit: "settingsFrames",
    options: { limits: { settingsFrames: small } },
    piece: () => frame(4, 0, 0),
  },
  {
    name: "PING (CVE-2019-9512)",
    limit: "pingFrames",
    options: { limits: { pingFrames: small } },
    piece: () => frame(6, 0, 0, Buffer.alloc(8)),
  },
  {
    name: "window updates byte by byte (CVE-2019-9511)",
    limit: "windowUpdates",
    options: { limits: { windowUpdates: small } },
    piece: () => frame(8, 0, 0, uint32(1)),
  },
  {
    name: "empty DATA (CVE-2019-9518)",
    limit: "emptyFrames",
    options: { limits: { emptyFrames: small } },
    piece: (n) => (n === 0 ? frame(1, 4, 1, REQUEST) : frame(0, 0, 1)),
  },
  {
    name: "PRIORITY",
    limit: "ignoredFrames",
    options: { limits: { ignoredFrames: small } },
    piece: () => frame(2, 0, 3, [0, 0, 0, 1, 0]),
  },
  {
    name: "acknowledgements of SETTINGS that were never sent",
    limit: "ignoredFrames",
    options: { limits: { ignoredFrames: small } },
    piece: () => frame(4, 1, 0),
  },
  {
    name: "answers to PINGs that were never sent",
    limit: "ignoredFrames",
    options: { limits: { ignoredFrames: small } },
    piece: () => frame(6, 1, 0, Buffer.alloc(8)),
  },
  {
    name: "frames of unknown types",
    limit: "ignoredFrames",
    options: { limits: { ignoredFrames: small } },
    piece: () => frame(0xaa, 0, 0, [1]),
  },
  {
    name: "CONTINUATION without end (CVE-2024-27316)",
    limit: "continuationFrames",
    piece: (n) => (n === 0 ? frame(1, 0, 1, REQUEST) : frame(9, 0, 1, [0x84])),
  },
  {
    name: "empty CONTINUATION",
    limit: "emptyFrames",
    options: { limits: { emptyFrames: { burst: 10, perSecond: 1 } } },
    piece: (n) => (n === 0 ? frame(1, 0, 1, REQUEST) : frame(9, 0, 1)),
  },
  {
    name: "a huge header block",
    limit: "headerBlockBytes",
    piece: (n) => (n === 0 ? frame(1, 0, 1, REQUEST) : frame(9, 0, 1, Buffer.alloc(16_000, 0x84))),
  },
];

describe("Floods end their connection, are counted by name, and hit nobody else", () => {
  it.each(FLOODS)("$name → $limit", async ({ limit, options, piece }) => {
    const peer = new RawPeer("server", options);
    await peer.handshake();
    let pieces = 0;
    while (peer.recorder.ended === undefined && pieces < 200) {
      for (let n = 0; n < 10; n += 1) peer.push(piece(pieces++));
      await peer.settled();
    }
    expect(peer.recorder.ended).toMatchObject({
      kind: "violation",
      code: CALM,
      message: expect.stringContaining(limit),
    });
    expect(peer.counters[limit]).toBe(1);
    expect(Object.values(peer.counters).reduce((sum, count) => sum + count)).toBe(1);
    expect(peer.errors().at(-1)).toBe(`goaway ${CALM}`);
  });

  it.each(["peerResets", "pingFrames", "settingsFrames"] as const)(
    "a peer within the rate of %s lives",
    async (limit) => {
      const peer = new RawPeer("server", { limits: { [limit]: { burst: 5, perSecond: 10 } } });
      await peer.handshake();
      const flood = FLOODS.find((one) => one.limit === limit)!;
      for (let n = 0; n < 100; n += 1) {
        await peer.clock.advance(101);
        peer.push(flood.piece(n));
      }
      expect(peer.recorder.ended).toBeUndefined();
    },
  );

  it("HPACK bomb: a small block that means a huge list is refused with its stream, and costs no memory", async () => {
    const peer = new RawPeer("server");
    await peer.handshake();
    const insert = Buffer.concat([REQUEST, Buffer.from([0x40, 1, 0x61, 0x7f, 0xa1, 0x1e]), Buffer.alloc(4_000, "v")]);
    await peer.write(frame(1, 5, 1, insert), frame(1, 5, 3, Buffer.concat([REQUEST, Buffer.alloc(16_000, 0xbe)])));
    expect(peer.recorder.log).toEqual(["1 request / end"]);
    expect(peer.errors()).toEqual([`reset 3 ${CALM}`]);
    expect(peer.counters.headerListBytes).toBe(1);
  });

  it("answers that the peer does not read are bounded", async () => {
    const pingFrames = { burst: 1e6, perSecond: 1 };
    const peer = new RawPeer("server", {
      writeHighWaterBytes: 1_000,
      limits: { pingFrames, outputBacklogBytes: 10_000 },
    });
    await peer.handshake();
    peer.pause();
    const pings = Buffer.concat(Array.from({ length: 5_000 }, () => frame(6, 0, 0, Buffer.alloc(8))));
    for (let n = 0; n < 20 && peer.recorder.ended === undefined; n += 1) {
      peer.push(pings);
      await peer.settled();
    }
    expect(peer.counters.outputBacklogBytes).toBe(1);
    expect(peer.recorder.ended).toMatchObject({ kind: "violation", code: CALM });
  });

  it("a good peer on another connection notices nothing", async () => {
    const bad = new RawPeer("server", { limits: { pingFrames: small } });
    const good = new RawPeer("server", { limits: { pingFrames: small } });
    await Promise.all([bad.handshake(), good.handshake()]);
    for (let n = 0; n < 50; n += 1) bad.push(frame(6, 0, 0, Buffer.alloc(8)));
    await good.write(frame(1, 5, 1, REQUEST));
    expect([bad.recorder.ended?.kind, good.recorder.ended, good.recorder.log]).toEqual([
      "violation",
      undefined,
      ["1 request / end"],
    ]);
  });
});

describe("Slow peers", () => {
  const slow: readonly (readonly [LimitName, number, readonly Buffer[], number])[] = [
    ["prefaceTimeoutMs", 10_000, [PREFACE.subarray(0, 10)], ErrorCode.PROTOCOL_ERROR],
    ["prefaceTimeoutMs", 10_000, [PREFACE], ErrorCode.PROTOCOL_ERROR],
    ["settingsAckTimeoutMs", 20_000, [PREFACE, frame(4, 0, 0)], ErrorCode.SETTINGS_TIMEOUT],
    ["headersTimeoutMs", 10_000, [PREFACE, frame(4, 0, 0), frame(4, 1, 0), frame(1, 0, 1, REQUEST)], CALM],
    [
      "frameTimeoutMs",
      30_000,
      [PREFACE, frame(4, 0, 0), frame(4, 1, 0), frame(1, 4, 1, REQUEST).subarray(0, 10)],
      CALM,
    ],
  ];

  it.each(slow)("%s: after %d ms the connection ends, not before", async (limit, afterMs, bytes, code) => {
    const peer = new RawPeer("server");
    await peer.write(...bytes);
    await peer.clock.advance(afterMs - 1);
    expect(peer.recorder.ended).toBeUndefined();
    await peer.clock.advance(1);
    expect(peer.recorder.ended).toMatchObject({ kind: "timeout", code });
    expect(peer.counters[limit]).toBe(1);
  });

  it("writeStallTimeoutMs: ends a connection that takes nothing of what it asked for", async () => {
    const peer = new RawPeer("server", { limits: { writeStallTimeoutMs: 1_000 } });
    peer.recorder.onStreamDo = (stream) => {
      stream.sendHeaders(OK);
      stream.sendData(Buffer.alloc(65_000), 0, 65_000);
    };
    await peer.handshake();
    peer.pause();
    await peer.write(
      frame(1, 5, 1, REQUEST),
      frame(1, 5, 3, REQUEST),
      frame(8, 0, 0, uint32(200_000)),
      frame(1, 5, 5, REQUEST),
    );
    await peer.clock.advance(3_000);
    expect(peer.recorder.ended).toMatchObject({ kind: "timeout" });
    expect(peer.counters.writeStallTimeoutMs).toBe(1);
  });

  it("idleTimeoutMs: asks a peer without streams to leave", async () => {
    const peer = new RawPeer("server", { limits: { idleTimeoutMs: 5_000 } });
    await peer.handshake();
    await peer.clock.advance(4_000);
    await peer.write(frame(1, 5, 1, REQUEST), frame(3, 0, 1, uint32(8)));
    await peer.clock.advance(4_999);
    expect(peer.recorder.ended).toBeUndefined();
    await peer.clock.advance(2_000);
    expect(peer.recorder.ended).toMatchObject({ kind: "closed", code: 0 });
    expect(peer.counters.idleTimeoutMs).toBe(1);
  });

  it("refuses settings that the protocol does not allow", () => {
    expect(() => new RawPeer("server", { connectionWindowBytes: 1 })).toThrow(RangeError);
  });
});
