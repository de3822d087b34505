import { ErrorCode, errorCodeName } from "../../../src/http2/error-codes";
import { HeaderList } from "../../../src/http2/header-list";
import { frame, RawPeer, REQUEST, RESPONSE, setting, uint32 } from "../../support/http2-raw-peer";

/** What RFC 9113 calls a connection error or a stream error, by section, beyond and beside what h2spec asks. */

const literal = (name: string, value: string) =>
  Buffer.concat([Buffer.from([0x00, name.length]), Buffer.from(name), Buffer.from([value.length]), Buffer.from(value)]);
const request = (...fields: readonly [string, string][]) =>
  Buffer.concat([REQUEST, ...fields.map(([name, value]) => literal(name, value))]);
const open = frame(1, 4, 1, REQUEST);

type Case = readonly [name: string, frames: readonly Buffer[], code: keyof typeof ErrorCode];

const CONNECTION_ERRORS: readonly Case[] = [
  ["§4.2 a frame over the limit", [Buffer.from([0x00, 0x40, 0x01, 0, 0, 0, 0, 0, 1])], "FRAME_SIZE_ERROR"],
  ["§4.3 a broken header block", [frame(1, 5, 1, [0x80])], "COMPRESSION_ERROR"],
  [
    "§4.3 another frame within a header block",
    [frame(1, 1, 1, REQUEST), frame(6, 0, 0, Buffer.alloc(8))],
    "PROTOCOL_ERROR",
  ],
  ["§4.3 DATA within a header block", [frame(1, 0, 1, REQUEST), frame(0, 0, 1, [1])], "PROTOCOL_ERROR"],
  ["§5.1 DATA on an idle stream", [frame(0, 0, 1, [1])], "PROTOCOL_ERROR"],
  ["§5.1 RST_STREAM on an idle stream", [frame(3, 0, 1, uint32(8))], "PROTOCOL_ERROR"],
  ["§5.1 WINDOW_UPDATE on an idle stream", [frame(8, 0, 1, uint32(8))], "PROTOCOL_ERROR"],
  ["§5.1.1 an even stream from a client", [frame(1, 5, 2, REQUEST)], "PROTOCOL_ERROR"],
  ["§5.1.1 a lower stream id", [frame(1, 5, 5, REQUEST), frame(1, 5, 3, REQUEST)], "PROTOCOL_ERROR"],
  ["§6.1 DATA on stream 0", [frame(0, 0, 0, [1])], "PROTOCOL_ERROR"],
  ["§6.1 more padding than payload", [open, frame(0, 8, 1, [3, 1, 1])], "PROTOCOL_ERROR"],
  ["§6.1 DATA without its pad length", [open, frame(0, 8, 1, [])], "FRAME_SIZE_ERROR"],
  ["§6.2 HEADERS with more padding than payload", [frame(1, 0xd, 1, [9, 0x82])], "PROTOCOL_ERROR"],
  ["§6.2 HEADERS without its priority", [frame(1, 0x25, 1, [0, 0])], "FRAME_SIZE_ERROR"],
  ["§6.4 RST_STREAM of another length", [open, frame(3, 0, 1, [0])], "FRAME_SIZE_ERROR"],
  ["§6.5 SETTINGS on a stream", [frame(4, 0, 1)], "PROTOCOL_ERROR"],
  ["§6.5 SETTINGS of a broken length", [frame(4, 0, 0, [0, 1, 2])], "FRAME_SIZE_ERROR"],
  ["§6.5 an acknowledgement with a payload", [frame(4, 1, 0, setting(4, 1))], "FRAME_SIZE_ERROR"],
  ["§6.5.2 ENABLE_PUSH of 2", [frame(4, 0, 0, setting(2, 2))], "PROTOCOL_ERROR"],
  ["§6.5.2 a window over 2^31 − 1", [frame(4, 0, 0, setting(4, 0x8000_0000))], "FLOW_CONTROL_ERROR"],
  ["§6.5.2 a frame size under 16,384", [frame(4, 0, 0, setting(5, 16_383))], "PROTOCOL_ERROR"],
  ["§6.5.2 a frame size over 16,777,215", [frame(4, 0, 0, setting(5, 16_777_216))], "PROTOCOL_ERROR"],
  ["§6.6 PUSH_PROMISE from a client", [open, frame(5, 4, 1, [0, 0, 0, 2])], "PROTOCOL_ERROR"],
  ["§6.7 PING on a stream", [frame(6, 0, 1, Buffer.alloc(8))], "PROTOCOL_ERROR"],
  ["§6.7 PING of another length", [frame(6, 0, 0, Buffer.alloc(7))], "FRAME_SIZE_ERROR"],
  ["§6.8 GOAWAY on a stream", [frame(7, 0, 1, Buffer.alloc(8))], "PROTOCOL_ERROR"],
  ["§6.9 WINDOW_UPDATE of the connection by 0", [frame(8, 0, 0, uint32(0))], "PROTOCOL_ERROR"],
  ["§6.9.1 the connection's window over 2^31 − 1", [frame(8, 0, 0, uint32(0x7fff_ffff))], "FLOW_CONTROL_ERROR"],
  [
    "§6.9.2 SETTINGS that overflow a stream's window",
    [open, frame(8, 0, 1, uint32(1)), frame(4, 0, 0, setting(4, 0x7fff_ffff))],
    "FLOW_CONTROL_ERROR",
  ],
  ["§6.10 CONTINUATION of nothing", [frame(9, 4, 1, REQUEST)], "PROTOCOL_ERROR"],
];

const STREAM_ERRORS: readonly Case[] = [
  ["§5.1 DATA after the end", [frame(1, 5, 1, REQUEST), frame(0, 0, 1, [1])], "STREAM_CLOSED"],
  ["§5.1 HEADERS after the end", [frame(1, 5, 1, REQUEST), frame(1, 5, 1, REQUEST)], "STREAM_CLOSED"],
  ["§6.9 WINDOW_UPDATE by 0", [open, frame(8, 0, 1, uint32(0))], "PROTOCOL_ERROR"],
  ["§6.9.1 a window over 2^31 − 1", [open, frame(8, 0, 1, uint32(0x7fff_ffff))], "FLOW_CONTROL_ERROR"],
  ["§6.3 PRIORITY of another length", [open, frame(2, 0, 1, [0, 0, 0, 3])], "FRAME_SIZE_ERROR"],
  ["§8.1 trailers that do not end the stream", [open, frame(1, 4, 1, literal("x", "y"))], "PROTOCOL_ERROR"],
  ["§8.1 a pseudo-header in trailers", [open, frame(1, 5, 1, [0x82])], "PROTOCOL_ERROR"],
  [
    "§8.1.1 more than content-length",
    [frame(1, 4, 1, request(["content-length", "1"])), frame(0, 1, 1, [1, 2])],
    "PROTOCOL_ERROR",
  ],
  [
    "§8.1.1 less than content-length",
    [frame(1, 4, 1, request(["content-length", "3"])), frame(0, 1, 1, [1, 2])],
    "PROTOCOL_ERROR",
  ],
  ["§8.1.1 content-length, and no content", [frame(1, 5, 1, request(["content-length", "3"]))], "PROTOCOL_ERROR"],
  [
    "§8.1.1 content-length, and trailers too early",
    [frame(1, 4, 1, request(["content-length", "3"])), frame(1, 5, 1, literal("x", "y"))],
    "PROTOCOL_ERROR",
  ],
  [
    "§8.1.1 two content-lengths",
    [frame(1, 4, 1, request(["content-length", "3"], ["content-length", "4"]))],
    "PROTOCOL_ERROR",
  ],
  ["§8.2 an upper-case name", [frame(1, 5, 1, request(["X-Up", "1"]))], "PROTOCOL_ERROR"],
  ["§8.2.1 a line feed in a value", [frame(1, 5, 1, request(["x", "a\nb"]))], "PROTOCOL_ERROR"],
  ["§8.2.1 a space before a value", [frame(1, 5, 1, request(["x", " a"]))], "PROTOCOL_ERROR"],
  ["§8.2.1 a space in a name", [frame(1, 5, 1, request(["x y", "a"]))], "PROTOCOL_ERROR"],
  ["§8.2.1 an empty name", [frame(1, 5, 1, request(["", "a"]))], "PROTOCOL_ERROR"],
  ["§8.2.2 connection", [frame(1, 5, 1, request(["connection", "close"]))], "PROTOCOL_ERROR"],
  ["§8.2.2 transfer-encoding", [frame(1, 5, 1, request(["transfer-encoding", "chunked"]))], "PROTOCOL_ERROR"],
  ["§8.2.2 te other than trailers", [frame(1, 5, 1, request(["te", "gzip"]))], "PROTOCOL_ERROR"],
  [
    "§8.3 an unknown pseudo-header",
    [frame(1, 5, 1, Buffer.concat([REQUEST, literal(":what", "x")]))],
    "PROTOCOL_ERROR",
  ],
  [
    "§8.3 a pseudo-header after a field",
    [frame(1, 5, 1, Buffer.concat([literal("x", "y"), REQUEST]))],
    "PROTOCOL_ERROR",
  ],
  ["§8.3 a pseudo-header twice", [frame(1, 5, 1, Buffer.concat([REQUEST, Buffer.from([0x84])]))], "PROTOCOL_ERROR"],
  ["§8.3.1 no :path", [frame(1, 5, 1, [0x83, 0x86])], "PROTOCOL_ERROR"],
  ["§8.3.1 :status in a request", [frame(1, 5, 1, [0x83, 0x86, 0x84, 0x88])], "PROTOCOL_ERROR"],
  [
    "§8.5 CONNECT with a path",
    [frame(1, 5, 1, Buffer.concat([literal(":method", "CONNECT"), Buffer.from([0x84])]))],
    "PROTOCOL_ERROR",
  ],
];

describe("A server's errors (RFC 9113)", () => {
  it.each(CONNECTION_ERRORS)("connection error: %s", async (_name, frames, code) => {
    const peer = new RawPeer("server");
    await peer.handshake();
    await peer.write(...frames);
    expect(peer.errors()).toEqual([`goaway ${ErrorCode[code]}`]);
    expect(peer.recorder.ended).toMatchObject({ kind: "violation", code: ErrorCode[code] });
    expect(peer.isEnded).toBe(true);
    await peer.clock.advance(1_000);
    expect(peer.clock.pendingTimers).toBe(0);
  });

  it.each(STREAM_ERRORS)("stream error: %s", async (_name, frames, code) => {
    const peer = new RawPeer("server");
    await peer.handshake();
    await peer.write(...frames);
    expect(peer.errors()).toEqual([`reset 1 ${ErrorCode[code]}`]);
    expect(peer.connection.openStreams).toBe(0);
    expect(peer.counters.provokedResets).toBe(0);
    // The connection goes on.
    await peer.write(frame(1, 5, 3, REQUEST));
    expect(peer.recorder.log).toContain("3 request / end");
  });

  it.each([
    [
      "another frame than SETTINGS first",
      [Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frame(6, 0, 0, Buffer.alloc(8))],
    ],
    ["another preface", [Buffer.from("GET / HTTP/1.1\r\n")]],
  ])("§3.4 refuses %s", async (_name, bytes) => {
    const peer = new RawPeer("server");
    await peer.write(...bytes);
    expect(peer.recorder.ended).toMatchObject({ kind: "violation", code: ErrorCode.PROTOCOL_ERROR });
  });

  it("ignores what came too late for a stream it reset, and gives its bytes back to the connection", async () => {
    const peer = new RawPeer("server", { connectionWindowBytes: 65_535, streamWindowBytes: 65_535 });
    await peer.handshake();
    peer.recorder.onStreamDo = (stream) => stream.reset(ErrorCode.CANCEL);
    await peer.write(
      open,
      frame(0, 0, 1, Buffer.alloc(16_384)),
      frame(0, 0, 1, Buffer.alloc(16_384)),
      frame(1, 5, 1, literal("x", "y")),
    );
    expect(peer.errors()).toEqual(["reset 1 8"]);
    expect(peer.of(8, 0)).toHaveLength(1);
    expect(peer.recorder.ended).toBeUndefined();
  });

  it("names codes as the RFC does", () => {
    expect([errorCodeName(0xb), errorCodeName(0x77)]).toEqual(["ENHANCE_YOUR_CALM", "0x77"]);
  });
});

describe("A client's errors (RFC 9113)", () => {
  const clientErrors: readonly (readonly [string, readonly Buffer[], string])[] = [
    ["§8.4 PUSH_PROMISE", [frame(5, 4, 1, [0, 0, 0, 2])], "goaway 1"],
    ["§6.5.2 ENABLE_PUSH of 1 from a server", [frame(4, 0, 0, setting(2, 1))], "goaway 1"],
    ["§5.1.1 HEADERS on a stream nobody opened", [frame(1, 4, 7, RESPONSE)], "goaway 1"],
    ["§8.1 DATA before the response", [frame(0, 0, 1, [1])], "reset 1 1"],
    ["§8.3.2 no :status", [frame(1, 4, 1, literal("x", "y"))], "reset 1 1"],
    ["§8.3.2 a :status of two digits", [frame(1, 4, 1, literal(":status", "20"))], "reset 1 1"],
    ["§8.1 a 1xx that ends the stream", [frame(1, 5, 1, literal(":status", "103"))], "reset 1 1"],
    ["§8.6 101", [frame(1, 4, 1, literal(":status", "101"))], "reset 1 1"],
    [
      "§8.1.1 less than content-length",
      [frame(1, 4, 1, Buffer.concat([RESPONSE, literal("content-length", "2")])), frame(0, 1, 1, [1])],
      "reset 1 1",
    ],
  ];

  it.each(clientErrors)("%s", async (_name, frames, error) => {
    const peer = await clientWithStream();
    await peer.write(...frames);
    expect(peer.errors()).toEqual([error]);
  });

  it("takes 1xx, the response, and trailers, in that order", async () => {
    const peer = await clientWithStream();
    await peer.write(
      frame(1, 4, 1, literal(":status", "103")),
      frame(1, 4, 1, RESPONSE),
      frame(0, 0, 1, Buffer.from("hi")),
      frame(1, 5, 1, literal("grpc-status", "0")),
    );
    expect(peer.recorder.log).toEqual(["1 response 103", "1 response 200", "1 data hi", "1 trailers grpc-status 0"]);
  });
});

async function clientWithStream(): Promise<RawPeer> {
  const peer = new RawPeer("client");
  await peer.handshake();
  peer.connection.startStream(HeaderList.of([":method", "POST", ":scheme", "http", ":path", "/"]), peer.recorder);
  await peer.settled();
  peer.frames.length = 0;
  return peer;
}
