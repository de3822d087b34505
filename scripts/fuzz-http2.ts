/**
 * Feeds the HTTP/2 engine with bytes that a hostile peer might send, for as long as asked: valid conversations with bytes flipped,
 * cut out, repeated and inserted, in reads of any size, to both roles. Fails if anything throws out of the engine, a handler is
 * told something after the end, or memory grows. Every round is made from its own seed, which is printed when it fails.
 *
 * Run: make fuzz-http2 [SECONDS=60] [SEED=n]
 */
import { parseArgs } from "node:util";
import { seededRandom, type Random } from "../src/core/random";
import { Http2Connection } from "../src/http2/connection";
import { duplexPair } from "../src/http2/duplex-pair";
import type { ConnectionHandler, StreamHandler } from "../src/http2/handlers";
import { HeaderList } from "../src/http2/header-list";
import { ManualClock } from "../src/testing/manual-clock";

const GROWTH_BYTES_MAX = 64 * 1_048_576;
const FRAME_TYPES = 12;

const REQUEST = HeaderList.of([
  ":method",
  "POST",
  ":scheme",
  "http",
  ":path",
  "/p.S/M",
  ":authority",
  "a",
  "te",
  "trailers",
]);
const OK = HeaderList.of([":status", "200", "x-custom", "value"]);
const TRAILERS = HeaderList.of(["grpc-status", "0"]);

function randomFrame(random: Random): Buffer {
  const payload = Buffer.alloc(random.below(5) === 0 ? random.below(400) : random.below(16));
  for (let at = 0; at < payload.length; at += 1)
    payload[at] = random.below(3) === 0 ? 0x80 + random.below(128) : random.below(256);
  const head = Buffer.alloc(9);
  // Mostly the length that it has.
  head.writeUIntBE(random.below(30) === 0 ? random.below(40_000) : payload.length, 0, 3);
  head[3] = random.below(FRAME_TYPES);
  head[4] = random.below(4) === 0 ? random.below(256) : [0, 1, 4, 5][random.below(4)]!;
  head.writeUInt32BE(random.below(8), 5);
  return Buffer.concat([head, payload]);
}

/** What a well-behaved peer of the other role says, with a few calls. */
function conversation(random: Random, asServer: boolean): Buffer {
  const parts: Buffer[] = asServer ? [] : [Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")];
  parts.push(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]), Buffer.from([0, 0, 0, 4, 1, 0, 0, 0, 0]));
  const block = asServer ? [0x88] : [0x83, 0x86, 0x84, 0x40, 1, 0x61 + random.below(20), 1, 0x62];
  for (let id = 1; id < 20; id += 2) {
    parts.push(Buffer.from([0, 0, block.length, 1, random.below(2) === 0 ? 4 : 5, 0, 0, 0, id, ...block]));
    if (random.below(2) === 0) parts.push(Buffer.from([0, 0, 3, 0, random.below(2), 0, 0, 0, id, 1, 2, 3]));
    if (random.below(2) === 0) parts.push(randomFrame(random));
  }
  return Buffer.concat(parts);
}

function mutated(bytes: Buffer, random: Random): Buffer {
  let result = bytes;
  for (let change = random.below(6); change > 0; change -= 1) {
    const at = random.below(result.length);
    const length = random.below(20);
    const [head, middle, tail] = [
      result.subarray(0, at),
      result.subarray(at, at + length),
      result.subarray(at + length),
    ];
    const insertion = randomFrame(random);
    const variants = [
      () => Buffer.concat([head, tail]),
      () => Buffer.concat([head, middle, middle, tail]),
      () => Buffer.concat([head, insertion, middle, tail]),
      () => Buffer.concat([head, Buffer.from([random.below(256)]), middle.subarray(1), tail]),
    ];
    result = variants[random.below(variants.length)]!();
    if (result.length === 0) return bytes;
  }
  return result;
}

/** Answers in some way, and complains of what is told after the end. */
function hostileCallee(random: Random): ConnectionHandler & StreamHandler {
  let closed = false;
  const alive = () => {
    if (closed) throw new Error("told something after onClose");
  };
  const handler: ConnectionHandler & StreamHandler = {
    onStream(stream) {
      alive();
      if (random.below(4) === 0) stream.reset();
      else if (random.below(2) === 0) stream.sendHeaders(OK, random.below(2) === 0);
      return handler;
    },
    onHeaders: alive,
    onData(stream, _chunk, start, end) {
      alive();
      if (random.below(2) === 0) stream.consume(end - start);
      if (random.below(8) === 0) stream.reset();
    },
    onTrailers(stream) {
      alive();
      if (stream.state === "half-closed (remote)" && random.below(2) === 0) {
        stream.sendHeaders(HeaderList.of([":status", "103"]));
      }
    },
    onReset: alive,
    onWritable: alive,
    onClose(end) {
      alive();
      closed = true;
      if (end.kind === "bug" && !String(end.cause).includes("stream ")) throw end.cause;
    },
  };
  return handler;
}

async function round(seed: number): Promise<void> {
  const random = seededRandom(seed);
  const asServer = random.below(2) === 0; // what the hostile side plays
  const [ours, theirs] = duplexPair();
  theirs.resume();
  const clock = new ManualClock();
  const handler = hostileCallee(random);
  const connection = new Http2Connection(asServer ? "client" : "server", ours, handler, { clock, random });
  if (asServer) {
    for (let n = 0; n < 5; n += 1) {
      const stream = connection.startStream(REQUEST, handler, n % 2 === 0);
      if (n % 2 === 1) stream?.sendData(Buffer.alloc(1_000), 0, 1_000);
      if (n === 3) stream?.sendTrailers(TRAILERS);
    }
  }
  const bytes = mutated(conversation(random, asServer), random);
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(bytes.length, at + 1 + random.below(random.below(2) === 0 ? 8 : 400));
    ours.emit("data", bytes.subarray(at, end));
    at = end;
    if (random.below(4) === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  if (random.below(2) === 0) theirs.end();
  connection.destroy();
  await clock.advance(2_000);
  if (!connection.isClosed || connection.openStreams > 0) throw new Error("something is left open");
  if (clock.pendingTimers > 0) throw new Error("a timer is left behind");
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { seconds: { type: "string", default: "60" }, seed: { type: "string" } } });
  if (values.seed !== undefined) {
    await round(Number(values.seed));
    console.log(`fuzz-http2: seed ${values.seed} is fine`);
    return;
  }
  let seed = Date.now() % 0x4000_0000;
  const first = seed;
  process.on("uncaughtException", (error) => {
    console.error(`fuzz-http2: failed at SEED=${seed}`, error);
    process.exit(1);
  });
  for (let warm = 0; warm < 500; warm += 1) await round(seed++);
  const rssBefore = process.memoryUsage().rss;
  const endMs = Date.now() + Number(values.seconds) * 1_000;
  while (Date.now() < endMs) {
    try {
      await round(seed);
    } catch (error) {
      console.error(`fuzz-http2: failed at SEED=${seed}`);
      throw error;
    }
    seed += 1;
  }
  const grown = process.memoryUsage().rss - rssBefore;
  console.log(
    `fuzz-http2: ${seed - first} rounds, nothing found; memory grew by ${(grown / 1_048_576).toFixed(1)} MiB`,
  );
  if (grown > GROWTH_BYTES_MAX) throw new Error("memory grew");
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
