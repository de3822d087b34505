import { deflateSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import type { CallEnd, IncomingCall, IncomingListener } from "../../../src/core/call";
import { CallMetadata, type MetadataValue } from "../../../src/core/call-metadata";
import { Status } from "../../../src/core/status";
import { MemoryBudget } from "../../../src/rpc/server/memory-budget";
import { MessageCall } from "../../../src/rpc/server/message-call";
import { MessageReader } from "../../../src/rpc/framing/message-reader";
import { ManualClock } from "../../../src/testing/manual-clock";

const OK: Omit<CallEnd, "error"> = { status: Status.OK, message: "", trailers: new CallMetadata() };

function framed(bytes: Buffer, flag = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
}

/** A call in chunks whose peer is the test. */
class Chunks implements IncomingCall {
  readonly path = "/a.B/C";
  readonly peer = "10.0.0.7:1234";
  readonly metadata: CallMetadata;
  readonly timeoutMs: number | undefined;
  readonly sent: Buffer[] = [];
  readonly ends: Omit<CallEnd, "error">[] = [];
  isPaused = false;
  listener!: IncomingListener;

  constructor(entries: Readonly<Record<string, MetadataValue>> = {}, timeoutMs?: number) {
    this.metadata = CallMetadata.of(entries);
    this.timeoutMs = timeoutMs;
  }

  listen(listener: IncomingListener): void {
    this.listener = listener;
  }
  sendHeaders(): void {}
  send(bytes: Uint8Array): boolean {
    this.sent.push(Buffer.from(bytes));
    return true;
  }
  finish(end: Omit<CallEnd, "error">): void {
    this.ends.push(end);
  }
  pause(): void {
    this.isPaused = true;
  }
  resume(): void {
    this.isPaused = false;
  }
}

/** A handler that notes what it is told. */
function serve(chunks: Chunks, options: { heldMaxBytes?: number; messageMaxBytes?: number } = {}) {
  const clock = new ManualClock();
  const held = new MemoryBudget(options.heldMaxBytes ?? 1 << 20);
  const call = new MessageCall(chunks, { clock, held, messageMaxBytes: options.messageMaxBytes ?? 1_000 });
  const told: string[] = [];
  call.listen({
    message: (bytes) => void told.push(Buffer.from(bytes).toString()),
    halfClosed: () => void told.push("half-closed"),
    cancelled: () => void told.push("cancelled"),
  });
  return { call, clock, held, told };
}

describe("Messages from chunks", () => {
  it("are the same however the bytes are cut", () => {
    const texts = fc.array(fc.string({ maxLength: 40 }), { maxLength: 8 });
    fc.assert(
      fc.property(texts, fc.array(fc.nat(300), { maxLength: 12 }), (messages, cuts) => {
        const bytes = Buffer.concat(messages.map((text) => framed(Buffer.from(text))));
        const at = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length];
        const reader = new MessageReader();
        const read: string[] = [];
        for (let index = 1; index < at.length; index += 1) {
          reader.push(bytes.subarray(at[index - 1], at[index]));
          for (let next = reader.next(); next !== undefined; next = reader.next()) read.push(next.bytes.toString());
        }
        expect(read).toEqual(messages);
        expect(reader.isBetweenMessages).toBe(true);
        expect(reader.heldBytes).toBe(0);
      }),
    );
  });

  it("cost no more than twice their bytes while they come, however small the pieces and large the announcement", () => {
    const reader = new MessageReader();
    reader.push(framed(Buffer.alloc(0)).fill(0xff, 1));
    const read = [reader.next()];
    for (let count = 0; count < 10_000; count += 1) {
      reader.push(Buffer.from([count & 0xff]));
      read.push(reader.next());
    }
    expect(read.every((message) => message === undefined)).toBe(true);
    expect(reader.heldBytes).toBeLessThanOrEqual(2 * 10_005);
  });

  it("keep no read alive of which only a piece is left", () => {
    const reader = new MessageReader();
    const read = Buffer.concat([framed(Buffer.alloc(60_000)), framed(Buffer.from("ab"))]);
    reader.push(read);
    reader.next();
    reader.detach();
    expect(reader.heldBytes).toBe(7);
    expect(reader.next()?.bytes.toString()).toBe("ab");
  });
});

describe("A call in messages", () => {
  it("tells the messages and then the end of the requests, and sends framed", () => {
    const chunks = new Chunks();
    const { call, told } = serve(chunks);
    chunks.listener.message(Buffer.concat([framed(Buffer.from("one")), framed(Buffer.from("two")).subarray(0, 6)]));
    chunks.listener.message(framed(Buffer.from("two")).subarray(6));
    chunks.listener.halfClosed();
    expect(told).toEqual(["one", "two", "half-closed"]);
    call.send(Buffer.from("answer"));
    call.finish(OK);
    call.finish(OK);
    expect(chunks.sent).toEqual([framed(Buffer.from("answer"))]);
    expect(chunks.ends).toEqual([OK]);
  });

  it("tells nothing while it is paused, also not of what came with the last message, and the end after all", () => {
    const chunks = new Chunks();
    const { call, told } = serve(chunks);
    call.pause();
    chunks.listener.message(Buffer.concat(["a", "b", "c"].map((text) => framed(Buffer.from(text)))));
    chunks.listener.halfClosed();
    expect([told, chunks.isPaused]).toEqual([[], true]);
    call.resume();
    expect([told, chunks.isPaused]).toEqual([["a", "b", "c", "half-closed"], false]);
    call.pause();
    call.resume();
    expect(told).toHaveLength(4);
  });

  it.each([
    ["gzip", gzipSync],
    ["deflate", deflateSync],
  ])("reads what was compressed with %s", (encoding, compress) => {
    const chunks = new Chunks({ "grpc-encoding": encoding });
    const { told } = serve(chunks);
    chunks.listener.message(Buffer.concat([framed(compress(Buffer.from("small")), 1), framed(Buffer.from("plain"))]));
    expect(told).toEqual(["small", "plain"]);
  });

  it.each([
    ["in an encoding that nobody knows", { "grpc-encoding": "snappy" }, framed(Buffer.from("x"), 1), 12],
    ["compressed without an encoding", {}, framed(Buffer.from("x"), 1), 13],
    ["that is not what its encoding says", { "grpc-encoding": "gzip" }, framed(Buffer.from("x"), 1), 13],
    ["too large when decompressed", { "grpc-encoding": "gzip" }, framed(gzipSync(Buffer.alloc(1_001)), 1), 8],
    ["with a flag that is none", {}, framed(Buffer.from("x"), 2), 13],
  ])("ends at a message %s, and its handler is told", (_name, metadata, bytes, status) => {
    const chunks = new Chunks(metadata);
    const { told } = serve(chunks);
    chunks.listener.message(Buffer.concat([bytes, framed(Buffer.from("more"))]));
    expect(told).toEqual(["cancelled"]);
    expect(chunks.ends.map((end) => end.status)).toEqual([status]);
  });

  it("sends no answer that is too large: it ends the call, and the handler is told", () => {
    const chunks = new Chunks();
    const { call, told } = serve(chunks, { messageMaxBytes: 10 });
    call.send(Buffer.alloc(10));
    call.send(Buffer.alloc(11));
    call.finish(OK);
    expect(chunks.sent).toHaveLength(1);
    expect(chunks.ends.map(({ status }) => status)).toEqual([Status.RESOURCE_EXHAUSTED]);
    expect(told).toEqual(["cancelled"]);
  });

  it("says which encodings are known when one is not", () => {
    const chunks = new Chunks({ "grpc-encoding": "snappy" });
    serve(chunks);
    chunks.listener.message(framed(Buffer.from("x"), 1));
    expect(chunks.ends[0]!.trailers.text("grpc-accept-encoding")).toBe("identity,deflate,gzip");
  });

  it("takes a request that ends within a message for broken, not for whole", () => {
    const chunks = new Chunks();
    const { told } = serve(chunks);
    chunks.listener.message(framed(Buffer.from("whole")).subarray(0, 8));
    chunks.listener.halfClosed();
    expect(told).toEqual(["cancelled"]);
    expect(chunks.ends[0]!.status).toBe(Status.INTERNAL);
  });

  it("ends at its deadline, and tells its handler that it was cancelled", async () => {
    const chunks = new Chunks({}, 500);
    const { told, clock } = serve(chunks);
    await clock.advance(499);
    expect(told).toEqual([]);
    await clock.advance(1);
    expect(told).toEqual(["cancelled"]);
    expect(chunks.ends.map((end) => end.status)).toEqual([Status.DEADLINE_EXCEEDED]);
  });

  it("leaves no timer behind when it ends before its deadline", () => {
    const chunks = new Chunks({}, 500);
    const { call, clock } = serve(chunks);
    call.finish(OK);
    expect(clock.pendingTimers).toBe(0);
  });

  it("refuses what would hold too much together with the others, and gives back what it held", () => {
    const first = new Chunks();
    const { held, told } = serve(first, { heldMaxBytes: 3_000 });
    first.listener.message(framed(Buffer.alloc(2_500)).subarray(0, 2_000));
    expect(held.change(1_500)).toBe(false);
    first.listener.message(Buffer.alloc(400));
    expect(told).toEqual([]);
    first.listener.cancelled();
    expect(held.change(3_000)).toBe(true);

    const second = new Chunks();
    const { told: toldSecond } = serve(second, { heldMaxBytes: 3_000 });
    second.listener.message(framed(Buffer.alloc(9_000)).subarray(0, 4_000));
    expect(toldSecond).toEqual(["cancelled"]);
    expect(second.ends[0]!.message).toContain("incomplete requests on this connection hold over 3000 bytes");
  });

  it("shows what the caller set, binary values as bytes, and the caller's address", () => {
    const metadata = { "x-id": "7", "content-type": "application/grpc", "user-agent": "me", "k-bin": "AP8,aGk" };
    const { call } = serve(new Chunks(metadata));
    expect(call.metadata.entries()).toEqual([
      ["x-id", "7"],
      ["k-bin", Buffer.from([0, 255])],
      ["k-bin", Buffer.from("hi")],
    ]);
    expect(call.peer).toBe("10.0.0.7:1234");
  });
});
