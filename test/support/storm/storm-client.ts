import { connect } from "node:net";
import { seededRandom } from "../../../src/core/random";
import { Http2Connection } from "../../../src/http2/connection";
import { ErrorCode, errorCodeName } from "../../../src/http2/error-codes";
import type { StreamHandler } from "../../../src/http2/handlers";
import { HeaderList } from "../../../src/http2/header-list";
import type { Http2Stream } from "../../../src/http2/stream";
import { systemClock } from "../../../src/platform/system-clock";

const SERVICE = "/storm.v1.StormService";

/** When a call is cancelled. */
export type CancelMoment =
  "at its head" | "after its head" | "after half-close" | "within an upload" | "within answers";

export const MOMENTS: readonly CancelMoment[] = [
  "at its head",
  "after its head",
  "after half-close",
  "within an upload",
  "within answers",
];

const METHOD_OF: Readonly<Record<CancelMoment, string>> = {
  "at its head": "Echo",
  "after its head": "Echo",
  "after half-close": "Wait",
  "within an upload": "Collect",
  "within answers": "Feed",
};

/** `storm.v1.Note` as a gRPC message. */
export function noteOf(text: string): Buffer {
  const body = Buffer.from(text, "utf8");
  const note = Buffer.from([0, 0, 0, 0, 0, 0x0a, 0]);
  if (body.length > 127) throw new RangeError("a note of this client has at most 127 bytes");
  note[4] = body.length + 2;
  note[6] = body.length;
  return Buffer.concat([note, body]);
}

/** A part of a message: an upload that stops here must not look complete. */
const PART = Buffer.concat([Buffer.from([0, 0, 0, 0x40, 0]), Buffer.alloc(1_000, 1)]);
const HELLO = noteOf("hello");

/** What became of an innocent call: "" when it was answered as it should, else what is wrong. */
export type Verdict = string;

/** A client of the director's port on one connection, which cancels calls and also makes some that it wants answered. */
export class StormClient {
  readonly #connection: Http2Connection;
  readonly #heads = new Map<string, HeaderList>();
  readonly #begun: Http2Stream[] = [];
  /** Why the director ended the connection; "" while it is open. */
  lost = "";
  cancelled = 0;
  /** Calls that are to be cancelled and ended before. */
  endedBefore = 0;

  constructor(address: string) {
    const [host, port] = address.split(":");
    const socket = connect({ host: host!, port: Number(port), noDelay: true });
    this.#connection = new Http2Connection(
      "client",
      socket,
      { onClose: (end) => (this.lost = `${end.kind} ${errorCodeName(end.code)}: ${end.message}`) },
      {
        clock: systemClock,
        random: seededRandom(1),
        // It keeps no rest of what it could not send at once; and what is under way when it cancels is not to be what ends it.
        writeHighWaterBytes: 64 << 20,
        limits: { outputBacklogBytes: 64 << 20, closedStreamFrames: { burst: 1_000_000, perSecond: 1_000_000 } },
      },
    );
  }

  get openStreams(): number {
    return this.#connection.openStreams;
  }

  close(): void {
    this.#connection.destroy();
  }

  /**
   * Begins a call that is cancelled at that moment: at once, with its first answer, or by `cancelBegun`. False: the director takes no
   * more streams of this connection now.
   */
  cancel(moment: CancelMoment): boolean {
    const isFeed = moment === "within answers";
    const handler: StreamHandler = {
      onHeaders: () => {},
      onData: (stream, _chunk, start, end) => {
        stream.consume(end - start);
        if (isFeed) this.#reset(stream);
      },
      onTrailers: () => void (this.endedBefore += 1),
      onReset: () => void (this.endedBefore += 1),
      onWritable: () => {},
    };
    const stream = this.#start(METHOD_OF[moment], handler);
    if (stream === undefined) return false;
    if (moment === "within an upload") stream.sendData(PART, 0, PART.length);
    if (moment === "after half-close" || isFeed) stream.sendData(HELLO, 0, HELLO.length, true);
    if (moment === "at its head") this.#reset(stream);
    else if (!isFeed) this.#begun.push(stream);
    return true;
  }

  /** Cancels what was begun to be cancelled. After a later call was answered, all of it had been passed on. */
  cancelBegun(): void {
    for (const stream of this.#begun.splice(0)) this.#reset(stream);
  }

  /** A unary call. */
  echo(): Promise<Verdict> {
    return this.#answered("Echo", (stream) => void stream.sendData(HELLO, 0, HELLO.length, true));
  }

  /** A stream that says something whenever `say` is called on it, and must hear it again. */
  chat(): { say(): Promise<Verdict>; end(): Promise<Verdict> } {
    let heard: (verdict: Verdict) => void = () => {};
    let stream: Http2Stream | undefined;
    const over = this.#answered(
      "Chat",
      (started) => (stream = started),
      () => heard(""),
    );
    void over.then((verdict) => heard(verdict === "" ? "it ended" : verdict));
    return {
      say: () =>
        new Promise<Verdict>((resolve) => {
          heard = resolve;
          if (stream === undefined || stream.isClosed) resolve("its stream is gone");
          else stream.sendData(HELLO, 0, HELLO.length);
        }),
      end: () => {
        if (stream !== undefined && !stream.isClosed) stream.sendData(HELLO, 0, 0, true);
        return over;
      },
    };
  }

  #answered(method: string, begin: (stream: Http2Stream) => void, onMessage: () => void = () => {}): Promise<Verdict> {
    return new Promise((resolve) => {
      let bytes = 0;
      const ended = (list: HeaderList) => {
        const status = list.get("grpc-status");
        resolve(
          status === "0" && (bytes > 0 || method === "Chat")
            ? ""
            : `${method}: grpc-status ${status}: ${list.get("grpc-message")}`,
        );
      };
      const stream = this.#start(method, {
        onHeaders: (_stream, list, endStream) => endStream && ended(list),
        onData: (from, _chunk, start, end) => {
          bytes += end - start;
          from.consume(end - start);
          onMessage();
        },
        onTrailers: (_stream, list) => ended(list),
        onReset: (_stream, code, cause) => resolve(`${method}: reset by the ${cause} with ${errorCodeName(code)}`),
        onWritable: () => {},
      });
      if (stream === undefined) resolve(`${method}: no stream was free: ${this.lost}`);
      else begin(stream);
    });
  }

  #start(method: string, handler: StreamHandler): Http2Stream | undefined {
    let head = this.#heads.get(method);
    if (head === undefined) {
      const fields = [":method", "POST", ":scheme", "http", ":path", `${SERVICE}/${method}`, ":authority", "storm"];
      this.#heads.set(
        method,
        (head = HeaderList.of([...fields, "te", "trailers", "content-type", "application/grpc"])),
      );
    }
    return this.#connection.startStream(head, handler);
  }

  #reset(stream: Http2Stream): void {
    if (stream.isClosed) return;
    this.cancelled += 1;
    stream.reset(ErrorCode.CANCEL);
  }
}
