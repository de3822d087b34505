import { Balancer } from "../../../src/balancing/balancer";
import { Dispatcher } from "../../../src/balancing/dispatcher";
import { forwardCall, type ConnectedEndpoint } from "../../../src/balancing/forward-call";
import { TrackedEndpoint } from "../../../src/balancing/tracked-endpoint";
import { RetryMemory } from "../../../src/balancing/retry-memory";
import { CallMetadata } from "../../../src/core/call-metadata";
import { seededRandom } from "../../../src/core/random";
import { ErrorCode } from "../../../src/http2/error-codes";
import { systemClock } from "../../../src/platform/system-clock";
import { Subchannel } from "../../../src/rpc/client/subchannel";
import { setting } from "../../support/http2-raw-peer";
import { answering, answerWith, grpcMessage, RawWorker, type RawRequest } from "../../support/raw-worker";
import { eventually } from "../../support/processes";
import { StubCaller } from "../../support/stub-caller";

const PARTS = { clock: systemClock, random: seededRandom(1) };
const MAX_CONCURRENT_STREAMS = 3;

class RawEndpoint extends TrackedEndpoint implements ConnectedEndpoint {
  readonly connection: Subchannel;

  constructor(memberId: string, worker: RawWorker) {
    super(memberId, { services: ["a.B"] }, { clock: systemClock, slowStartMs: 0 });
    this.connection = new Subchannel(memberId, {
      ...PARTS,
      scheme: "http",
      dial: worker.dial,
      keepaliveMs: 0,
      messageMaxBytes: 1 << 20,
      reconnectMaxMs: 10,
    });
  }
}

async function until(claim: string, condition: () => boolean): Promise<void> {
  await eventually(claim, condition, { withinMs: 5_000, everyMs: 1 });
}

/**
 * The cases of gRPC's negative HTTP/2 interop tests (doc/negative-http2-interop-test-descriptions.md) and more, on the side of the
 * director that calls workers: what the caller is told, and whether another worker is tried.
 */
describe("A worker that misbehaves", () => {
  let endpoints: RawEndpoint[] = [];

  const opened: RawEndpoint[] = [];

  afterEach(() => {
    for (const { connection } of opened.splice(0)) connection.close();
  });

  /** The first call goes to `bad`; `good` answers whatever it is asked. */
  async function fabric(
    bad: RawWorker,
  ): Promise<(options?: { idempotent?: boolean; memberId?: string }) => StubCaller> {
    const good = new RawWorker();
    good.onRequest = answerWith("good");
    endpoints = [new RawEndpoint("good", good), new RawEndpoint("bad", bad)];
    opened.push(...endpoints);
    await until("both workers are ready", () => endpoints.every(({ connection }) => connection.isReady()));
    const balancer = new Balancer<RawEndpoint>({ random: seededRandom(1), policy: "round-robin" });
    balancer.publish(endpoints);
    const dispatcher = new Dispatcher<RawEndpoint>({ ...PARTS, balancer });
    return ({ idempotent = false, memberId } = {}) => {
      const caller = new StubCaller();
      forwardCall(caller.arriving, {
        dispatcher,
        metadata: new CallMetadata(),
        retryBufferBytes: 1_000,
        retryMemory: new RetryMemory(Infinity),
        request: { method: "a.B/C", idempotent, memberId },
      });
      caller.send(grpcMessage("request"));
      caller.halfClose();
      return caller;
    };
  }

  /** How a call ends: status, messages' text, and how many workers were tried. */
  async function endOf(caller: StubCaller): Promise<{ end: string; text: string; attempts: string | undefined }> {
    await until("the call ends", () => caller.isOver);
    const text = Buffer.concat(caller.seen.messages)
      .toString("latin1")
      .replace(/[^a-z]/g, "");
    return { end: caller.end!, text, attempts: caller.seen.ends[0]!.trailers.text("heddle-attempts") };
  }

  async function callOn(act: (request: RawRequest) => void, idempotent = false) {
    const bad = new RawWorker();
    bad.onRequest = act;
    return await endOf((await fabric(bad))({ idempotent }));
  }

  const answered = { end: "0 ", text: "good" };
  const lost = (why: string) => `14 [WORKER_LOST] worker bad: ${why}`;

  it.each<[string, (request: RawRequest) => void]>([
    ["REFUSED_STREAM", ({ id, connection }) => connection.write(answering.reset(id, ErrorCode.REFUSED_STREAM))],
    ["GOAWAY whose last id is below the call's", ({ connection }) => connection.write(answering.goaway(0, 0))],
    [
      "such a GOAWAY with an error",
      ({ connection }) => connection.write(answering.goaway(0, ErrorCode.INTERNAL_ERROR)),
    ],
  ])("which says that nothing ran, by %s, leaves the call to another one, whatever its method", async (_how, act) => {
    expect(await callOn(act)).toEqual({ ...answered, attempts: "2" });
  });

  it.each<[string, (request: RawRequest) => void, string]>([
    [
      "resets the call before its head",
      ({ id, connection }) => connection.write(answering.reset(id, ErrorCode.INTERNAL_ERROR)),
      "the server reset the call (INTERNAL_ERROR)",
    ],
    ["drops the connection", ({ connection }) => connection.destroy(), "the server closed the connection"],
    [
      "breaks the protocol",
      ({ id, connection }) => connection.write(answering.head(id, [":status", "abc"])),
      "the server broke the rules of HTTP/2 (PROTOCOL_ERROR)",
    ],
  ])("which %s may have run it: another is tried only for an idempotent method", async (_how, act, why) => {
    expect(await callOn(act, true)).toEqual({ ...answered, attempts: "2" });
    expect(await callOn(act, false)).toEqual({ end: lost(why), text: "", attempts: "1" });
  });

  const RESET_AFTER: readonly [string, (request: RawRequest) => Buffer[], string][] = [
    ["rst_after_header", ({ id }) => [answering.head(id)], ""],
    ["rst_during_data", ({ id }) => [answering.head(id), answering.data(id, grpcMessage("half").subarray(0, 7))], "ha"],
    ["rst_after_data", ({ id }) => [answering.head(id), answering.data(id, grpcMessage("whole"))], "whole"],
  ];

  it.each(RESET_AFTER)(
    "%s: the caller gets what came and an error, and no other worker is tried, since the answer had begun",
    async (_name, frames, text) => {
      const act = (request: RawRequest) =>
        request.connection.write(...frames(request), answering.reset(request.id, ErrorCode.NO_ERROR));
      expect(await callOn(act, true)).toEqual({
        end: lost("the server reset the call (NO_ERROR)"),
        text,
        attempts: "1",
      });
    },
  );

  it("goaway: the call that runs ends well, the next one goes on another connection", async () => {
    const bad = new RawWorker();
    bad.onRequest = (request) => {
      request.connection.write(answering.goaway(request.id, ErrorCode.NO_ERROR));
      answerWith("bad")(request);
    };
    const call = await fabric(bad);
    expect(await endOf(call())).toEqual({ end: "0 ", text: "bad", attempts: "1" });
    await until("the worker is ready again", () => bad.connections.length === 2 && endpoints[1]!.connection.isReady());
    expect(await endOf(call({ memberId: "bad" }))).toEqual({ end: "0 ", text: "bad", attempts: "1" });
    expect(bad.requests.map(({ connection }) => bad.connections.indexOf(connection))).toEqual([0, 1]);
  });

  it("ping: each of many PINGs between the frames is answered, and the call ends well", async () => {
    const bad = new RawWorker();
    let count = 0;
    const ping = () => answering.ping((count += 1));
    bad.onRequest = ({ id, connection }) => {
      connection.write(ping(), answering.head(id), ping());
      for (const octet of grpcMessage("bad")) connection.write(answering.data(id, Buffer.from([octet])), ping());
      connection.write(answering.trailers(id), ping());
    };
    const call = await fabric(bad);
    expect(await endOf(call())).toEqual({ end: "0 ", text: "bad", attempts: "1" });
    const [connection] = bad.connections;
    const acknowledged = () => connection!.of(6).map(({ flags, payload }) => [flags, payload.readUInt32BE(4)]);
    await until("all PINGs are answered", () => acknowledged().length === count);
    expect(acknowledged()).toEqual(Array.from({ length: count }, (_, index) => [1, index + 1]));
  });

  it("a flood of PINGs ends that connection, its calls are lost, and the next ones go on a fresh one", async () => {
    const bad = new RawWorker();
    bad.onRequest = ({ connection }) => {
      connection.write(...Array.from({ length: 20_000 }, (_, index) => answering.ping(index)));
    };
    const call = await fabric(bad);
    const { end } = await endOf(call());
    expect(end).toBe(lost("ENHANCE_YOUR_CALM: over the limit pingFrames"));
    bad.onRequest = answerWith("bad");
    await until("the worker is ready again", () => bad.connections.length === 2 && endpoints[1]!.connection.isReady());
    expect(await endOf(call({ memberId: "bad" }))).toEqual({ end: "0 ", text: "bad", attempts: "1" });
  });

  it("max_streams: no connection has more calls than the worker allows, and all calls are answered", async () => {
    const bad = new RawWorker(setting(MAX_CONCURRENT_STREAMS, 1));
    const open = new Map<unknown, number>();
    let most = 0;
    bad.onRequest = (request) => {
      const now = (open.get(request.connection) ?? 0) + 1;
      open.set(request.connection, now);
      most = Math.max(most, now);
      setImmediate(() => {
        open.set(request.connection, open.get(request.connection)! - 1);
        answerWith("bad")(request);
      });
    };
    const call = await fabric(bad);
    const ends = await Promise.all(Array.from({ length: 30 }, async () => await endOf(call())));
    expect(ends.map(({ end }) => end)).toEqual(ends.map(() => "0 "));
    expect([most, bad.requests.length]).toEqual([1, 15]);
  });

  it.each<[string, (request: RawRequest) => Buffer[], string]>([
    [
      "an end without trailers",
      ({ id }) => [answering.head(id), answering.data(id, grpcMessage("x"), true)],
      "13 the server ended the call without a status",
    ],
    [
      "trailers without a status",
      ({ id }) => [answering.head(id), answering.trailers(id, ["x-cost", "1"])],
      "2 the server's answer has no valid grpc-status",
    ],
    [
      "a status that is no number",
      ({ id }) => [answering.head(id), answering.trailers(id, ["grpc-status", "OK"])],
      "2 the server's answer has no valid grpc-status",
    ],
    [
      "HTTP 503 and a page",
      ({ id }) => [
        answering.head(id, [":status", "503", "content-type", "text/html"]),
        answering.data(id, Buffer.from("no"), true),
      ],
      '14 the server answered with HTTP status 503 and content-type "text/html"',
    ],
    [
      "HTTP 404 without content",
      ({ id }) => [answering.head(id, [":status", "404"], true)],
      '12 the server answered with HTTP status 404 and content-type ""',
    ],
    [
      "gRPC-Web, which is another protocol",
      ({ id }) => [answering.head(id, [":status", "200", "content-type", "application/grpc-web"])],
      '2 the server answered with HTTP status 200 and content-type "application/grpc-web"',
    ],
    [
      "an HTTP status that is not 200, with a status of gRPC",
      ({ id }) => [answering.head(id, [":status", "500", "grpc-status", "5", "grpc-message", "none such"], true)],
      "5 none such",
    ],
    [
      "a message that begins and ends with blanks, as grpc-go sends them",
      ({ id }) => [answering.head(id), answering.trailers(id, ["grpc-status", "9", "grpc-message", " failed: "])],
      "9 failed:",
    ],
    [
      "informational heads before its answer",
      ({ id }) => [
        answering.head(id, [":status", "100"]),
        answering.head(id, [":status", "103", "link", "</a>"]),
        answering.head(id),
        answering.trailers(id),
      ],
      "0 ",
    ],
  ])("answers with %s: the status that gRPC gives it", async (_what, frames, end) => {
    const outcome = await callOn((request) => request.connection.write(...frames(request)));
    expect(outcome.end).toBe(end);
  });
});
