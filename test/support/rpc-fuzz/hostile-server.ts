import type { Duplex } from "node:stream";
import type { CallEnd, OutgoingCall } from "../../../src/core/call";
import { CallMetadata } from "../../../src/core/call-metadata";
import { type Random, seededRandom } from "../../../src/core/random";
import { Http2Connection } from "../../../src/http2/connection";
import type { StreamHandler } from "../../../src/http2/handlers";
import { HeaderList } from "../../../src/http2/header-list";
import type { Http2Stream } from "../../../src/http2/stream";
import { MessageConnection } from "../../../src/rpc/client/message-connection";
import { Subchannel } from "../../../src/rpc/client/subchannel";
import { StreamSender } from "../../../src/rpc/framing/stream-sender";
import { cutPair } from "../cut-pair";
import { ManualClock } from "../../../src/testing/manual-clock";
import {
  hostileFields,
  hostileMessage,
  MESSAGE_MAX_BYTES,
  oneOf,
  PATIENT,
  randomBytes,
  randomCuts,
} from "./hostile-messages";
import { turnsUntil } from "./turns";

const HEAD = [":status", "200", "content-type", "application/grpc"];
const INNOCENT = Buffer.from("I have done nothing");

/** Answers one call with what it likes. */
class Attack implements StreamHandler {
  readonly #random: Random;
  readonly #acts: ((stream: Http2Stream) => boolean)[] = [];

  constructor(random: Random) {
    this.#random = random;
    const does = (act: (stream: Http2Stream) => void) =>
      this.#acts.push((stream) => {
        act(stream);
        return true;
      });
    for (let hints = random.below(8) === 0 ? random.below(4) : 0; hints > 0; hints -= 1) {
      does((stream) => stream.sendHeaders(HeaderList.of([":status", "103", "x-hint", "1"])));
    }
    const status = random.below(6) === 0 ? oneOf(random, ["204", "304", "400", "404", "429", "500", "503", "599"]) : "200";
    const own = hostileFields(random);
    const fields = random.below(5) === 0 ? [":status", status, ...own] : [":status", status, ...HEAD.slice(2), ...own];
    const isAll = random.below(5) === 0;
    does((stream) => stream.sendHeaders(HeaderList.of(fields), isAll));
    if (isAll) return;
    for (let messages = random.below(5); messages > 0; messages -= 1) this.#sends(hostileMessage(random));
    const end = random.below(5);
    if (end === 0) does((stream) => void stream.sendData(Buffer.alloc(0), 0, 0, true));
    if (end === 1 || end === 2) does((stream) => stream.sendTrailers(HeaderList.of(["grpc-status", "0", ...hostileFields(random)])));
    if (end === 3) does((stream) => stream.sendTrailers(HeaderList.of(hostileFields(random))));
    if (random.below(3) === 0) {
      const code = oneOf(random, [0, 1, 2, 5, 7, 8, 11, 999]);
      this.#acts.splice(random.below(this.#acts.length + 1), 0, (stream) => (stream.reset(code), true));
    }
  } // prettier-ignore

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

  onHeaders(): void {}

  onData(stream: Http2Stream, _chunk: Buffer, start: number, end: number): void {
    if (this.#random.below(3) > 0) stream.consume(end - start);
  }

  onTrailers(): void {}

  onReset(): void {}
}

/** Answers with the bytes that it got, and OK. */
class Echo implements StreamHandler {
  readonly #sender: StreamSender;

  constructor(stream: Http2Stream) {
    this.#sender = new StreamSender(stream);
    stream.sendHeaders(HeaderList.of(HEAD));
  }

  onData(stream: Http2Stream, chunk: Buffer, start: number, end: number, endStream: boolean): void {
    this.#sender.send(chunk.subarray(start, end));
    stream.consume(end - start);
    if (endStream) this.#sender.end(HeaderList.of(["grpc-status", "0"]));
  }

  onWritable(): void {
    this.#sender.flush();
  }

  onHeaders(): void {}

  onTrailers(): void {}

  onReset(): void {}
}

/** A caller, who complains of what it must not be told. */
class Caller {
  readonly messages: Uint8Array[] = [];
  call!: OutgoingCall;
  end: CallEnd | undefined;
  #headers = 0;
  #paused = false;
  #fault = "";

  constructor(connection: MessageConnection, path: string, random: Random) {
    const options = random.below(4) === 0 ? { timeoutMs: 1 + random.below(2_000) } : {};
    const isSlow = random.below(4) === 0;
    this.call = connection.start(
      { path, metadata: new CallMetadata(), ...options },
      {
        headers: () => {
          this.#told("headers");
          this.#headers += 1;
          if (this.#headers > 1 || this.messages.length > 0) this.#fault ||= "headers again, or after messages";
        },
        message: (bytes) => {
          this.#told("a message");
          if (this.#paused) this.#fault ||= "a message while it is paused";
          if (bytes.length > MESSAGE_MAX_BYTES) this.#fault ||= `a message of ${bytes.length} bytes`;
          this.messages.push(bytes);
          if (isSlow) this.#rest();
        },
        ended: (end) => {
          this.#told("the end");
          this.end = end;
        },
        drained: () => this.#told("room"),
      },
    );
  }

  #rest(): void {
    this.#paused = true;
    this.call.pause();
    setImmediate(() => {
      this.#paused = false;
      this.call.resume();
    });
  }

  #told(what: string): void {
    if (this.end !== undefined) this.#fault ||= `${what} after the end`;
  }

  /** @throws Error when it was told what it must not be, or not how it ended */
  check(): void {
    if (this.#fault !== "") throw new Error(this.#fault);
    const { status, message, error } = this.end!;
    if (!Number.isInteger(status) || typeof message !== "string") throw new Error(`it ended with ${status} ${message}`);
    if ((status === 0) !== (error === undefined)) throw new Error(`status ${status} and error ${error?.message}`);
  }
}

/**
 * A server that keeps to HTTP/2 and not to gRPC, and answers some calls as it should. Throws if a call does not end, or twice, or is
 * told something after its end, one that is answered as it should is not told so, or anything is open at the end.
 */
export async function attackClient(seed: number): Promise<void> {
  const random = seededRandom(seed);
  const clock = new ManualClock();
  const [there, back] = [randomCuts(random), randomCuts(random)];
  const servers: Http2Connection[] = [];
  const dial = (): Duplex => {
    const [theirs, ours] = cutPair(there, back);
    const onStream = (stream: Http2Stream, head: HeaderList): StreamHandler => {
      if (head.get(":path") === "/innocent") return new Echo(stream);
      const attack = new Attack(random);
      // Once the stream has it.
      setImmediate(() => attack.onWritable(stream));
      return attack;
    };
    servers.push(new Http2Connection("server", theirs, { onStream }, { clock, random: seededRandom(1), ...PATIENT }));
    return ours;
  };
  const parts = { clock, random: seededRandom(2), messageMaxBytes: MESSAGE_MAX_BYTES, keepaliveMs: 0 };
  const inner = new Subchannel("s:1", { ...parts, scheme: "http", dial, reconnectMaxMs: 10, holdsCalls: true });
  const connection = new MessageConnection(inner, { ...parts, userAgent: "test/1" });
  await turnsUntil("connected", () => connection.isReady());

  const callers: Caller[] = [];
  for (let wave = 1 + random.below(4); wave > 0; wave -= 1) {
    const attacked = Array.from({ length: 1 + random.below(4) }, () => new Caller(connection, "/hostile", random));
    for (const { call } of attacked) {
      for (let sent = random.below(4); sent > 0; sent -= 1) call.send(randomBytes(random, random.below(300)));
      if (random.below(3) > 0) call.halfClose();
      if (random.below(6) === 0) setImmediate(() => call.cancel());
    }
    callers.push(...attacked);
    const innocent = new Caller(connection, "/innocent", seededRandom(5));
    innocent.call.send(INNOCENT);
    innocent.call.halfClose();
    await turnsUntil("the innocent call ends", () => innocent.end !== undefined);
    innocent.check();
    const [answer] = innocent.messages;
    if (innocent.end!.status !== 0 || !answer || !INNOCENT.equals(answer)) {
      throw new Error(`an innocent call ended with ${innocent.end!.status} ${innocent.end!.message}`);
    }
    if (random.below(3) === 0) await clock.advance(1_000);
  }

  for (const { call } of callers) call.cancel();
  await turnsUntil("every call has ended", () => callers.every(({ end }) => end !== undefined));
  for (const caller of callers) caller.check();
  await clock.advance(2_000); // what was parked is reset
  await turnsUntil("no stream is open", () => servers.every(({ openStreams }) => openStreams === 0));
  if (servers.length > 1) throw new Error(`${servers.length} connections were made`);
  connection.close();
  await clock.advance(2_000);
  if (clock.pendingTimers > 0) throw new Error(`${clock.pendingTimers} timers are left behind`);
}
