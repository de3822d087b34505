import type { Socket } from "node:net";
import type { IncomingCall, IncomingListener } from "../../../src/core/call";
import { CallMetadata } from "../../../src/core/call-metadata";
import { type Random, seededRandom } from "../../../src/core/random";
import { Status } from "../../../src/core/status";
import { Http2Connection } from "../../../src/http2/connection";
import type { StreamHandler } from "../../../src/http2/handlers";
import { HeaderList } from "../../../src/http2/header-list";
import type { Http2Stream } from "../../../src/http2/stream";
import { frameOf } from "../../../src/rpc/framing/message-reader";
import { MemoryBudget } from "../../../src/rpc/server/memory-budget";
import { MessageCall } from "../../../src/rpc/server/message-call";
import { Port } from "../../../src/rpc/server/port";
import { mountService } from "../../../src/rpc/service/service-handlers";
import { ComputeServiceDefinition, type ExecuteResponse } from "../../../src/wire/contract";
import { StreamSender } from "../../../src/rpc/framing/stream-sender";
import { cutPair } from "../cut-pair";
import { ManualClock } from "../../../src/testing/manual-clock";
import { WatchedCall } from "./watched-call";
import { hostileFields, hostileMessage, MESSAGE_MAX_BYTES, oneOf, PATIENT, randomCuts } from "./hostile-messages";
import { turnsUntil } from "./turns";

const HELD_MAX_BYTES = 64 * 1_024;
const INNOCENT = Buffer.from("I have done nothing");
const REQUEST = [":method", "POST", ":scheme", "http"];
const GRPC = ["content-type", "application/grpc", "te", "trailers"];

/** One call of the hostile client, which says what it likes. */
class Attack implements StreamHandler {
  readonly #random: Random;
  readonly #acts: ((stream: Http2Stream) => boolean)[] = [];
  ends = 0;

  constructor(random: Random) {
    this.#random = random;
    for (let messages = random.below(5); messages > 0; messages -= 1) this.#sends(hostileMessage(random));
    if (random.below(4) === 0) this.#acts.splice(random.below(this.#acts.length + 1), 0, resets(random));
    const end = random.below(4);
    if (end === 0) this.#acts.push((stream) => (stream.sendData(Buffer.alloc(0), 0, 0, true), true));
    if (end === 1) this.#acts.push((stream) => (stream.sendTrailers(HeaderList.of(hostileFields(random))), true));
    if (end === 2) this.#acts.push(resets(random));
  }

  #sends(bytes: Buffer): void {
    for (let at = 0; at < bytes.length;) {
      let start = at;
      const end = Math.min(bytes.length, at + 1 + this.#random.below(this.#random.below(2) === 0 ? 7 : 9_000));
      at = end;
      this.#acts.push((stream) => (start += stream.sendData(bytes, start, end)) === end);
    }
  }

  onWritable(stream: Http2Stream): void {
    while (!stream.isClosed && this.#acts.length > 0 && this.#acts[0]!(stream)) this.#acts.shift();
  }

  onHeaders(_stream: Http2Stream, _headers: HeaderList, endStream: boolean): void {
    if (endStream) this.#ended();
  }

  onData(stream: Http2Stream, _chunk: Buffer, start: number, end: number, endStream: boolean): void {
    if (this.#random.below(3) > 0) stream.consume(end - start);
    if (endStream) this.#ended();
  }

  onTrailers(): void {
    this.#ended();
  }

  onReset(): void {}

  #ended(): void {
    this.ends += 1;
    if (this.ends > 1) throw new Error("a call was answered twice");
  }
}

function resets(random: Random) {
  return (stream: Http2Stream): boolean => {
    stream.reset(oneOf(random, [0, 1, 2, 5, 7, 8, 11, 999]));
    return true;
  };
}

/** What a caller that keeps to the rules is answered: its own message, and OK. */
class Innocent implements StreamHandler {
  readonly #received: Buffer[] = [];
  #sender: StreamSender | undefined;
  isDone = false;
  #end = "";

  onHeaders(_stream: Http2Stream, headers: HeaderList, endStream: boolean): void {
    if (endStream) this.#finish(headers);
  }

  onData(stream: Http2Stream, chunk: Buffer, start: number, end: number): void {
    this.#received.push(Buffer.from(chunk.subarray(start, end)));
    stream.consume(end - start);
  }

  onTrailers(_stream: Http2Stream, trailers: HeaderList): void {
    this.#finish(trailers);
  }

  onReset(_stream: Http2Stream, code: number, cause: string): void {
    this.#end = `reset ${code} ${cause}`;
    this.isDone = true;
  }

  onWritable(): void {
    this.#sender?.flush();
  }

  begin(stream: Http2Stream): void {
    this.#sender = new StreamSender(stream);
    this.#sender.send(frameOf(INNOCENT), true);
  }

  #finish(fields: HeaderList): void {
    this.#end = `status ${fields.get("grpc-status")} ${fields.get("grpc-message") ?? ""}`;
    this.isDone = true;
  }

  check(): void {
    const isRight = Buffer.concat(this.#received).equals(frameOf(INNOCENT));
    if (this.#end !== "status 0 " || !isRight) throw new Error(`an innocent call ended with ${this.#end}`);
  }
}

/** Serves in some way: reads at once, late or never; answers, fails, or waits for the caller to leave. */
function serve(call: IncomingCall, random: Random): void {
  const manner = random.below(5);
  const end = { status: Status.OK, message: "", trailers: new CallMetadata() };
  let received = 0;
  const listener: IncomingListener = {
    message: (bytes) => {
      if (bytes.length > MESSAGE_MAX_BYTES) throw new Error("a message over the limit came through");
      received += 1;
      if (manner === 0) call.send(bytes);
      if (manner === 1) {
        call.pause();
        setImmediate(() => call.resume());
      }
      if (manner === 2 && received === 2) call.finish({ ...end, status: Status.ABORTED, message: "enough" });
    },
    halfClosed: () => {
      if (manner < 4) call.finish(end);
    },
    cancelled: () => {},
    drained: () => {},
  };
  if (manner === 3) call.pause();
  call.listen(listener);
  if (manner === 3) setImmediate(() => call.resume());
}

const TYPED = mountService(ComputeServiceDefinition, {
  execute: (): Partial<ExecuteResponse> => ({ workerLabel: "x" }),
  executeStream: async function* () {
    for (let sent = 0; sent < 3; sent += 1) yield { progressRatio: sent / 3 };
    await Promise.resolve();
  },
});

/**
 * A client that keeps to HTTP/2 and not to gRPC, on one connection with one that keeps to both. Throws if a call ends twice or is
 * told something after its end, a call of the other client fails, or anything is held or open at the end.
 */
export async function attackServer(seed: number): Promise<void> {
  const random = seededRandom(seed);
  const clock = new ManualClock();
  const held = new MemoryBudget(HELD_MAX_BYTES);
  const watched: WatchedCall[] = [];
  const port = new Port({ clock, random: seededRandom(1), messageMaxBytes: MESSAGE_MAX_BYTES, keepaliveMs: 0 });
  port.handleUnknown((chunks) => {
    const options = { clock, messageMaxBytes: MESSAGE_MAX_BYTES, held };
    if (chunks.path === "/innocent") return echo(new MessageCall(chunks, { ...options, held: new MemoryBudget(HELD_MAX_BYTES) }));
    const call = new WatchedCall(new MessageCall(chunks, options));
    watched.push(call);
    const typed = TYPED.methods.get(call.path);
    if (typed) typed(call);
    else serve(call, random);
  }); // prettier-ignore
  const [theirs, ours] = cutPair(randomCuts(random), randomCuts(random));
  port.accept(ours as Socket);
  const client = new Http2Connection("client", theirs, {}, { clock, random: seededRandom(2), ...PATIENT });
  await turnsUntil("connected", () => client.canStart);

  for (let wave = 1 + random.below(4); wave > 0; wave -= 1) {
    const streams: Http2Stream[] = [];
    for (let attacks = 1 + random.below(4); attacks > 0; attacks -= 1) {
      const path = oneOf(random, ["/raw.R/M", "/raw.R/M", ...TYPED.methods.keys()]);
      const own = random.below(4) === 0 ? hostileFields(random) : [...GRPC, ...hostileFields(random)];
      const method = random.below(20) === 0 ? "GET" : "POST";
      const fields = [":method", method, ...REQUEST.slice(2), ":path", path, ":authority", "x", ...own];
      const attack = new Attack(random);
      const stream = client.startStream(HeaderList.of(fields), attack)!;
      streams.push(stream);
      attack.onWritable(stream);
    }
    const innocent = new Innocent();
    const head = HeaderList.of([...REQUEST, ":path", "/innocent", ":authority", "x", ...GRPC]);
    innocent.begin(client.startStream(head, innocent)!);
    await turnsUntil("the innocent call ends", () => innocent.isDone);
    innocent.check();
    if (random.below(2) === 0) for (const each of streams) if (!each.isClosed) each.reset();
    if (random.below(3) === 0) await clock.advance(1_000);
  }

  client.streams.all().forEach((stream) => stream.reset());
  await turnsUntil("every call is over", () => watched.every(({ isOver }) => isOver));
  if (!held.change(HELD_MAX_BYTES)) throw new Error("memory of calls that are over is still counted");
  client.destroy();
  await clock.advance(2_000);
  port.close();
  await clock.advance(2_000);
  for (const call of watched) call.check();
  if (clock.pendingTimers > 0) throw new Error(`${clock.pendingTimers} timers are left behind`);
}

function echo(call: IncomingCall): void {
  call.listen({
    message: (bytes) => void call.send(bytes),
    halfClosed: () => call.finish({ status: 0, message: "", trailers: new CallMetadata() }),
    cancelled: () => {},
  });
}
