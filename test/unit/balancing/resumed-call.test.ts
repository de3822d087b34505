import fc from "fast-check";
import { Balancer } from "../../../src/balancing/balancer";
import { Dispatcher } from "../../../src/balancing/dispatcher";
import { forwardCall, type ConnectedEndpoint } from "../../../src/balancing/forward-call";
import { resumedCall } from "../../../src/balancing/resumed-call";
import { RetryMemory } from "../../../src/balancing/retry-memory";
import { TrackedEndpoint } from "../../../src/balancing/tracked-endpoint";
import { CallMetadata } from "../../../src/core/call-metadata";
import { CHECKPOINT_MAX_BYTES, takeCheckpoint, withCheckpoint, withoutAny } from "../../../src/core/checkpoint";
import { WholeMessages } from "../../../src/core/message-cutter";
import { seededRandom } from "../../../src/core/random";
import { Status } from "../../../src/core/status";
import { FramedMessages } from "../../../src/rpc/framing/framed-messages";
import { frameOf } from "../../../src/rpc/framing/message-reader";
import { ManualClock, settle } from "../../../src/testing/manual-clock";
import { StubCaller } from "../../support/stub-caller";
import { StubConnection, type StubCallee } from "../../support/stub-connection";

class StubWorker extends TrackedEndpoint implements ConnectedEndpoint {
  readonly connection: StubConnection;

  constructor(memberId: string, clock: ManualClock) {
    super(memberId, { services: ["a.B"] }, { clock, slowStartMs: 0 });
    this.connection = new StubConnection(`${memberId}:7000`);
  }
}

interface Options {
  /** What the caller sends beside its requests. */
  readonly asks?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  readonly retryBufferBytes?: number;
  readonly attemptsMax?: number;
  /** gRPC's bytes in chunks, as a director has them. Default: whole messages. */
  readonly isFramed?: boolean;
}

function resume(options: Options = {}) {
  const clock = new ManualClock();
  const random = seededRandom(1);
  const balancer = new Balancer<StubWorker>({ random, policy: "round-robin" });
  const workers = ["w1", "w2", "w3"].map((memberId) => new StubWorker(memberId, clock));
  const calls: StubCallee[] = [];
  for (const { connection } of workers) connection.onCall = (callee) => calls.push(callee);
  balancer.publish(workers);
  const dispatcher = new Dispatcher<StubWorker>({ balancer, clock, random });
  const caller = new StubCaller(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs });
  const metadata = CallMetadata.of({ authorization: "secret", ...options.asks });
  const retryMemory = new RetryMemory(Infinity);
  const retryBufferBytes = options.retryBufferBytes ?? 100;
  resumedCall(
    { ...caller.arriving, metadata },
    {
      clock,
      random,
      limits: { attemptsMax: options.attemptsMax ?? 3, windowMs: 30_000 },
      retryBufferBytes,
      retryMemory,
      newCutter: () => (options.isFramed ? new FramedMessages() : new WholeMessages()),
      metadata,
      forward: (leg, sent, excluded) =>
        forwardCall(leg, {
          dispatcher,
          metadata: sent,
          retryBufferBytes,
          retryMemory,
          request: { method: "a.B/C", idempotent: false, excluded },
        }),
    },
  );
  const inFlight = () => workers.reduce((sum, worker) => sum + worker.inFlight, dispatcher.counts.inFlight);
  return { clock, caller, calls, balancer, retryMemory, inFlight };
}

/** Lets pass whatever pause there is before the next try. */
async function goOn(clock: ManualClock): Promise<void> {
  await settle();
  await clock.advance(2_000);
}

const bytes = (text: string) => Buffer.from(text);
const texts = (messages: readonly Uint8Array[]) => messages.map((each) => Buffer.from(each).toString());
const trailerOf = ({ seen }: StubCaller, key: string) => seen.ends[0]?.trailers.text(key);

describe("resumedCall", () => {
  it("S1 goes on after the last message on another worker, which is sent all requests and the position", async () => {
    const { caller, calls, inFlight } = resume();
    caller.send(bytes("one"), bytes("two"));
    caller.halfClose();
    calls[0]!.headers({ "x-model": "1" });
    calls[0]!.message("a");
    calls[0]!.message("b");
    calls[0]!.fail("WORKER_LOST");
    await settle();
    const [first, second] = calls;
    expect(second!.start.path).toBe("/a.B/C");
    expect([texts(second!.requests), second!.halfClosed]).toEqual([["one", "two"], true]);
    expect(first!.start.metadata.text("heddle-resume-after")).toBeUndefined();
    expect(second!.start.metadata.text("heddle-resume-after")).toBe("2");
    expect(second!.start.metadata.text("authorization")).toBe("secret");
    second!.headers({ "heddle-resume-after": "2" });
    second!.message("c");
    second!.succeed();
    await settle();
    expect(texts(caller.seen.messages)).toEqual(["a", "b", "c"]);
    expect(caller.seen.headers.map((headers) => headers.entries())).toEqual([[["x-model", "1"]]]);
    expect(caller.end).toBe("0 ");
    expect([trailerOf(caller, "heddle-attempts"), inFlight()]).toEqual(["2", 0]);
  });

  it("S2 a worker that begins anew, or before the position, has what the caller has dropped", async () => {
    const { caller, calls } = resume();
    for (const text of ["a", "b", "c"]) calls[0]!.message(text);
    calls[0]!.fail("WORKER_LOST");
    await settle();
    calls[1]!.headers();
    for (const text of ["a", "b", "c", "d"]) calls[1]!.message(text);
    calls[1]!.fail("WORKER_LOST");
    await settle();
    calls[2]!.headers({ "heddle-resume-after": "3" });
    for (const text of ["d", "e"]) calls[2]!.message(text);
    calls[2]!.succeed();
    await settle();
    expect(texts(caller.seen.messages)).toEqual(["a", "b", "c", "d", "e"]);
  });

  it("S2 a worker that would leave a gap ends the stream, and one that is done too early", async () => {
    const { caller, calls } = resume();
    calls[0]!.message("a");
    calls[0]!.fail("WORKER_LOST");
    await settle();
    calls[1]!.headers({ "heddle-resume-after": "2" });
    calls[1]!.message("c");
    await settle();
    expect(texts(caller.seen.messages)).toEqual(["a"]);
    expect(caller.end).toContain("[STREAM_LOST] the stream of /a.B/C broke after message 1");
    expect([calls[1]!.cancelled, trailerOf(caller, "heddle-sequence")]).toEqual([true, "1"]);

    const early = resume();
    for (const text of ["a", "b", "c"]) early.calls[0]!.message(text);
    early.calls[0]!.fail("WORKER_LOST");
    await settle();
    early.calls[1]!.headers();
    early.calls[1]!.message("a");
    early.calls[1]!.succeed();
    await settle();
    expect(early.caller.end).toContain("its answer was over after message 1");
  });

  it.each([
    ["a status of the handler's own", (callee: StubCallee) => callee.answer(Status.UNAVAILABLE, "closed today")],
    ["an error of the handler", (callee: StubCallee) => callee.fail("HANDLER_FAILED", "oops")],
    ["a worker's deadline", (callee: StubCallee) => callee.fail("DEADLINE_EXCEEDED")],
  ])("S3 %s ends it, and the trailers say how far it came", async (_what, end) => {
    const { caller, calls } = resume();
    calls[0]!.message("a");
    end(calls[0]!);
    await settle();
    expect([calls.length, caller.isOver, trailerOf(caller, "heddle-sequence")]).toEqual([1, true, "1"]);
  });

  it("S3 is not resumed where it had not begun: the rules of any call apply", async () => {
    const { caller, calls, clock } = resume();
    for (let each = 0; each < 5; each += 1) {
      calls.at(-1)!.fail("WORKER_FULL");
      await goOn(clock);
    }
    expect([calls.length, trailerOf(caller, "heddle-error")]).toEqual([5, "WORKER_FULL"]);
  });

  it("S3 ends with STREAM_LOST after so many workers without a new message, and a message begins the count anew", async () => {
    const { caller, calls, clock } = resume();
    for (let each = 0; each < 4; each += 1) {
      calls.at(-1)!.headers({ "heddle-resume-after": String(each) });
      calls.at(-1)!.message(String(each));
      calls.at(-1)!.fail("WORKER_LOST");
      await goOn(clock);
    }
    for (let each = 0; each < 2; each += 1) {
      expect(caller.isOver).toBe(false);
      calls.at(-1)!.fail("WORKER_LOST");
      await goOn(clock);
    }
    expect([calls.length, texts(caller.seen.messages)]).toEqual([6, ["0", "1", "2", "3"]]);
    expect(caller.end).toContain("[STREAM_LOST]");
    expect(caller.end).toContain("3 workers in a row");
    expect(["heddle-sequence", "heddle-attempts"].map((key) => trailerOf(caller, key))).toEqual(["4", "6"]);
  });

  it("S3 waits for a worker within the window, and no longer", async () => {
    const { caller, calls, clock, balancer } = resume();
    calls[0]!.message("a");
    balancer.publish([]);
    calls[0]!.fail("WORKER_LOST");
    await clock.advance(29_000);
    expect(caller.isOver).toBe(false);
    await clock.advance(12_000);
    expect(caller.end).toContain("no worker took it within 30000 ms");
  });

  it("S3 requests over the buffer are passed on, and cannot be sent again", async () => {
    const { caller, calls } = resume({ retryBufferBytes: 4 });
    caller.send(bytes("abc"), bytes("def"));
    calls[0]!.message("a");
    calls[0]!.fail("WORKER_LOST");
    await settle();
    expect(texts(calls[0]!.requests)).toEqual(["abc", "def"]);
    expect([calls.length, caller.end]).toEqual([1, expect.stringContaining("its requests are more than are kept")]);
  });

  it("S3 a cancel ends it while it runs, and while it waits for its next try", async () => {
    const running = resume();
    running.calls[0]!.message("a");
    running.caller.cancel();
    await settle();
    expect([running.calls[0]!.cancelled, running.inFlight(), running.retryMemory.bytes]).toEqual([true, 0, 0]);

    const waiting = resume();
    waiting.caller.send(bytes("one"));
    waiting.calls[0]!.message("a");
    waiting.calls[0]!.fail("WORKER_LOST");
    await settle();
    waiting.calls[1]!.fail("WORKER_LOST");
    await settle();
    waiting.caller.cancel();
    await goOn(waiting.clock);
    expect([waiting.calls.length, waiting.inFlight(), waiting.retryMemory.bytes]).toEqual([2, 0, 0]);
  });

  it("S3 the deadline is the whole stream's", async () => {
    const { caller, calls, clock } = resume({ timeoutMs: 1_000 });
    calls[0]!.message("a");
    await clock.advance(400);
    calls[0]!.fail("WORKER_LOST");
    await settle();
    expect(calls[1]!.start.timeoutMs).toBe(600);
    await clock.advance(700);
    await settle();
    expect([calls[1]!.cancelled, caller.seen.ends[0]?.status]).toEqual([true, Status.DEADLINE_EXCEEDED]);
  });

  it("S4 a slow reader stops the worker, also the next one", async () => {
    const { caller, calls } = resume();
    caller.takesMore = false;
    calls[0]!.message("a");
    expect(calls[0]!.paused).toBe(true);
    calls[0]!.fail("WORKER_LOST");
    await settle();
    calls[1]!.headers({ "heddle-resume-after": "1" });
    calls[1]!.message("b");
    expect(calls[1]!.paused).toBe(true);
    caller.drain();
    expect(calls[1]!.paused).toBe(false);
  });

  it("S4 requests that come while it is between two workers come after those before", async () => {
    const { caller, calls } = resume();
    caller.send(bytes("one"));
    calls[0]!.message("a");
    calls[0]!.fail("WORKER_LOST");
    caller.send(bytes("two"));
    await settle();
    caller.send(bytes("three"));
    caller.halfClose();
    expect([texts(calls[1]!.requests), calls[1]!.halfClosed]).toEqual([["one", "two", "three"], true]);
  });

  it("goes on with the position, and the checkpoint, that a caller brings", async () => {
    const checkpoint = bytes("state").toString("base64");
    const asks = { "heddle-resume-after": "41", "heddle-resume-checkpoint-bin": checkpoint };
    const { caller, calls } = resume({ asks });
    expect(calls[0]!.start.metadata.text("heddle-resume-after")).toBe("41");
    calls[0]!.headers({ "heddle-resume-after": "40" });
    calls[0]!.message("41st");
    calls[0]!.message("42nd");
    expect(texts(caller.seen.messages)).toEqual(["42nd"]);
    expect(caller.seen.headers[0]!.text("heddle-resume-after")).toBe("41");
    calls[0]!.fail("WORKER_LOST");
    await settle();
    const { metadata } = calls[1]!.start;
    expect(metadata.text("heddle-resume-after")).toBe("42");
    expect(Buffer.from(metadata.bytes("heddle-resume-checkpoint-bin")!).toString()).toBe("state");
    expect(metadata.text("heddle-checkpoint-after")).toBe("41");
  });

  it.each(["-1", "x", "1e3", "9".repeat(16)])("refuses the position %s, and says why", (position) => {
    const { caller, calls } = resume({ asks: { "heddle-resume-after": position } });
    expect(caller.end).toContain(`[INVALID_ARGUMENT] heddle-resume-after is "${position}"`);
    expect(calls).toEqual([]);
  });

  describe("S5 a checkpoint", () => {
    const sent = (text: string, checkpoint: string) => Buffer.from(withCheckpoint(bytes(text), bytes(checkpoint)));

    it("is taken off for a caller that did not ask, and goes to the next worker", async () => {
      const { caller, calls } = resume();
      expect(calls[0]!.start.metadata.text("heddle-checkpoints")).toBe("1");
      calls[0]!.headers({ "heddle-checkpoints": "1" });
      calls[0]!.message(sent("a", "after a").toString("latin1"));
      calls[0]!.message("b");
      calls[0]!.fail("WORKER_LOST");
      await settle();
      const { metadata } = calls[1]!.start;
      expect(Buffer.from(metadata.bytes("heddle-resume-checkpoint-bin")!).toString()).toBe("after a");
      expect(["heddle-resume-after", "heddle-checkpoint-after"].map((key) => metadata.text(key))).toEqual(["2", "1"]);
      expect(texts(caller.seen.messages)).toEqual(["a", "b"]);
      expect(caller.seen.headers[0]!.size).toBe(0);
    });

    it("is left on for one that asked", () => {
      const { caller, calls } = resume({ asks: { "heddle-checkpoints": "1" } });
      calls[0]!.headers({ "heddle-checkpoints": "1" });
      calls[0]!.message(sent("a", "after a").toString("latin1"));
      expect(caller.seen.headers[0]!.text("heddle-checkpoints")).toBe("1");
      expect(Buffer.from(takeCheckpoint(caller.seen.messages[0]!).checkpoint!).toString()).toBe("after a");
    });

    it("is none where a worker did not say that there may be some, whatever a message looks like", () => {
      const { caller, calls } = resume({ asks: { "heddle-checkpoints": "1" } });
      const odd = sent("a", "looks like one");
      calls[0]!.headers();
      calls[0]!.message(odd.toString("latin1"));
      const { message, checkpoint } = takeCheckpoint(caller.seen.messages[0]!);
      expect([checkpoint, Buffer.from(message)]).toEqual([undefined, odd]);
    });
  });

  it("S1 cut at any byte when its worker dies, the caller gets whole messages, each once", async () => {
    const answers = ["", "b", "cc".repeat(100), "d"].map(bytes);
    const stream = Buffer.concat(answers.map((each) => frameOf(each)));
    for (let cut = 0; cut <= stream.length; cut += 1) {
      const { caller, calls, retryMemory } = resume({ isFramed: true });
      if (cut > 0) calls[0]!.message(stream.subarray(0, cut).toString("latin1"));
      calls[0]!.fail("WORKER_LOST");
      await settle();
      const position = Number(calls[1]!.start.metadata.text("heddle-resume-after") ?? 0);
      calls[1]!.headers({ "heddle-resume-after": String(position) });
      const rest = Buffer.concat(answers.slice(position).map((each) => frameOf(each)));
      if (rest.length > 0) calls[1]!.message(rest.toString("latin1"));
      calls[1]!.succeed();
      await settle();
      expect([cut, Buffer.concat(caller.seen.messages).equals(stream)]).toEqual([cut, true]);
      for (const each of caller.seen.messages) expect(each.length).toBe(5 + Buffer.from(each).readUInt32BE(1));
      expect(retryMemory.bytes).toBe(0);
    }
  });

  it("S1 whatever the chunks, the deaths and where each worker begins, the caller gets 1 to n", async () => {
    const plan = fc.record({
      count: fc.integer({ min: 0, max: 20 }),
      legs: fc.array(
        fc.record({ bytes: fc.nat(120), back: fc.nat(4), chunk: fc.integer({ min: 1, max: 30 }), marks: fc.boolean() }),
        { maxLength: 6 },
      ),
      isFramed: fc.boolean(),
    });
    const run = fc.asyncProperty(plan, async ({ count, legs, isFramed }) => {
      const answers = Array.from({ length: count }, (_, index) => bytes(`message ${index + 1}`));
      const { caller, calls, clock } = resume({ isFramed, attemptsMax: Infinity });
      const end = { bytes: Infinity, back: 0, chunk: 1_000, marks: false };
      for (const leg of [...legs, end]) {
        const callee = calls.at(-1)!;
        const position = Number(callee.start.metadata.text("heddle-resume-after") ?? 0);
        const from = Math.max(0, position - leg.back);
        callee.headers({ "heddle-resume-after": String(from), ...(leg.marks ? { "heddle-checkpoints": "1" } : {}) });
        const messages = answers
          .slice(from)
          .map((each, index) => (leg.marks ? withCheckpoint(each, bytes(`at ${from + index + 1}`)) : each));
        if (isFramed) {
          const stream = Buffer.concat(messages.map((each) => frameOf(each))).subarray(0, Math.min(leg.bytes, 1e6));
          for (let at = 0; at < stream.length; at += leg.chunk) {
            callee.message(stream.subarray(at, at + leg.chunk).toString("latin1"));
          }
        } else {
          for (const each of messages.slice(0, leg.bytes)) callee.message(Buffer.from(each).toString("latin1"));
        }
        if (leg === end) callee.succeed();
        else callee.fail("WORKER_LOST");
        await goOn(clock);
      }
      const got = isFramed ? caller.seen.messages.map((each) => each.subarray(5)) : caller.seen.messages;
      expect(texts(got)).toEqual(texts(answers));
      expect(caller.end).toBe("0 ");
    });
    await fc.assert(run, { numRuns: 150, seed: 5 });
  });
});

describe("A checkpoint on a message", () => {
  it("comes off as it was put on, and leaves any bytes as they were", () => {
    const any = fc.uint8Array({ maxLength: 300 });
    fc.assert(
      fc.property(any, any, (message, checkpoint) => {
        const taken = takeCheckpoint(withCheckpoint(message, checkpoint));
        expect(Buffer.from(taken.message)).toEqual(Buffer.from(message));
        expect(Buffer.from(taken.checkpoint ?? [])).toEqual(Buffer.from(checkpoint));
        expect(Buffer.from(takeCheckpoint(withoutAny(message)).message)).toEqual(Buffer.from(message));
        const nested = withCheckpoint(message, checkpoint);
        expect(Buffer.from(takeCheckpoint(withoutAny(nested)).message)).toEqual(Buffer.from(nested));
      }),
    );
  });

  it("may have CHECKPOINT_MAX_BYTES, and none of what is cut off is taken for one", () => {
    const whole = withCheckpoint(bytes("m"), new Uint8Array(CHECKPOINT_MAX_BYTES));
    expect(takeCheckpoint(whole).checkpoint).toHaveLength(CHECKPOINT_MAX_BYTES);
    for (const length of [5, 6, 7, 8, 100, CHECKPOINT_MAX_BYTES]) {
      const cut = whole.subarray(0, length);
      expect(takeCheckpoint(cut)).toEqual({ message: cut, checkpoint: undefined });
    }
  });
});
