import type { Duplex } from "node:stream";
import type { CallEnd } from "../../../src/core/call";
import { CallMetadata } from "../../../src/core/call-metadata";
import { seededRandom } from "../../../src/core/random";
import { Http2Connection } from "../../../src/http2/connection";
import { duplexPair } from "../../../src/http2/duplex-pair";
import { ErrorCode } from "../../../src/http2/error-codes";
import type { StreamHandler } from "../../../src/http2/handlers";
import { HeaderList } from "../../../src/http2/header-list";
import type { Http2Options } from "../../../src/http2/options";
import type { Http2Stream } from "../../../src/http2/stream";
import { systemClock } from "../../../src/platform/system-clock";
import { RelayConnection } from "../../../src/relay/relay-connection";

const PARTS = { clock: systemClock, random: seededRandom(1) };
const HEAD = HeaderList.of([":status", "200", "content-type", "application/grpc"]);
const TRAILERS = HeaderList.of(["grpc-status", "0"]);

const SILENT: StreamHandler = {
  onHeaders: () => {},
  onData: (stream, _chunk, start, end) => stream.consume(end - start),
  onTrailers: () => {},
  onReset: () => {},
  onWritable: () => {},
};

/** Workers that a RelayConnection dials, one for each connection, and what came to them. */
class Workers {
  readonly servers: Http2Connection[] = [];
  readonly streams: Http2Stream[] = [];
  readonly heads: HeaderList[] = [];
  resets = 0;
  onStream: (stream: Http2Stream) => void = () => {};
  readonly #options: Partial<Http2Options>;
  readonly #isMute: boolean;

  constructor(options: Partial<Http2Options> = {}, isMute = false) {
    this.#options = options;
    this.#isMute = isMute;
  }

  readonly dial = (): Duplex => {
    const [ours, theirs] = duplexPair();
    if (this.#isMute) return ours;
    const onStream = (stream: Http2Stream, head: HeaderList): StreamHandler => {
      this.streams.push(stream);
      this.heads.push(head);
      this.onStream(stream);
      return { ...SILENT, onReset: () => void (this.resets += 1) };
    };
    this.servers.push(new Http2Connection("server", theirs, { onStream }, { ...PARTS, ...this.#options }));
    return ours;
  };
}

describe("RelayConnection", () => {
  let connection: RelayConnection;
  let workers: Workers;

  afterEach(() => {
    connection.close();
    for (const server of workers.servers) server.destroy();
  });

  function dial(made: Workers, options: { connectTimeoutMs?: number } = {}): void {
    workers = made;
    connection = new RelayConnection("worker:1", {
      ...PARTS,
      scheme: "http",
      dial: made.dial,
      keepaliveMs: 0,
      messageMaxBytes: 1 << 20,
      reconnectMaxMs: 10,
      ...options,
    });
  }

  async function until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise((resolve) => setImmediate(resolve));
  }

  function begin(path = "/a.B/C", metadata = new CallMetadata()) {
    let settle: (end: CallEnd) => void = () => {};
    const ended = new Promise<CallEnd>((resolve) => (settle = resolve));
    const call = connection.start(
      { path, metadata, timeoutMs: 1_500 },
      { headers: () => {}, message: () => {}, ended: (end) => settle(end) },
    );
    return { call, ended };
  }

  const answer = (stream: Http2Stream) => {
    stream.sendHeaders(HEAD);
    stream.sendTrailers(TRAILERS);
  };

  it("sends a request as gRPC wants it, with what the client said unchanged", async () => {
    dial(new Workers());
    await until(() => connection.isReady());
    const said = { "content-type": "application/grpc+json", "grpc-encoding": "gzip", "x-key-bin": "AP8=" };
    begin("/a.B/C", CallMetadata.of({ ...said, te: "ignored" }));
    await until(() => workers.heads.length === 1);
    const [head] = workers.heads;
    const asked = { ":method": "POST", ":path": "/a.B/C", te: "trailers", "grpc-timeout": "1500000u", ...said };
    expect(Object.keys(asked).map((name) => head!.get(name))).toEqual(Object.values(asked));
  });

  it("G2: GOAWAY ends readiness; the calls above its last id have not run, those below go on", async () => {
    dial(new Workers());
    await until(() => connection.isReady());
    const first = begin();
    await until(() => workers.streams.length === 1);
    let reasons: string[] = [];
    connection.onReadiness((ready, reason) => (reasons = ready ? reasons : [...reasons, reason]));
    workers.servers[0]!.shutdown(60_000);
    await until(() => !connection.isReady());
    expect(reasons).toEqual(["the server is closing the connection"]);
    answer(workers.streams[0]!);
    expect((await first.ended).status).toBe(0);
    await until(() => connection.isReady());
    expect(workers.servers).toHaveLength(2);
  });

  it("a refused stream has not run; a reset or a lost one may have", async () => {
    dial(new Workers());
    await until(() => connection.isReady());
    workers.onStream = (stream) => stream.reset(ErrorCode.REFUSED_STREAM);
    expect((await begin().ended).error?.code).toBe("WORKER_UNREACHABLE");
    workers.onStream = (stream) => stream.reset(ErrorCode.INTERNAL_ERROR);
    expect((await begin().ended).error?.code).toBe("WORKER_LOST");
    workers.onStream = () => workers.servers[0]!.destroy();
    expect((await begin().ended).error?.code).toBe("WORKER_LOST");
  });

  it("G3: opens further connections where the worker allows few streams, and carries all calls", async () => {
    dial(new Workers({ maxConcurrentStreams: 3 }));
    await until(() => connection.isReady());
    const calls = Array.from({ length: 10 }, () => begin());
    await until(() => workers.streams.length > 3);
    workers.onStream = answer;
    for (const stream of [...workers.streams]) answer(stream);
    const ends = await Promise.all(calls.map(({ ended }) => ended));
    expect(new Set(ends.map(({ status }) => status))).toEqual(new Set([0]));
    expect(workers.servers.length).toBeGreaterThan(1);
  });

  it("G4: a worker that never speaks is given up, and dialled again", async () => {
    const mute = new Workers({}, true);
    let dials = 0;
    const { dial: dialOnce } = mute;
    dial(Object.assign(mute, { dial: () => ((dials += 1), dialOnce()) }), { connectTimeoutMs: 20 });
    await until(() => dials >= 2);
    expect(connection.isReady()).toBe(false);
  });

  it("L1: resets no more streams than a worker bears; half-closed calls end by themselves, others take a fresh connection", async () => {
    dial(new Workers({ maxConcurrentStreams: 10_000 }));
    await until(() => connection.isReady());
    const innocent = begin();
    await until(() => workers.streams.length === 1);
    const ended: Promise<CallEnd>[] = [];
    for (let count = 0; count < 900; count += 1) {
      const { call, ended: end } = begin();
      call.cancel();
      ended.push(end);
    }
    const ends = await Promise.all(ended);
    expect(new Set(ends.map(({ error }) => error?.code))).toEqual(new Set(["CANCELLED"]));
    await until(() => workers.servers.length === 2);
    expect(workers.resets).toBeLessThanOrEqual(600);
    answer(workers.streams[0]!);
    expect((await innocent.ended).status).toBe(0);
    workers.onStream = answer;
    expect((await begin().ended).status).toBe(0);
  });
});
