import type { CallEnd, IncomingCall, IncomingListener } from "../../../src/core/call";
import { CallMetadata } from "../../../src/core/call-metadata";
import { FabricError } from "../../../src/core/errors";
import { ManualClock } from "../../../src/testing/manual-clock";
import { Admission } from "../../../src/worker/admission";
import { KeyedCalls, type KeyedCallsBounds } from "../../../src/worker/keyed-calls";
import { StubCaller } from "../../support/stub-caller";

const LIFE = { memberId: "w1", life: "l1" };
const OK: Omit<CallEnd, "error"> = { status: 0, message: "", trailers: new CallMetadata() };

/** A run that the test plays the handler of. */
interface Run {
  readonly call: IncomingCall;
  readonly requests: string[];
  cancelled: boolean;
}

function worker(bounds: KeyedCallsBounds = {}, slots = 0) {
  const clock = new ManualClock();
  const admission = new Admission(slots);
  const keyed = new KeyedCalls(clock, admission, LIFE, bounds);
  const runs: Run[] = [];
  const run = (call: IncomingCall) => {
    const seen: Run = { call, requests: [], cancelled: false };
    const listener: IncomingListener = {
      message: (bytes) => void seen.requests.push(Buffer.from(bytes).toString()),
      halfClosed: () => void runs.push(seen),
      cancelled: () => (seen.cancelled = true),
    };
    call.listen(listener);
  };
  const call = (key: string | undefined, request = "a", metadata: Record<string, string> = {}, path = "/a.B/C") => {
    const keyMetadata: Record<string, string> = key === undefined ? {} : { "heddle-idempotency-key": key };
    const caller = new StubCaller({ metadata: { ...keyMetadata, ...metadata }, path });
    keyed.serve(caller.arriving, run);
    caller.send(Buffer.from(request));
    caller.halfClose();
    return caller;
  };
  const answer = (number: number, text: string, end: Parameters<IncomingCall["finish"]>[0] = OK) => {
    runs[number]!.call.send(Buffer.from(text));
    runs[number]!.call.finish(end);
  };
  return { clock, admission, keyed, runs, call, answer };
}

const told = ({ seen }: StubCaller) => seen.messages.map((bytes) => Buffer.from(bytes).toString());
const codeOf = ({ seen }: StubCaller) => seen.ends[0]?.trailers.text("heddle-error");
const isRepeat = ({ seen }: StubCaller) => seen.ends[0]?.trailers.text("heddle-repeated") === "1";

describe("KeyedCalls", () => {
  it("A1 tells callers that ask that the call was taken, before the handler is told of it, and nobody else", () => {
    const { call, runs, keyed, admission } = worker();
    const asking = call(undefined, "a", { "heddle-accept": "1" });
    const plain = call(undefined);
    expect([asking.seen.accepted, plain.seen.accepted, runs.length]).toEqual([[LIFE], [], 2]);
    expect([keyed.size, admission.inFlight]).toEqual([0, 2]);
  });

  it("A2 a call that comes while one with its key runs gets the same end, and so does one that comes after it", () => {
    const { call, runs, answer, admission } = worker();
    const [first, second] = [call("k"), call("k")];
    answer(0, "done", { ...OK, trailers: CallMetadata.of({ "x-cost": "3" }) });
    const third = call("k");
    expect(runs).toHaveLength(1);
    expect(runs[0]!.requests).toEqual(["a"]);
    expect([first, second, third].map(told)).toEqual([["done"], ["done"], ["done"]]);
    expect([first, second, third].map(isRepeat)).toEqual([false, true, true]);
    expect([first, second, third].map(({ seen }) => seen.ends[0]!.trailers.text("x-cost"))).toEqual(["3", "3", "3"]);
    expect([first, second, third].map(({ seen }) => seen.accepted)).toEqual([[LIFE], [LIFE], [LIFE]]);
    expect(admission.inFlight).toBe(0);
  });

  it("A2 keeps an error that the handler gave: it ran", () => {
    const { call, runs } = worker();
    call("k");
    runs[0]!.call.finish({ status: 9, message: "no funds", trailers: new CallMetadata() });
    expect([call("k").end, runs.length]).toEqual(["9 no funds", 1]);
  });

  it("A2 remembers nothing of a refusal: neither of the admission nor of threads that are not there", () => {
    const { call, runs, admission, keyed } = worker();
    admission.refuse(new FabricError("WORKER_DRAINING", "leaving"));
    expect([codeOf(call("k")), keyed.size]).toEqual(["WORKER_DRAINING", 0]);
    admission.open();
    call("k");
    const refusal = CallMetadata.of({ "heddle-error": "NO_THREAD" });
    runs[0]!.call.finish({ status: 14, message: "none", trailers: refusal });
    expect(keyed.size).toBe(0);
    call("k");
    expect(runs).toHaveLength(2);
  });

  it("A2 answers from what it remembers though it is full or leaving, and takes no slot for it", () => {
    const { call, answer, runs, admission } = worker({}, 1);
    call("k");
    answer(0, "done");
    call("other");
    expect([codeOf(call("third")), admission.inFlight]).toEqual(["WORKER_FULL", 1]);
    admission.refuse(new FabricError("WORKER_DRAINING", "leaving"));
    expect([told(call("k")), runs.length]).toEqual([["done"], 2]);
  });

  it.each([
    ["another request", "b", "/a.B/C"],
    ["another method", "a", "/a.B/D"],
  ])("A3 refuses %s with the same key, while it runs and after", (_what, request, path) => {
    const { call, answer, runs } = worker();
    call("k");
    const during = codeOf(call("k", request, {}, path));
    answer(0, "done");
    expect([during, codeOf(call("k", request, {}, path)), runs.length]).toEqual(["KEY_REUSED", "KEY_REUSED", 1]);
  });

  it("A4 forgets a result after the window and not before, and runs a repeat then", async () => {
    const { call, answer, runs, clock, keyed } = worker({ idempotencyWindowMs: 1_000 });
    call("k");
    answer(0, "done");
    await clock.advance(999);
    call("k");
    const before = runs.length;
    await clock.advance(1);
    call("k");
    expect([before, runs.length, keyed.size]).toEqual([1, 2, 1]);
  });

  it("A4 refuses new keys at either bound, and forgets none", () => {
    const byCount = worker({ idempotencyKeysMax: 2 });
    byCount.call("k1");
    byCount.call("k2");
    expect([codeOf(byCount.call("k3")), byCount.runs.length]).toEqual(["KEYS_FULL", 2]);
    const byBytes = worker({ idempotencyMaxBytes: 1_000 });
    byBytes.call("k1");
    byBytes.answer(0, "x".repeat(600));
    expect([codeOf(byBytes.call("k2")), told(byBytes.call("k1"))[0]?.length]).toEqual(["KEYS_FULL", 600]);
  });

  it("A4 the bytes of what was forgotten are free again", async () => {
    const { call, answer, clock, runs } = worker({ idempotencyMaxBytes: 1_000, idempotencyWindowMs: 1_000 });
    for (let number = 0; number < 3; number += 1) {
      call(`k${number}`);
      answer(number, "x".repeat(600));
      await clock.advance(1_000);
    }
    expect(runs).toHaveLength(3);
  });

  it("A5 refuses a call for another life, and takes one for its own", () => {
    const { call, runs } = worker();
    expect(codeOf(call("k", "a", { "heddle-life": "l0" }))).toBe("WORKER_RESTARTED");
    call("k", "a", { "heddle-life": "l1" });
    expect(runs).toHaveLength(1);
  });

  it("runs on when its caller goes away, and the one who comes back gets the end", async () => {
    const { call, answer, runs, clock } = worker();
    call("k").cancel();
    await clock.advance(9_999);
    const back = call("k");
    await clock.advance(60_000);
    answer(0, "done");
    expect([told(back), runs.length, runs[0]!.cancelled]).toEqual([["done"], 1, false]);
  });

  it("cancels a handler that nobody came back for, and keeps that as its end", async () => {
    const { call, runs, clock, admission } = worker();
    call("k").cancel();
    await clock.advance(10_000);
    expect([runs[0]!.cancelled, admission.inFlight, clock.pendingTimers]).toEqual([true, 0, 0]);
    expect([codeOf(call("k")), runs.length]).toEqual(["CANCELLED", 1]);
  });

  it.each([
    ["a blank at its end", "k "],
    ["no character", ""],
    ["more than 128 characters", "k".repeat(129)],
    ["a character beyond ASCII", "schlüssel"],
  ])("refuses a key with %s, and says what a key is", (_what, key) => {
    const { call, runs } = worker();
    const caller = call(key);
    expect(caller.end).toMatch(/^3 \[INVALID_ARGUMENT\] heddle-idempotency-key is .*use 1 to 128 printable/);
    expect(runs).toHaveLength(0);
  });

  it("refuses more requests than one before anything runs, and ends a handler that gives more answers than one", () => {
    const { call, runs, keyed } = worker();
    const caller = new StubCaller({ metadata: { "heddle-idempotency-key": "s" } });
    keyed.serve(caller.arriving, () => expect("it").toBe("refused"));
    caller.send(Buffer.from("a"), Buffer.from("b"));
    expect(codeOf(caller)).toBe("INVALID_ARGUMENT");
    const streamed = call("k");
    runs[0]!.call.send(Buffer.from("one"));
    runs[0]!.call.send(Buffer.from("two"));
    expect([codeOf(streamed), told(streamed), runs[0]!.cancelled]).toEqual(["INVALID_ARGUMENT", [], true]);
  });
});
