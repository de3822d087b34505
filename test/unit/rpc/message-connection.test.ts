import { gunzipSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import type { CallEnd, CallStart, MessageEncoding, OutgoingCall } from "../../../src/core/call";
import { CallMetadata } from "../../../src/core/call-metadata";
import { Status } from "../../../src/core/status";
import { MessageConnection } from "../../../src/rpc/client/message-connection";
import { ManualClock } from "../../../src/testing/manual-clock";
import { type StubCallee, StubConnection } from "../../support/stub-connection";

function framed(text: string | Buffer, flag = 0): string {
  const bytes = Buffer.from(text);
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]).toString("latin1");
}

interface Called {
  readonly call: OutgoingCall;
  readonly callee: StubCallee;
  readonly clock: ManualClock;
  readonly told: string[];
  readonly ends: CallEnd[];
  readonly headers: CallMetadata[];
}

/** A call in messages, whose peer in chunks is the test. */
function called(
  start: Partial<CallStart> = {},
  options: { messageMaxBytes?: number; onMessage?: () => void; compression?: MessageEncoding } = {},
): Called {
  const { messageMaxBytes = 1_000, onMessage, compression } = options;
  const clock = new ManualClock();
  const inner = new StubConnection("10.0.0.7:1");
  const connection = new MessageConnection(inner, { clock, messageMaxBytes, compression, userAgent: "test/1" });
  const told: string[] = [];
  const ends: CallEnd[] = [];
  const headers: CallMetadata[] = [];
  const call = connection.start(
    { path: "/a.B/C", metadata: new CallMetadata(), ...start },
    {
      headers: (metadata) => void headers.push(metadata),
      message: (bytes) => {
        told.push(Buffer.from(bytes).toString());
        onMessage?.();
      },
      drained: () => void told.push("drained"),
      ended: (end) => {
        told.push("ended");
        ends.push(end);
      },
    },
  );
  return { call, callee: inner.calls[0]!, clock, told, ends, headers };
}

/** The stub tells of an end when the turn is over. */
const turn = () => Promise.resolve();

describe("An outgoing call in messages", () => {
  it("tells the same messages however the answer's bytes are cut", async () => {
    const texts = fc.array(fc.string({ maxLength: 30 }), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(texts, fc.array(fc.nat(200), { maxLength: 10 }), async (messages, cuts) => {
        const { callee, told } = called();
        const bytes = messages.map((text) => framed(text)).join("");
        const at = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length];
        for (let index = 1; index < at.length; index += 1) callee.message(bytes.slice(at[index - 1], at[index]));
        callee.succeed();
        await turn();
        expect(told).toEqual([...messages, "ended"]);
      }),
    );
  });

  it("says what it accepts and who asks, sends framed, and half-closes", () => {
    const { call, callee } = called({ metadata: CallMetadata.of({ "x-key": "1" }) });
    expect(callee.start.metadata.entries()).toEqual([
      ["x-key", "1"],
      ["grpc-accept-encoding", "identity,deflate,gzip"],
      ["user-agent", "test/1"],
    ]);
    call.send(Buffer.from("one"));
    call.halfClose();
    expect(callee.requests.map((bytes) => Buffer.from(bytes).toString("latin1"))).toEqual([framed("one")]);
    expect(callee.halfClosed).toBe(true);
  });

  describe("compressed", () => {
    const long = Buffer.alloc(5_000, "text ");
    const flagsOf = (callee: StubCallee) => callee.requests.map(([flag]) => flag);
    const sent = (start: Partial<CallStart>, options: { compression?: MessageEncoding } = {}) => {
      const { call, callee } = called(start, { messageMaxBytes: 10_000, ...options });
      call.send(long);
      call.send(Buffer.from("short"));
      return { encoding: callee.start.metadata.text("grpc-encoding"), flags: flagsOf(callee), callee };
    };

    it("sends so what is long, and names the encoding", () => {
      const { callee, ...seen } = sent({ compression: { encoding: "gzip" } });
      expect(seen).toEqual({ encoding: "gzip", flags: [1, 0] });
      expect(gunzipSync(callee.requests[0]!.subarray(5)).equals(long)).toBe(true);
    });

    it("asks the caller which messages may be", () => {
      const compresses = (message: Uint8Array) => message.length < 100;
      expect(sent({ compression: { encoding: "gzip", compresses } }).flags).toEqual([0, 0]);
    });

    it.each([
      ["as the connection does", {}, "deflate", "deflate"],
      ["unless the call says otherwise", { compression: { encoding: "gzip" } as const }, "deflate", "gzip"],
      ["or wants none", { compression: { encoding: "identity" } as const }, "deflate", undefined],
      ["beside what its caller says", { metadata: CallMetadata.of({ a: "b" }) }, "gzip", "gzip"],
    ] as const)("is sent %s", (_how, start, compression, encoding) => {
      expect(sent(start, { compression }).encoding).toBe(encoding);
    });

    it("refuses an encoding that it does not know, by name", async () => {
      const { callee, ends } = called({ compression: { encoding: "br" as MessageEncoding } });
      await turn();
      expect(ends.map(({ error }) => error?.message)).toEqual([
        '[INVALID_ARGUMENT] compression is "br": use one of identity,deflate,gzip',
      ]);
      expect(callee.cancelled).toBe(true);
    });
  });

  it("tells nothing while it is paused, the end included", async () => {
    const { call, callee, told } = called();
    call.pause();
    callee.message(framed("a") + framed("b"));
    callee.succeed();
    await turn();
    expect(told).toEqual([]);
    call.resume();
    expect(told).toEqual(["a", "b", "ended"]);
  });

  it("stops within a chunk when its reader pauses there, and goes on after it", () => {
    const { call, callee, told } = called({}, { onMessage: () => call.pause() });
    callee.message(framed("a") + framed("b"));
    expect([told, callee.paused]).toEqual([["a"], true]);
    call.resume();
    expect([told, callee.paused]).toEqual([["a", "b"], true]);
  });

  it("shows metadata as the peer's user set it: without the transport's keys, binary values as bytes", async () => {
    const { callee, headers, ends } = called();
    callee.headers({ "content-type": "application/grpc", "x-a": "1", "x-b-bin": "AQI,Aw==" });
    callee.succeed({ "grpc-message": "ok", "x-c-bin": "/w" });
    await turn();
    expect(headers[0]!.entries()).toEqual([
      ["x-a", "1"],
      ["x-b-bin", Buffer.from([1, 2])],
      ["x-b-bin", Buffer.from([3])],
    ]);
    expect(ends[0]!.trailers.entries()).toEqual([["x-c-bin", Buffer.from([255])]]);
  });

  it("unpacks what is compressed", () => {
    const { callee, told } = called();
    callee.headers({ "grpc-encoding": "gzip" });
    callee.message(framed(gzipSync("packed"), 1));
    callee.message(framed("plain"));
    expect(told).toEqual(["packed", "plain"]);
  });

  it.each([
    ["compressed without saying how", {}, framed(gzipSync("x"), 1), Status.INTERNAL],
    ["compressed and broken", { "grpc-encoding": "gzip" }, framed("no gzip", 1), Status.INTERNAL],
    ["compressed with what was not offered", { "grpc-encoding": "br" }, framed("x", 1), Status.INTERNAL],
    [
      "larger than allowed once it is unpacked",
      { "grpc-encoding": "gzip" },
      framed(gzipSync(Buffer.alloc(1_001)), 1),
      Status.RESOURCE_EXHAUSTED,
    ],
    ["flagged with what there is not", {}, framed("x", 2), Status.INTERNAL],
  ])("ends, and cancels at the peer, when a message is %s", (_what, headers, bytes, status) => {
    const { callee, ends } = called();
    callee.headers(headers);
    callee.message(bytes + framed("never"));
    expect(ends.map((end) => end.status)).toEqual([status]);
    expect(callee.cancelled).toBe(true);
  });

  it("takes an answer that ends within a message for broken, not for whole", async () => {
    const { callee, ends } = called();
    callee.message(framed("whole") + framed("cut").slice(0, 6));
    callee.succeed();
    await turn();
    expect(ends.map((end) => end.status)).toEqual([Status.INTERNAL]);
  });

  it("ends at its deadline once, also when its reader is paused, and cancels at the peer", async () => {
    const { call, callee, clock, ends } = called({ timeoutMs: 50 });
    call.pause();
    callee.message(framed("unread"));
    await clock.advance(50);
    expect(ends.map((end) => end.error?.code)).toEqual(["DEADLINE_EXCEEDED"]);
    expect(callee.cancelled).toBe(true);
    call.cancel();
    expect(ends).toHaveLength(1);
  });

  it("leaves no timer behind when it ends before its deadline", async () => {
    const { callee, clock } = called({ timeoutMs: 50 });
    callee.succeed();
    await turn();
    expect(clock.pendingTimers).toBe(0);
  });

  it("ends with CANCELLED once, after cancel has returned", async () => {
    const { call, callee, ends } = called();
    call.cancel();
    call.cancel();
    expect([callee.cancelled, ends.length]).toEqual([true, 0]);
    await turn();
    expect(ends.map((end) => end.error?.code)).toEqual(["CANCELLED"]);
  });

  it("refuses to send a message that is too large, and never sends a part of it", async () => {
    const { call, callee, ends } = called({}, { messageMaxBytes: 10 });
    call.send(Buffer.alloc(11));
    expect(ends).toHaveLength(0);
    await turn();
    expect(ends.map((end) => end.error?.code)).toEqual(["MESSAGE_TOO_LARGE"]);
    expect([callee.requests.length, callee.cancelled]).toEqual([0, true]);
  });
});
