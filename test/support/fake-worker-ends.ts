import type { Duplex } from "node:stream";
import type { CallEnd, OutgoingCall } from "../../src/core/call";
import { CallMetadata } from "../../src/core/call-metadata";
import type { CallSource } from "../../src/core/call-source";
import type { Clock } from "../../src/core/clock";
import { seededRandom } from "../../src/core/random";
import { Http2Connection } from "../../src/http2/connection";
import { duplexPair } from "../../src/http2/duplex-pair";
import type { StreamHandler } from "../../src/http2/handlers";
import { HeaderList } from "../../src/http2/header-list";
import type { Http2Options } from "../../src/http2/options";
import type { Http2Stream } from "../../src/http2/stream";
import { systemClock } from "../../src/platform/system-clock";
import { Subchannel, type SubchannelOptions } from "../../src/rpc/client/subchannel";

const HEAD = HeaderList.of([":status", "200", "content-type", "application/grpc"]);
const TRAILERS = HeaderList.of(["grpc-status", "0"]);

export interface WorkerEndsOptions {
  /** Of the workers' ends. */
  readonly http2?: Partial<Http2Options>;
  /** They accept, and never say anything. */
  readonly isMute?: boolean;
}

/** The far ends of a Subchannel, one for each connection it opens, and what came to them. */
export class WorkerEnds {
  readonly servers: Http2Connection[] = [];
  readonly streams: Http2Stream[] = [];
  readonly heads: HeaderList[] = [];
  /** Streams that were reset or cut off, by the index of their connection. */
  readonly resets: number[] = [];
  /** Connections that have ended. */
  readonly closed = new Set<number>();
  dials = 0;
  /** Connections that are made from now on break at once. */
  isDown = false;
  /** Connections that are made from now on greet, and hear nothing. */
  isDeaf = false;
  onStream: (stream: Http2Stream) => void = () => {};
  readonly #ends: Duplex[] = [];
  readonly #options: WorkerEndsOptions;

  constructor(options: WorkerEndsOptions = {}) {
    this.#options = options;
  }

  readonly dial = (): Duplex => {
    this.dials += 1;
    const [ours, theirs] = duplexPair();
    if (this.isDown) ours.destroy(new Error("connect ECONNREFUSED"));
    if (this.isDown || this.#options.isMute === true) return ours;
    const index = this.servers.length;
    this.resets.push(0);
    this.#ends.push(theirs);
    const server = new Http2Connection(
      "server",
      theirs,
      {
        onStream: (stream, head) => {
          this.streams.push(stream);
          this.heads.push(head);
          this.onStream(stream);
          return this.#handler(index);
        },
        onClose: () => void this.closed.add(index),
      },
      { clock: systemClock, random: seededRandom(1), ...this.#options.http2 },
    );
    this.servers.push(server);
    if (this.isDeaf) this.freeze(index);
    return ours;
  };

  /** A Subchannel to them. */
  relay(options: Partial<SubchannelOptions> & { readonly clock: Clock }): Subchannel {
    return new Subchannel("worker:1", {
      random: seededRandom(1),
      scheme: "http",
      dial: this.dial,
      keepaliveMs: 0,
      messageMaxBytes: 1 << 20,
      reconnectMaxMs: 10,
      ...options,
    });
  }

  /** From now on nothing that is sent there is read. */
  freeze(index: number): void {
    this.#ends[index]!.pause();
  }

  destroy(): void {
    for (const server of this.servers) server.destroy();
  }

  #handler(index: number): StreamHandler {
    return {
      onHeaders: () => {},
      onData: (stream, _chunk, start, end) => stream.consume(end - start),
      onTrailers: () => {},
      onReset: () => void (this.resets[index]! += 1),
      onWritable: () => {},
    };
  }
}

/** Answers a call: OK, and nothing else. */
export function answer(stream: Http2Stream): void {
  stream.sendHeaders(HEAD);
  stream.sendTrailers(TRAILERS);
}

/** Begins an answer. */
export function answerHead(stream: Http2Stream): void {
  stream.sendHeaders(HEAD);
}

export interface BegunCall {
  readonly call: OutgoingCall;
  readonly ended: Promise<CallEnd>;
  /** Bytes of answers so far. */
  receivedBytes: number;
}

export interface BeginOptions {
  readonly path?: string;
  readonly metadata?: CallMetadata;
  readonly source?: CallSource;
  /** The request is whole. */
  readonly isWhole?: boolean;
  readonly waitForReady?: boolean | undefined;
}

export function begin(connection: Subchannel, options: BeginOptions = {}): BegunCall {
  const { path = "/a.B/C", metadata = new CallMetadata(), source, isWhole = false, waitForReady } = options;
  let settle: (end: CallEnd) => void = () => {};
  const ended = new Promise<CallEnd>((resolve) => (settle = resolve));
  const begun: { -readonly [Key in keyof BegunCall]: BegunCall[Key] } = {
    ended,
    receivedBytes: 0,
    call: connection.start(
      { path, metadata, timeoutMs: 1_500, source, waitForReady },
      {
        headers: () => {},
        message: (bytes) => (begun.receivedBytes += bytes.length),
        ended: (end) => settle(end),
      },
    ),
  };
  if (isWhole) begun.call.halfClose();
  return begun;
}

/** Lets the loop turn until it is so. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** Lets everything that is under way arrive: in-process pairs need a few turns for a round trip. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
