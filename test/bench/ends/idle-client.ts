/**
 * Peers that do nothing, for `make bench-ends-memory`: a process that opens connections to a server, and calls on them that stay
 * open, as it is told on standard input, one line of JSON each; prints a line when that is done. Sockets and frames by hand, so that
 * ten thousand of them are cheap.
 *
 * Argument: the server's address. Orders: {"connections": n} opens n more; {"calls": n} makes n unary calls on each, one after
 * another; {"streams": n} opens a bidi call n times on each, with one message and its answer.
 */
import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { FrameFlag, FrameType } from "../../../src/http2/frame-types";
import { frame, FrameReader, PREFACE, type RawFrame } from "../../support/http2-raw-peer";
import { callShape, type CallShape } from "../relay/echo-contract";

export type IdleOrder = { readonly connections: number } | { readonly calls: number } | { readonly streams: number };

/** Of connections that open, or are given calls, at once: a listening socket's queue is not what is measured. */
const AT_ONCE = 100;

const UNARY = callShape(100);
const CHAT = callShape(100, 1, "chat");

// RFC 7541: 0x83 is ":method: POST", 0x86 ":scheme: http"; 0x4n adds to the dynamic table, whose newest entry is 62.
const text = (value: string) => Buffer.concat([Buffer.of(value.length), Buffer.from(value, "latin1")]);
const adding = (staticIndex: number, value: string) => Buffer.concat([Buffer.of(0x40 | staticIndex), text(value)]);
/** Fields that all requests of a connection share. The first request adds them to the table, in this order. */
const SHARED = [
  adding(1, "127.0.0.1"),
  adding(31, "application/grpc"),
  Buffer.concat([Buffer.of(0x40), text("te"), text("trailers")]),
  adding(58, "bench"),
];
const SHARED_INDEXED = Buffer.from(SHARED.map((_, index) => 0x80 | (61 + SHARED.length - index)));

/** The path is written out each time: one that were added would move the others. */
function requestHeaders({ path }: CallShape, isFirst: boolean): Buffer {
  const own = Buffer.concat([Buffer.of(0x83, 0x86, 0x04), text(path)]);
  return Buffer.concat([own, isFirst ? Buffer.concat(SHARED) : SHARED_INDEXED]);
}

class IdlePeer {
  readonly #socket: Socket;
  readonly #reader = new FrameReader();
  /** Streams whose answer is awaited, with what it has had of it. */
  readonly #awaited = new Map<number, { bytes: number; answered: () => void }>();
  #nextId = 1;

  private constructor(socket: Socket, greeted: () => void) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.write(Buffer.concat([PREFACE, frame(FrameType.SETTINGS, 0, 0)]));
    socket.on("data", (chunk) => {
      for (const each of this.#reader.read(chunk)) this.#take(each, greeted);
    });
    socket.on("close", () => fail("the server closed a connection"));
  }

  /** Resolves when both sides know each other's settings. */
  static open(host: string, port: number): Promise<IdlePeer> {
    return new Promise((resolve) => {
      const socket = connect(port, host, () => {
        const peer: IdlePeer = new IdlePeer(socket, () => resolve(peer));
      });
      socket.on("error", (error) => fail(String(error)));
    });
  }

  /** Resolves when the first answer is whole. `ends`: so is the request. */
  call(shape: CallShape, ends: boolean): Promise<void> {
    const id = this.#nextId;
    this.#nextId += 2;
    const dataFlags = ends ? FrameFlag.END_STREAM : 0;
    this.#socket.write(
      Buffer.concat([
        frame(FrameType.HEADERS, FrameFlag.END_HEADERS, id, requestHeaders(shape, id === 1)),
        frame(FrameType.DATA, dataFlags, id, shape.message),
      ]),
    );
    return new Promise((answered) => this.#awaited.set(id, { bytes: 0, answered }));
  }

  #take({ type, flags, id, payload }: RawFrame, greeted: () => void): void {
    switch (type) {
      case FrameType.SETTINGS:
        if (flags & FrameFlag.ACK) greeted();
        else this.#socket.write(frame(FrameType.SETTINGS, FrameFlag.ACK, 0));
        break;
      case FrameType.PING:
        if (!(flags & FrameFlag.ACK)) this.#socket.write(frame(FrameType.PING, FrameFlag.ACK, 0, payload));
        break;
      case FrameType.DATA:
        this.#data(id, payload.length);
        break;
      case FrameType.HEADERS:
        // Trailers come after the answer; before it they say that there will be none.
        if (flags & FrameFlag.END_STREAM && this.#awaited.has(id)) fail("a call ended without an answer");
        break;
      case FrameType.RST_STREAM:
      case FrameType.GOAWAY:
        fail(`the server sent a frame of type ${type}`);
        break;
      default: // WINDOW_UPDATE: what is sent is far less than the windows
    }
  }

  #data(id: number, bytes: number): void {
    const call = this.#awaited.get(id);
    if (call === undefined) return;
    call.bytes += bytes;
    if (call.bytes < UNARY.message.length) return;
    this.#awaited.delete(id);
    call.answered();
  }
}

function fail(why: string): never {
  console.error(why);
  process.exit(1);
}

async function forEach<T>(items: readonly T[], act: (item: T) => Promise<unknown>): Promise<void> {
  for (let from = 0; from < items.length; from += AT_ONCE) {
    await Promise.all(items.slice(from, from + AT_ONCE).map(act));
  }
}

async function main(): Promise<void> {
  const [host = "", port = ""] = (process.argv[2] ?? "").split(":");
  const peers: IdlePeer[] = [];
  for await (const line of createInterface({ input: process.stdin })) {
    const order = JSON.parse(line) as IdleOrder;
    if ("connections" in order) {
      const more = Array.from({ length: order.connections }, () => undefined);
      await forEach(more, async () => peers.push(await IdlePeer.open(host, Number(port))));
    } else if ("calls" in order) {
      for (let count = 0; count < order.calls; count += 1) await forEach(peers, (peer) => peer.call(UNARY, true));
    } else {
      for (let count = 0; count < order.streams; count += 1) await forEach(peers, (peer) => peer.call(CHAT, false));
    }
    console.log("done");
  }
  process.exit();
}

void main();
