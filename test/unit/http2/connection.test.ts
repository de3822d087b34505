import { Http2Connection } from "../../../src/http2/connection";
import { duplexPair } from "../../../src/http2/duplex-pair";
import { ErrorCode } from "../../../src/http2/error-codes";
import { HeaderList } from "../../../src/http2/header-list";
import type { Http2Stream } from "../../../src/http2/stream";
import { seededRandom } from "../../../src/core/random";
import { frame, RawPeer, Recorder, REQUEST, RESPONSE, setting, uint32 } from "../../support/http2-raw-peer";
import { ManualClock, settle } from "../../../src/testing/manual-clock";

const GET = HeaderList.of([":method", "POST", ":scheme", "http", ":path", "/p.S/M", "te", "trailers"]);
const OK = HeaderList.of([":status", "200"]);
const TRAILERS = HeaderList.of(["grpc-status", "0"]);

async function turns(count = 5): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await settle();
}

describe("Flow control", () => {
  it("F1: credits nothing before it is consumed, then half of the window at once", async () => {
    const peer = new RawPeer("server", { streamWindowBytes: 65_536, connectionWindowBytes: 65_536 });
    peer.recorder.consumes = false;
    await peer.handshake();
    await peer.write(frame(1, 4, 1, REQUEST), ...Array.from({ length: 4 }, () => frame(0, 0, 1, Buffer.alloc(16_000))));
    expect(peer.of(8)).toEqual([]);
    const stream = peer.recorder.streams[0]!;
    stream.consume(32_000);
    await peer.settled();
    expect(peer.of(8)).toEqual([]);
    stream.consume(768);
    await peer.settled();
    expect(peer.of(8).map(({ id, payload }) => [id, payload.readUInt32BE(0)])).toEqual([
      [1, 32_768],
      [0, 32_768],
    ]);
  });

  it("F1: a sender that ignores the stream's window loses the stream, one that ignores the connection's the connection", async () => {
    const stream = new RawPeer("server", { streamWindowBytes: 10 });
    stream.recorder.consumes = false;
    await stream.handshake();
    await stream.write(frame(1, 4, 1, REQUEST), frame(0, 0, 1, Buffer.alloc(11)));
    expect(stream.errors()).toEqual([`reset 1 ${ErrorCode.FLOW_CONTROL_ERROR}`]);

    const connection = new RawPeer("server", { connectionWindowBytes: 65_535 });
    connection.recorder.consumes = false;
    await connection.handshake();
    await connection.write(
      frame(1, 4, 1, REQUEST),
      ...Array.from({ length: 4 }, () => frame(0, 0, 1, Buffer.alloc(16_384))),
    );
    expect(connection.errors()).toEqual([`goaway ${ErrorCode.FLOW_CONTROL_ERROR}`]);
  });

  it("§6.9.2: until our SETTINGS are acknowledged the peer may use the initial 65,535", async () => {
    const peer = new RawPeer("server", { streamWindowBytes: 10 });
    peer.recorder.consumes = false;
    await peer.write(
      Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
      frame(4, 0, 0),
      frame(1, 4, 1, REQUEST),
      frame(0, 0, 1, Buffer.alloc(100)),
    );
    expect(peer.errors()).toEqual([]);
    await peer.write(frame(4, 1, 0), frame(0, 0, 1, [1]));
    expect(peer.errors()).toEqual([`reset 1 ${ErrorCode.FLOW_CONTROL_ERROR}`]);
  });

  it("gives back padding, and what a reset stream held", async () => {
    const peer = new RawPeer("server", { streamWindowBytes: 65_535, connectionWindowBytes: 65_535 });
    peer.recorder.consumes = false;
    await peer.handshake();
    const padded = frame(0, 8, 1, Buffer.concat([Buffer.from([255]), Buffer.alloc(255)]));
    await peer.write(frame(1, 4, 1, REQUEST), ...Array.from({ length: 128 }, () => padded));
    expect(peer.of(8).map(({ id }) => id)).toEqual([1, 0]);
    await peer.write(
      frame(1, 4, 3, REQUEST),
      frame(0, 0, 3, Buffer.alloc(16_384)),
      frame(0, 0, 3, Buffer.alloc(16_384)),
    );
    expect(peer.of(8)).toHaveLength(2);
    peer.recorder.streams[1]!.reset();
    peer.recorder.streams[1]!.consume(16_384);
    await peer.settled();
    expect(peer.of(8, 0).map(({ payload }) => payload.readUInt32BE(0))).toEqual([32_768, 32_768]);
  });

  it("W1, W3: sends as the windows open, to the last byte, and END_STREAM with it", async () => {
    const peer = new RawPeer("server");
    const body = Buffer.from("abcdefghij");
    let sent = 0;
    peer.recorder.onWritableDo = (stream) => {
      sent += stream.sendData(body, sent, body.length, true);
    };
    peer.recorder.onStreamDo = (stream) => {
      stream.sendHeaders(OK);
      peer.recorder.onWritable(stream);
    };
    await peer.handshake(setting(4, 3));
    await peer.write(frame(1, 5, 1, REQUEST));
    await peer.write(frame(8, 0, 1, uint32(2)));
    await peer.write(frame(4, 0, 0, setting(4, 0)), frame(8, 0, 1, uint32(4)));
    await peer.write(frame(8, 0, 1, uint32(100)));
    expect(peer.of(0, 1).map(({ flags, payload }) => [flags, payload.toString()])).toEqual([
      [0, "abc"],
      [0, "de"],
      [0, "f"],
      [1, "ghij"],
    ]);
    expect(peer.connection.openStreams).toBe(0);
  });

  it("W2: streams that wait for the connection are served in turn", async () => {
    const peer = new RawPeer("server", { writeHighWaterBytes: 1_000_000 });
    const body = Buffer.alloc(200_000);
    const sent = new Map<number, number>();
    peer.recorder.onWritableDo = (stream) => {
      const before = sent.get(stream.id) ?? 0;
      sent.set(stream.id, before + stream.sendData(body, before, body.length, true));
    };
    peer.recorder.onStreamDo = (stream) => {
      stream.sendHeaders(OK);
      peer.recorder.onWritable(stream);
    };
    await peer.handshake(setting(4, 1_000_000));
    await peer.write(...[1, 3, 5].map((id) => frame(1, 5, id, REQUEST)));
    expect([...sent.values()]).toEqual([65_535, 0, 0]);
    await peer.write(frame(8, 0, 0, uint32(3 * 32_768)));
    expect([...sent.values()].sort()).toEqual([32_768, 32_768, 65_535 + 32_768].sort());
    await peer.write(frame(8, 0, 0, uint32(1_000_000)));
    expect([...sent.values()]).toEqual([200_000, 200_000, 200_000]);
  });

  it("a reader that stops stops its sender, and holds no more than the windows and the high-water mark", async () => {
    const peer = new RawPeer("server", { writeHighWaterBytes: 20_000 });
    let sent = 0;
    peer.recorder.onWritableDo = (stream) => {
      for (let took = 1; took > 0; sent += took) took = stream.sendData(Buffer.alloc(16_384), 0, 16_384);
    };
    peer.recorder.onStreamDo = (stream) => {
      stream.sendHeaders(OK);
      peer.recorder.onWritable(stream);
    };
    await peer.handshake(Buffer.concat([setting(4, 0x7fff_ffff)]));
    await peer.write(frame(8, 0, 0, uint32(0x7000_0000)));
    peer.pause();
    await peer.write(frame(1, 5, 1, REQUEST));
    for (let turn = 0; turn < 50; turn += 1) await peer.settled();
    expect(sent).toBeLessThan(400_000);
    expect(peer.connection.pendingBytes).toBeLessThan(200_000);
    const before = sent;
    peer.resume();
    await peer.settled();
    expect(sent).toBeGreaterThan(before);
    peer.connection.destroy();
  });
});

describe("DATA", () => {
  it("of one stream that comes in one read is told at once, in order with all else", async () => {
    const peer = new RawPeer("server");
    await peer.handshake();
    await peer.write(frame(1, 4, 1, REQUEST), frame(1, 4, 3, REQUEST));
    const told: string[] = [];
    peer.recorder.onData = (stream, chunk, start, end, ends) => {
      told.push(`${stream.id} ${chunk.toString("latin1", start, end)}${ends ? " end" : ""}`);
      stream.consume(end - start);
    };
    peer.recorder.onTrailers = (stream) => void told.push(`${stream.id} trailers`);
    const data = (id: number, text: string, flags = 0) => frame(0, flags, id, Buffer.from(text));
    const padded = frame(0, 8, 3, Buffer.from("\x02pad--", "latin1"));
    const trailers = frame(1, 5, 1, Buffer.from("\x00\x01a\x01b", "latin1"));
    const ping = frame(6, 0, 0, Buffer.alloc(8));
    await peer.write(
      data(1, "one "),
      data(1, "two "),
      data(1, "three"),
      data(3, "a"),
      padded,
      ping,
      data(3, "b"),
      trailers,
    );
    await peer.write(data(3, "c"), data(3, "", 1));
    expect(told).toEqual(["1 one two three", "3 apad", "3 b", "1 trailers", "3 c end"]);
  });

  it("that came before a fault in the same read is told before it", async () => {
    const peer = new RawPeer("server");
    await peer.handshake();
    await peer.write(frame(1, 4, 1, REQUEST));
    await peer.write(
      frame(0, 0, 1, Buffer.from("x")),
      frame(0, 0, 1, Buffer.from("y")),
      frame(0, 0, 0, Buffer.from("z")),
    );
    expect(peer.recorder.log.slice(1)).toEqual(["1 data xy", "1 reset 1 connection", "closed violation 1"]);
  });
});

describe("Streams", () => {
  it("a client has no more of them than the peer allows, and hears when it may go on", async () => {
    const peer = new RawPeer("client");
    await peer.handshake(setting(3, 2));
    const started = [1, 2, 3].map(() => peer.connection.startStream(GET, peer.recorder, true)?.id);
    expect(started).toEqual([1, 3, undefined]);
    await peer.write(frame(1, 5, 1, RESPONSE));
    expect(peer.recorder.log).toEqual(["capacity", "1 response 200 end"]);
    expect(peer.connection.startStream(GET, peer.recorder, true)?.id).toBe(5);
  });

  it("a client assumes that 100 are allowed until the peer has said", () => {
    const peer = new RawPeer("client");
    const started = Array.from({ length: 101 }, () => peer.connection.startStream(GET, peer.recorder)?.id);
    expect([started[99], started[100]]).toEqual([199, undefined]);
  });

  it("a server refuses those beyond its limit, before they ran", async () => {
    const peer = new RawPeer("server", { maxConcurrentStreams: 1 });
    await peer.handshake();
    await peer.write(frame(1, 4, 1, REQUEST), frame(1, 5, 3, REQUEST));
    expect(peer.errors()).toEqual([`reset 3 ${ErrorCode.REFUSED_STREAM}`]);
    expect(peer.recorder.log).toEqual(["1 request /"]);
  });

  it("a client hears that a refused stream was not processed", async () => {
    const peer = new RawPeer("client");
    await peer.handshake();
    peer.connection.startStream(GET, peer.recorder);
    await peer.write(frame(3, 0, 1, uint32(ErrorCode.REFUSED_STREAM)));
    expect(peer.recorder.log).toEqual([`1 reset ${ErrorCode.REFUSED_STREAM} unprocessed`]);
  });

  it("§5.1.1: when its ids are used up, a client's connection drains", async () => {
    const peer = new RawPeer("client", { firstStreamId: 0x7fff_ffff });
    await peer.handshake();
    expect(peer.connection.startStream(GET, peer.recorder)?.id).toBe(0x7fff_ffff);
    expect(peer.connection.startStream(GET, peer.recorder)).toBeUndefined();
    expect(peer.recorder.log).toEqual([`goaway ${0x7fff_ffff} 0`]);
  });

  it("misuse throws, and a closed stream takes everything quietly", async () => {
    const peer = new RawPeer("server");
    await peer.handshake();
    await peer.write(frame(1, 4, 1, REQUEST));
    const stream = peer.recorder.streams[0]!;
    expect(() => stream.sendData(Buffer.from("x"), 0, 1)).toThrow("data before headers");
    expect(() => stream.sendHeaders(HeaderList.of([":status", "200", "Upper", "x"]))).toThrow("malformed headers");
    stream.sendHeaders(OK);
    expect(() => stream.sendHeaders(OK)).toThrow("sent already");
    stream.sendTrailers(TRAILERS);
    expect(() => stream.sendTrailers(TRAILERS)).toThrow("our side has ended");
    expect(stream.state).toBe("half-closed (local)");
    stream.reset(ErrorCode.NO_ERROR);
    expect([stream.state, stream.sendData(Buffer.from("x"), 0, 1)]).toEqual(["closed", 1]);
    stream.sendTrailers(TRAILERS);
    await peer.settled();
    expect(peer.errors()).toEqual(["reset 1 0"]);
  });

  it("a header list larger than a frame travels in CONTINUATION frames", async () => {
    const clock = new ManualClock();
    const [left, right] = duplexPair();
    const options = { clock, random: seededRandom(1) };
    const serving = new Recorder();
    const seen: HeaderList[] = [];
    const server = new Http2Connection(
      "server",
      left,
      { onStream: (stream, headers) => (seen.push(headers), stream.sendHeaders(OK, true), serving) },
      options,
    );
    const client = new Http2Connection("client", right, {}, options);
    const large = HeaderList.of([...GET.fields, "x-large", "v".repeat(30_000)]);
    client.startStream(large, new Recorder(), true);
    await turns();
    expect(seen.map(({ fields }) => fields)).toEqual([large.fields]);
    client.destroy();
    await turns();
    expect(server.isClosed).toBe(true);
  });
});

describe("The end of a connection", () => {
  it("C1, C2: every stream hears of it once, then the connection's handler", async () => {
    const peer = new RawPeer("server");
    await peer.handshake();
    await peer.write(frame(1, 4, 1, REQUEST), frame(1, 4, 3, REQUEST));
    peer.end();
    await peer.settled();
    expect(peer.recorder.log.slice(2)).toEqual(["1 reset 0 connection", "3 reset 0 connection", "closed lost 0"]);
    expect(peer.clock.pendingTimers).toBe(0);
  });

  it("C4: a handler that throws ends its connection with INTERNAL_ERROR", async () => {
    const peer = new RawPeer("server");
    peer.recorder.onStreamDo = () => {
      throw new Error("boom");
    };
    await peer.handshake();
    await peer.write(frame(1, 5, 1, REQUEST));
    expect(peer.recorder.ended).toMatchObject({ kind: "bug", code: ErrorCode.INTERNAL_ERROR });
    expect(peer.errors()).toEqual([`goaway ${ErrorCode.INTERNAL_ERROR}`]);
  });

  it("shutdown in two steps: what is under way is taken, what comes after the second GOAWAY is refused", async () => {
    const peer = new RawPeer("server");
    await peer.handshake();
    await peer.write(frame(1, 4, 1, REQUEST));
    peer.connection.shutdown(10_000);
    await peer.settled();
    expect(peer.of(7).map(({ payload }) => payload.readUInt32BE(0))).toEqual([0x7fff_ffff]);
    await peer.write(frame(1, 4, 3, REQUEST));
    await peer.write(frame(6, 1, 0, peer.of(6)[0]!.payload), frame(1, 4, 5, REQUEST));
    expect(peer.of(7).map(({ payload }) => payload.readUInt32BE(0))).toEqual([0x7fff_ffff, 3]);
    expect(peer.errors()).toContain(`reset 5 ${ErrorCode.REFUSED_STREAM}`);
    for (const stream of peer.recorder.streams) {
      stream.sendHeaders(OK);
      stream.sendTrailers(TRAILERS);
    }
    await peer.write(frame(0, 1, 1), frame(0, 1, 3));
    expect(peer.recorder.ended).toMatchObject({ kind: "closed", code: 0 });
  });

  it("shutdown: after the grace what is left is cut off; a peer that does not answer the PING delays nothing", async () => {
    const peer = new RawPeer("server");
    await peer.handshake();
    await peer.write(frame(1, 4, 1, REQUEST));
    peer.connection.shutdown(5_000);
    await peer.clock.advance(1_000);
    expect(peer.of(7)).toHaveLength(2);
    await peer.clock.advance(4_000);
    expect(peer.recorder.log.slice(1)).toEqual(["1 reset 0 connection", "closed closed 0"]);
  });

  it("GOAWAY from the peer: later streams are told that nothing was done, earlier ones finish, then it closes", async () => {
    const peer = new RawPeer("client");
    await peer.handshake();
    for (let n = 0; n < 3; n += 1) peer.connection.startStream(GET, peer.recorder, true);
    await peer.write(frame(7, 0, 0, Buffer.concat([uint32(3), uint32(0)])));
    expect(peer.recorder.log).toEqual(["5 reset 0 unprocessed", "goaway 3 0"]);
    expect(peer.connection.startStream(GET, peer.recorder)).toBeUndefined();
    await peer.write(frame(1, 5, 1, RESPONSE), frame(1, 5, 3, RESPONSE));
    expect(peer.recorder.ended).toMatchObject({ kind: "closed" });
  });

  it("keepalive: PING after silence; no answer in time ends the connection, any answer keeps it", async () => {
    const peer = new RawPeer("client", { keepalive: { intervalMs: 1_000, timeoutMs: 500 } });
    await peer.handshake();
    await peer.clock.advance(2_000);
    expect(peer.of(6)).toHaveLength(1);
    await peer.write(frame(6, 1, 0, peer.of(6)[0]!.payload));
    await peer.clock.advance(500);
    expect(peer.recorder.ended).toBeUndefined();
    await peer.clock.advance(3_000);
    expect(peer.of(6)).toHaveLength(2);
    expect(peer.recorder.ended).toMatchObject({ kind: "timeout" });
  });

  it("measures a round trip, and believes only the answer to its own question", async () => {
    const peer = new RawPeer("server");
    await peer.handshake();
    const roundTrips: number[] = [];
    peer.connection.ping((roundTripMs) => roundTrips.push(roundTripMs));
    await peer.clock.advance(7);
    await peer.write(frame(6, 1, 0, Buffer.alloc(8)));
    expect(roundTrips).toEqual([]);
    await peer.write(frame(6, 1, 0, peer.of(6)[0]!.payload));
    expect(roundTrips).toEqual([7]);
  });

  it("works over an in-process pair, both roles on the engine", async () => {
    const clock = new ManualClock();
    const options = { clock, random: seededRandom(1) };
    const [left, right] = duplexPair();
    const serving = new Recorder();
    serving.onStreamDo = (stream: Http2Stream) => {
      stream.sendHeaders(OK);
      stream.sendData(Buffer.from("hello"), 0, 5);
      stream.sendTrailers(TRAILERS);
    };
    const calling = new Recorder();
    new Http2Connection("server", left, serving, options);
    const client = new Http2Connection("client", right, calling, options);
    client.startStream(GET, calling, true);
    await turns();
    expect(calling.log).toEqual(["1 response 200", "1 data hello", "1 trailers grpc-status 0"]);
    client.shutdown(1_000);
    await turns();
    expect(calling.ended?.kind).toBe("closed");
    expect(serving.ended?.kind).toBe("closed");
  });
});
