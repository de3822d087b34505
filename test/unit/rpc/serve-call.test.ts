import type { IncomingCall } from "../../../src/core/call";
import type { FabricError } from "../../../src/core/errors";
import { CallError } from "../../../src/core/errors";
import { Status } from "../../../src/core/status";
import type { CallContext } from "../../../src/rpc/service/call-context";
import { serveCall, type ServedMethod } from "../../../src/rpc/service/serve-call";
import { endOfHandlerError } from "../../../src/core/call-end";
import { fakeThread } from "../../support/fake-thread";
import { ManualClock, settle } from "../../../src/testing/manual-clock";
import { StubCaller } from "../../support/stub-caller";

const bytes = (text: string) => Buffer.from(text);
const texts = (messages: readonly Uint8Array[]) => messages.map((each) => Buffer.from(each).toString());

/** A few of them are more than is under way between two threads. */
const LONG = Buffer.alloc(32 * 1_024, "x");

type Handler = ServedMethod["handler"];
type Run = (call: IncomingCall) => void;

/** Brings a call to where it is served. */
const CARRIERS: Readonly<Record<string, (call: IncomingCall, run: Run) => void>> = {
  "as it comes": (call, run) => run(call),
  "in a thread, over its port": (call, run) =>
    fakeThread(new ManualClock(), new Map([[call.path, run]])).handle.run(call),
};
let carry: (call: IncomingCall, run: Run) => void;

function serve(handler: Handler, kind: { requestStream?: boolean; responseStream?: boolean } = {}) {
  const caller = new StubCaller();
  const method: ServedMethod = {
    requestStream: kind.requestStream ?? false,
    responseStream: kind.responseStream ?? false,
    decode: (message) => {
      const text = Buffer.from(message).toString();
      if (text === "garbage") throw new Error("wire type 7");
      return text;
    },
    encode: (message) => {
      if (typeof message !== "string") throw new TypeError("not a string");
      return bytes(message);
    },
    handler,
    endOfError: endOfHandlerError,
  };
  carry(caller.call, (call) => serveCall(call, method));
  return caller;
}

async function unary(handler: Handler, request = "hello") {
  const caller = serve(handler);
  caller.send(bytes(request));
  caller.halfClose();
  await settle();
  return caller;
}

const STREAM = { responseStream: true };
const BIDI = { requestStream: true, responseStream: true };

describe.each(Object.keys(CARRIERS))("serveCall, of a call %s", (carrier) => {
  beforeAll(() => {
    carry = CARRIERS[carrier]!;
  });

  it("answers one message with one", async () => {
    const caller = await unary((request) => `${String(request)}!`);
    expect([texts(caller.seen.messages), caller.end]).toEqual([["hello!"], "0 "]);
  });

  it.each<[string, Handler, string]>([
    ["throws", () => { throw new Error("boom"); }, "13 [HANDLER_FAILED] boom"], // prettier-ignore
    ["rejects", () => Promise.reject(new Error("boom")), "13 [HANDLER_FAILED] boom"],
    ["throws a status", () => { throw new CallError(Status.NOT_FOUND, "no such cart"); }, "5 no such cart"], // prettier-ignore
    [
      "throws what is no error",
      () => Promise.reject(Object.create(null) as Error),
      "13 [HANDLER_FAILED] [object Object]",
    ],
    ["throws undefined", () => Promise.reject(undefined), "13 [HANDLER_FAILED] undefined"],
    ["says half a character", () => { throw new Error("a\ud800b"); }, "13 [HANDLER_FAILED] a\ufffdb"], // prettier-ignore
    ["answers what cannot be encoded", () => 5, "13 [HANDLER_FAILED] not a string"],
  ])("ends the call, and nothing else, when the handler %s", async (_what, handler, end) => {
    const caller = await unary(handler);
    expect([caller.end, caller.seen.ends.length, caller.seen.messages]).toEqual([end, 1, []]);
  });

  it("cuts a huge error message", async () => {
    const caller = await unary(() => Promise.reject(new CallError(Status.ABORTED, "x".repeat(1 << 20))));
    expect(caller.seen.ends[0]?.message).toHaveLength(1_024);
  });

  it.each<[string, unknown]>([
    ["nothing", undefined],
    ["a message", "one"],
    ["a promise", Promise.resolve(["one"])],
  ])("ends a streaming call whose handler answers %s instead of a stream", async (_what, answer) => {
    const caller = serve(() => (answer === "one" ? 7 : answer), STREAM);
    caller.send(bytes("hello"));
    caller.halfClose();
    await settle();
    expect([caller.seen.ends.length, caller.seen.ends[0]?.status]).toEqual([1, Status.INTERNAL]);
  });

  it("refuses a request that cannot be decoded, as the caller's mistake", async () => {
    let ran = false;
    const caller = await unary(() => String((ran = true)), "garbage");
    expect([caller.end, ran]).toEqual(["3 the request cannot be decoded: wire type 7", false]);
  });

  it.each([
    ["no request", []],
    ["two requests", ["one", "two"]],
  ])("refuses %s where one is due, and does not run the handler", async (_what, requests) => {
    let ran = false;
    const caller = serve(() => String((ran = true)));
    caller.send(...requests.map(bytes));
    caller.halfClose();
    await settle();
    expect([caller.end, ran]).toEqual(["3 a unary method takes exactly one request message", false]);
  });

  it("holds back a caller whose requests nobody reads, and lets it go on when they are read", async () => {
    let read = () => {};
    const go = new Promise<void>((resolve) => (read = resolve));
    const caller = serve(async function* (requests) {
      await go;
      for await (const request of requests as AsyncIterable<string>) yield request;
    }, BIDI);
    await settle();
    for (let sent = 0; sent < 24; sent += 1) caller.send(LONG);
    await settle();
    const held = caller.seen.paused;
    read();
    await settle();
    expect([held, caller.seen.paused, caller.seen.messages.length]).toEqual([true, false, 24]);
  });

  it("ends a call whose handler never reads its requests", async () => {
    const caller = serve(() => "done", { requestStream: true });
    caller.send(...Array.from({ length: 40 }, () => bytes("x")));
    await settle();
    expect([texts(caller.seen.messages), caller.end]).toEqual([["done"], "0 "]);
  });

  it("stops a handler whose caller reads slowly, and goes on when it has read", async () => {
    let made = 0;
    const caller = serve(async function* () {
      for (; made < 10; made += 1) yield LONG.toString();
    }, STREAM);
    caller.takesMore = false;
    caller.send(bytes("hello"));
    caller.halfClose();
    await settle();
    const madeWhileHeld = made;
    caller.drain();
    await settle();
    // As it comes none; over a port what fits into its window.
    expect(madeWhileHeld).toBeLessThan(3);
    expect([made, caller.seen.messages.length, caller.end]).toEqual([10, 10, "0 "]);
  });

  it("takes nothing more from a handler that goes on after a cancel, and lets it clean up", async () => {
    let cleanedUp = false;
    let context: CallContext | undefined;
    const caller = serve(async function* (_request, given) {
      context = given;
      try {
        for (let number = 0; ; number += 1) {
          yield String(number);
          await settle();
        }
      } finally {
        cleanedUp = true;
      }
    }, STREAM);
    caller.send(bytes("hello"));
    caller.halfClose();
    await settle();
    await settle();
    caller.cancel();
    const answered = caller.seen.messages.length;
    for (let turn = 0; turn < 4; turn += 1) await settle();
    expect(answered).toBeGreaterThan(0);
    expect([caller.seen.messages.length, cleanedUp, context?.signal.aborted]).toEqual([answered, true, true]);
    expect((context?.signal.reason as FabricError).code).toBe("CANCELLED");
  });

  it("a cancel frees a handler that waits for its reader, and one that waits for requests", async () => {
    const frees: string[] = [];
    const writer = serve(async function* () {
      try {
        yield "one";
        yield "two";
      } finally {
        frees.push("writer");
      }
    }, STREAM);
    writer.takesMore = false;
    writer.send(bytes("hello"));
    writer.halfClose();
    const reader = serve(async function* (requests) {
      try {
        for await (const request of requests as AsyncIterable<string>) yield request;
      } finally {
        frees.push("reader");
      }
    }, BIDI);
    await settle();
    writer.cancel();
    reader.cancel();
    await settle();
    expect(frees.sort()).toEqual(["reader", "writer"]);
  });

  it("sends headers once: when told to, or with the first message", async () => {
    const early = await unary((_request, { headers, sendHeaders }) => {
      headers.set("x-model", "1");
      sendHeaders();
      sendHeaders();
      return "answer";
    });
    const late = await unary((_request, { headers }) => {
      headers.set("x-model", "2");
      return "answer";
    });
    const seen = [early, late].map((caller) => caller.seen.headers.map((headers) => headers.text("x-model")));
    expect(seen).toEqual([["1"], ["2"]]);
  });

  it("sends the handler's trailers with a failed call too", async () => {
    const caller = await unary((_request, { trailers }) => {
      trailers.set("x-cost", "3");
      throw new CallError(Status.ABORTED, "changed meanwhile");
    });
    expect([caller.end, caller.seen.ends[0]?.trailers.text("x-cost")]).toEqual(["10 changed meanwhile", "3"]);
  });
});
