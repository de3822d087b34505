import type { Socket } from "node:net";
import fc from "fast-check";
import { Balancer } from "../../../src/balancing/balancer";
import { Dispatcher } from "../../../src/balancing/dispatcher";
import { forwardCall, type ConnectedEndpoint } from "../../../src/balancing/forward-call";
import { RetryMemory } from "../../../src/balancing/retry-memory";
import { TrackedEndpoint } from "../../../src/balancing/tracked-endpoint";
import type { Connection, IncomingCall, MessageEncoding } from "../../../src/core/call";
import { CallMetadata } from "../../../src/core/call-metadata";
import { seededRandom } from "../../../src/core/random";
import { Http2Connection } from "../../../src/http2/connection";
import { ErrorCode } from "../../../src/http2/error-codes";
import { HeaderList } from "../../../src/http2/header-list";
import type { Http2Stream } from "../../../src/http2/stream";
import { Subchannel } from "../../../src/rpc/client/subchannel";
import { Port } from "../../../src/rpc/server/port";
import { passStraightOn } from "../../support/straight-call";
import { MemoryBudget } from "../../../src/rpc/server/memory-budget";
import { MessageCall } from "../../../src/rpc/server/message-call";
import { MessageConnection } from "../../../src/rpc/client/message-connection";
import { type Cut, cutPair } from "../../support/cut-pair";
import { settled, until } from "../../support/fake-worker-ends";
import { ManualClock } from "../../../src/testing/manual-clock";
import { digest, said, WireEnd } from "../../support/wire-end";

/** Beyond this a call is stuck: what was seen of it until then is compared. */
const TURNS_MAX = 20_000;
/** The same cases in every run of the test. */
const SEED = 20_260_701;

// ---- What is drawn ---------------------------------------------------------------------------------------------------

type Fields = readonly (readonly [name: string, value: string])[];

/** A call, as its two ends mean it. */
interface Plan {
  readonly metadata: Fields;
  /** Lengths of the messages. */
  readonly requests: readonly number[];
  /** What one DATA frame has, in turn: less than a message, its prefix even, or several of them. */
  readonly requestFrames: readonly number[];
  /** Where END_STREAM is; "nowhere" leaves it to the worker to end the call. */
  readonly halfClose: "with the headers" | "with the last data" | "alone" | "nowhere";
  /** The client says nothing before it has the answer's head. */
  readonly waitsForHead: boolean;
  readonly head: Fields;
  readonly answers: readonly number[];
  readonly answerFrames: readonly number[];
  /** What the worker says before the request is whole. */
  readonly sooner: "nothing" | "head" | "answers";
  readonly end: "trailers" | "trailers only" | "none, with the last data" | "none, alone";
  readonly status: number;
  readonly message: string;
  readonly trailers: Fields;
}

const value = fc.stringMatching(/^[!-~]([ -~]{0,20}[!-~])?$/);
const fields = fc
  .array(fc.tuple(fc.constantFrom("x-a", "x-b", "x-c"), value), { maxLength: 3 })
  .chain((texts) =>
    fc
      .uint8Array({ maxLength: 9 })
      .map((bytes): Fields => [...texts, ["x-d-bin", Buffer.from(bytes).toString("base64")]]),
  );
const short = fc.constantFrom(0, 1, 2, 300);

function planned(length: fc.Arbitrary<number>, frameMax: number): fc.Arbitrary<Plan> {
  const lengths = fc.array(length, { maxLength: 5 });
  const frames = fc
    .array(fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: frameMax })), { maxLength: 8 })
    .map((sizes) => [...sizes, frameMax]);
  return fc.record({
    metadata: fields,
    requests: lengths,
    requestFrames: frames,
    halfClose: fc.constantFrom("with the headers", "with the last data", "alone", "nowhere"),
    waitsForHead: fc.boolean(),
    head: fields,
    answers: lengths,
    answerFrames: frames,
    sooner: fc.constantFrom("nothing", "head", "answers"),
    end: fc.constantFrom("trailers", "trailers only", "none, with the last data", "none, alone"),
    status: fc.nat(16),
    message: fc.string({ unit: "grapheme", maxLength: 12 }),
    trailers: fields,
  });
}

const cuts = fc
  .array(
    fc.record({
      bytes: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 20_000 })),
      ownTurn: fc.boolean(),
    }),
    { maxLength: 12 },
  )
  .map((some): Cut[] => [...some, { bytes: 4_000, ownTurn: false }]);
const EVERY_BYTE: readonly Cut[] = [{ bytes: 1, ownTurn: false }];

// ---- What is sent and seen -------------------------------------------------------------------------------------------

const PATTERN = Buffer.from(Uint8Array.from({ length: 80_000 }, (_, at) => at * 31 + (at >> 8) * 7));

/** No byte is like its neighbours, and no message like another. */
function payload(length: number, index: number): Buffer {
  return PATTERN.subarray(1 + index * 13, 1 + index * 13 + length);
}

function bodyOf(lengths: readonly number[]): Buffer {
  const parts = lengths.flatMap((length, index) => {
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(length, 1);
    return [prefix, payload(length, index)];
  });
  return Buffer.concat(parts);
}

const TYPE = ["content-type", "application/grpc+test"];

const requestHead = (index: number, { metadata }: Plan): string[] => [
  ...[":method", "POST", ":scheme", "http", ":path", `/a.B/C${index}`, ":authority", "x", "te", "trailers"],
  ...[...TYPE, ...metadata.flat()],
];
const answerHead = ({ head }: Plan): string[] => [":status", "200", ...TYPE, ...head.flat()];
const trailersOf = ({ status, message, trailers }: Plan): string[] => [
  ...["grpc-status", String(status)],
  ...(message === "" ? [] : ["grpc-message", encodeURIComponent(message)]),
  ...trailers.flat(),
];
const NO_STATUS = ["grpc-status", "13", "grpc-message", "the server ended the call without a status"];

/** The call as both ends must see it, from what was sent alone. */
function expected(plan: Plan, index: number): { worker: string[]; client: string[] } {
  const { end, requests, answers, halfClose } = plan;
  const data = (lengths: readonly number[]) => (lengths.length > 0 ? [`data ${digest(bodyOf(lengths))}`] : []);
  const answer =
    end === "trailers only"
      ? [`head, the end: ${said([...TYPE, ...trailersOf(plan)])}`]
      : [
          `head: ${said(answerHead(plan))}`,
          ...data(answers),
          `trailers: ${said(end === "trailers" ? trailersOf(plan) : NO_STATUS)}`,
        ];
  return {
    worker: [`request ${index}: ${said(requestHead(index, plan))}`, ...data(requests), "half-close"],
    // RFC 9113 §8.1: it need not send the rest.
    client: halfClose === "nowhere" ? [...answer, "reset 0"] : answer,
  };
}

function beClient(client: Http2Connection, plan: Plan, index: number): WireEnd {
  const { requests, requestFrames, halfClose, waitsForHead, sooner, end } = plan;
  const body = bodyOf(requests);
  const caller = new WireEnd();
  const isWhole = halfClose === "with the headers" && body.length === 0;
  caller.stream = client.startStream(HeaderList.of(requestHead(index, plan)), caller, isWhole)!;
  const speak = () => {
    caller.data(body, requestFrames, halfClose === "with the last data");
    if (halfClose === "alone" || halfClose === "with the headers") caller.half();
  };
  if (isWhole) return caller;
  if (!waitsForHead || sooner === "nothing" || end === "trailers only") speak();
  else {
    caller.onChange = () => {
      caller.onChange = () => {};
      speak();
    };
  }
  return caller;
}

function beWorker(worker: WireEnd, plan: Plan): void {
  const { requests, halfClose, answers, answerFrames, sooner, end } = plan;
  const wholeBytes = bodyOf(requests).length;
  const head = () => worker.do(() => worker.stream!.sendHeaders(HeaderList.of(answerHead(plan))));
  const speak = () => worker.data(bodyOf(answers), answerFrames, end === "none, with the last data");
  const finish = () => {
    if (end === "trailers") worker.do(() => worker.stream!.sendTrailers(HeaderList.of(trailersOf(plan))));
    else if (end === "none, alone") worker.half();
  };
  const trailersOnly = [":status", "200", ...TYPE, ...trailersOf(plan)];
  // An answer whose last data is its end is all said at the end.
  const says = end === "none, with the last data" && sooner === "answers" ? "head" : sooner;
  if (end !== "trailers only" && says !== "nothing") head();
  if (end !== "trailers only" && says === "answers") speak();
  worker.onChange = () => {
    if (halfClose === "nowhere" ? worker.receivedBytes < wholeBytes : !worker.isHalfClosed) return;
    worker.onChange = () => {};
    if (end === "trailers only") {
      worker.do(() => worker.stream!.sendHeaders(HeaderList.of(trailersOnly), true));
      return;
    }
    if (says === "nothing") head();
    if (says !== "answers") speak();
    finish();
  };
  worker.onChange();
}

/** Says that nothing ran, when so much of the request is there, or all that comes without an answer. */
function refuse(stream: Http2Stream, { requests, waitsForHead }: Plan, atBytes: number): WireEnd {
  const worker = new WireEnd();
  const awaitedBytes = waitsForHead ? 0 : Math.min(atBytes, bodyOf(requests).length);
  worker.onChange = () => {
    if (worker.receivedBytes >= awaitedBytes) stream.reset(ErrorCode.REFUSED_STREAM);
  };
  worker.onChange();
  return worker;
}

// ---- Between them ----------------------------------------------------------------------------------------------------

class OneEndpoint extends TrackedEndpoint implements ConnectedEndpoint {
  readonly connection: Subchannel;

  constructor(name: string, connection: Subchannel, clock: ManualClock) {
    super(name, { services: ["a.B"] }, { clock, slowStartMs: 0 });
    this.connection = connection;
  }
}

/** As a director forwards, to either of two workers that share a connection: what the call brings is kept for another attempt. */
function forwarding(
  connection: Subchannel,
  clock: ManualClock,
  retryBufferBytes: number,
): (call: IncomingCall) => void {
  const parts = { clock, random: seededRandom(1) };
  const balancer = new Balancer<OneEndpoint>({ ...parts, policy: "round-robin" });
  balancer.publish(["first", "second"].map((name) => new OneEndpoint(name, connection, clock)));
  const dispatcher = new Dispatcher<OneEndpoint>({ ...parts, balancer });
  const retryMemory = new RetryMemory(Infinity);
  return (call) => {
    const request = { method: "a.B/C", idempotent: false, memberId: undefined };
    forwardCall(call, { dispatcher, request, metadata: call.metadata, retryBufferBytes, retryMemory });
  };
}

interface Wires {
  readonly fromClient: readonly Cut[];
  readonly fromWorker: readonly Cut[];
  readonly clientWindowBytes: number;
  readonly workerWindowBytes: number;
  /** Straight on; or forwarded, and then maybe after the worker refused each call once, with this much of the request there. */
  readonly way: "straight" | "forwarded" | "forwarded again";
  readonly refusedAtBytes: number;
}

const windows = fc.constantFrom(2_000, 65_535, 1_048_576);
const wires = fc.record({
  fromClient: cuts,
  fromWorker: cuts,
  clientWindowBytes: windows,
  workerWindowBytes: windows,
  way: fc.constantFrom("straight", "forwarded", "forwarded again"),
  refusedAtBytes: fc.constantFrom(0, 1, 100, 40_000),
});

const RELAY = { messageMaxBytes: 1 << 20, keepaliveMs: 0 };

async function settle(isDone: () => boolean): Promise<void> {
  let turns = 0;
  await until(() => isDone() || (turns += 1) > TURNS_MAX);
  await settled(); // what should not come would come now
}

/** What both ends see of the calls, made at once on one connection through the relay. */
async function seenOf(plans: readonly Plan[], between: Wires): Promise<{ worker: string[]; client: string[] }[]> {
  const clock = new ManualClock();
  const parts = { clock, random: seededRandom(1) };
  const workers = plans.map(() => new WireEnd());
  const refused = new Set<number>();
  const dial = () => {
    const [theirs, ours] = cutPair(between.fromWorker);
    const onStream = (stream: Http2Stream, headers: HeaderList, endStream: boolean) => {
      const index = Number(headers.get(":path")!.slice("/a.B/C".length));
      const worker = workers[index]!;
      if (between.way === "forwarded again" && !refused.has(index)) {
        refused.add(index);
        return refuse(stream, plans[index]!, between.refusedAtBytes);
      }
      worker.stream = stream;
      worker.log.push(`request ${index}: ${said(headers.fields)}`);
      if (endStream) worker.halfClosed();
      beWorker(worker, plans[index]!);
      return worker;
    };
    new Http2Connection("server", theirs, { onStream }, { ...parts, streamWindowBytes: between.workerWindowBytes });
    return ours;
  };
  const toWorker = new Subchannel("worker:1", { ...parts, ...RELAY, scheme: "http", dial, reconnectMaxMs: 10 });
  const relay = new Port({ ...parts, ...RELAY });
  const retryBufferBytes = between.way === "forwarded again" ? 1 << 20 : 1_000;
  const forward = forwarding(toWorker, clock, retryBufferBytes);
  relay.handleUnknown(between.way === "straight" ? (call) => passStraightOn(call, toWorker) : forward);
  const [theirs, ours] = cutPair(between.fromClient);
  relay.accept(ours as Socket);
  const options = { ...parts, streamWindowBytes: between.clientWindowBytes };
  const client = new Http2Connection("client", theirs, {}, options);
  await until(() => toWorker.isReady());
  const clients = plans.map((plan, index) => beClient(client, plan, index));
  await settle(() => client.openStreams === 0 && workers.every(({ isHalfClosed }) => isHalfClosed));
  const seen = plans.map((_, index) => ({ worker: [...workers[index]!.log], client: [...clients[index]!.log] }));
  client.destroy();
  relay.close();
  toWorker.close();
  return seen;
}

describe("A call through the relay is what its two ends said, however its bytes are cut", () => {
  async function holds(plans: readonly Plan[], between: Wires): Promise<void> {
    expect(await seenOf(plans, between)).toEqual(plans.map(expected));
  }

  it("R3, O1: in reads of any length, in one turn of the loop or many, with calls beside it on both connections", async () => {
    const length = fc.oneof(short, short, fc.constant(71_680));
    const plans = fc.array(planned(length, 6_000), { minLength: 1, maxLength: 3 });
    await fc.assert(fc.asyncProperty(plans, wires, holds), { numRuns: 120, seed: SEED });
  });

  it("R3, O1: in reads of one byte", async () => {
    const plans = fc.array(planned(short, 300), { minLength: 1, maxLength: 2 });
    const property = fc.asyncProperty(plans, wires, async (drawn, between) => {
      await holds(drawn, { ...between, fromClient: EVERY_BYTE, fromWorker: EVERY_BYTE });
    });
    await fc.assert(property, { numRuns: 60, seed: SEED });
  });
});

// ---- In messages -----------------------------------------------------------------------------------------------------

/** A call in whole messages. */
interface MessagePlan {
  readonly requests: readonly number[];
  readonly answers: readonly number[];
  readonly requestEncoding: MessageEncoding;
  readonly answerEncoding: MessageEncoding;
  /** Who takes one message a turn, and pauses after each. */
  readonly isServerSlow: boolean;
  readonly isCallerSlow: boolean;
}

const encoding = fc.constantFrom<MessageEncoding>("identity", "gzip", "deflate");

function messagePlan(length: fc.Arbitrary<number>): fc.Arbitrary<MessagePlan> {
  const lengths = fc.array(length, { maxLength: 5 });
  return fc.record({
    requests: lengths,
    answers: lengths,
    requestEncoding: encoding,
    answerEncoding: encoding,
    isServerSlow: fc.boolean(),
    isCallerSlow: fc.boolean(),
  });
}

interface MessagesSeen {
  readonly server: string[];
  readonly caller: string[];
}

/** What caller and server of each call see. All are made at once on one connection. */
async function messagesSeen(plans: readonly MessagePlan[], cut: readonly Cut[]): Promise<MessagesSeen[]> {
  const clock = new ManualClock();
  const parts = { clock, random: seededRandom(1) };
  const seen = plans.map((): MessagesSeen => ({ server: [], caller: [] }));
  const take = (log: string[], bytes: Uint8Array, slow: boolean, from: { pause(): void; resume(): void }) => {
    log.push(digest(bytes));
    if (!slow) return;
    from.pause();
    setImmediate(() => from.resume());
  };
  const server = new Port({ ...parts, ...RELAY });
  server.handleUnknown((chunks) => {
    const index = Number(chunks.path.slice("/a.B/C".length));
    const [{ answers, answerEncoding, isServerSlow }, log] = [plans[index]!, seen[index]!.server];
    const options = { clock, messageMaxBytes: 1 << 20, held: new MemoryBudget(1 << 20), compression: answerEncoding };
    const call = new MessageCall(chunks, options);
    call.listen({
      message: (bytes) => take(log, bytes, isServerSlow, call),
      halfClosed: () => {
        log.push("half-close");
        answers.forEach((length, at) => void call.send(payload(length, at)));
        call.finish({ status: 7, message: "denied", trailers: CallMetadata.of({ "x-a": "1" }) });
      },
      cancelled: () => void log.push("cancelled"),
    });
  });
  const dial = () => {
    const [theirs, ours] = cutPair(cut, cut);
    server.accept(theirs as Socket);
    return ours;
  };
  const inner: Connection = new Subchannel("s:1", { ...parts, ...RELAY, scheme: "http", dial, reconnectMaxMs: 10 });
  const connection = new MessageConnection(inner, { clock, messageMaxBytes: 1 << 20, userAgent: "test/1" });
  await until(() => connection.isReady());
  plans.forEach(({ requests, requestEncoding, isCallerSlow }, index) => {
    const log = seen[index]!.caller;
    const call = connection.start(
      { path: `/a.B/C${index}`, metadata: new CallMetadata(), compression: { encoding: requestEncoding } },
      {
        headers: () => void log.push("head"),
        message: (bytes) => take(log, bytes, isCallerSlow, call),
        ended: ({ status, message, trailers }) => log.push(`${status} ${message} ${trailers.text("x-a")}`),
      },
    );
    requests.forEach((length, at) => void call.send(payload(length, at)));
    call.halfClose();
  });
  await settle(() => seen.every(({ caller }) => caller.at(-1)?.startsWith("7 ") === true));
  connection.close();
  server.close();
  return seen;
}

describe("A call in messages is what its two ends said, however its bytes are cut, compressed or not", () => {
  const digests = (sent: readonly number[]) => sent.map((length, index) => digest(payload(length, index)));

  async function holds(plans: readonly MessagePlan[], cut: readonly Cut[]): Promise<void> {
    expect(await messagesSeen(plans, cut)).toEqual(
      plans.map(({ requests, answers }) => ({
        server: [...digests(requests), "half-close"],
        caller: [...(answers.length > 0 ? ["head"] : []), ...digests(answers), "7 denied 1"],
      })),
    );
  }

  it("N1, O1: the same messages in the same order, then the half-close or the end, with calls beside it", async () => {
    const length = fc.oneof(short, short, fc.constantFrom(1_500, 71_680));
    const plans = fc.array(messagePlan(length), { minLength: 1, maxLength: 3 });
    await fc.assert(fc.asyncProperty(plans, cuts, holds), { numRuns: 60, seed: SEED });
  });

  it("N1, O1: in reads of one byte", async () => {
    const plans = fc.array(messagePlan(fc.oneof(short, fc.constant(1_500))), { minLength: 1, maxLength: 2 });
    const property = fc.asyncProperty(plans, (drawn) => holds(drawn, EVERY_BYTE));
    await fc.assert(property, { numRuns: 30, seed: SEED });
  });
});
