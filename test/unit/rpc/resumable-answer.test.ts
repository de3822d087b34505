import { CallMetadata } from "../../../src/core/call-metadata";
import { CHECKPOINT_MAX_BYTES, takeCheckpoint } from "../../../src/core/checkpoint";
import { COMPRESSED_MIN_BYTES, encodedFrameOf } from "../../../src/rpc/framing/message-encoding";
import type { CallContext } from "../../../src/rpc/service/call-context";
import { rawDefinition } from "../../../src/rpc/service/raw-definition";
import { type MethodDefinition, traitsOf } from "../../../src/rpc/service/service-definition";
import { mountService } from "../../../src/rpc/service/service-handlers";
import { settle } from "../../../src/testing/manual-clock";
import { StubCaller } from "../../support/stub-caller";

const DEFINITION = rawDefinition("a.B", {
  watch: { responseStream: true, resumable: true },
  plain: { responseStream: true },
  one: { resumable: true },
});

type Watch = (request: Uint8Array, context: CallContext) => AsyncIterable<Uint8Array>;

const bytes = (text: string) => Buffer.from(text);

/** What a caller with this metadata gets of the handler. */
async function served(watch: Watch, asks: Readonly<Record<string, string | Uint8Array>> = {}, method = "Watch") {
  const handlers = { watch, plain: watch, one: () => bytes("one") };
  const run = mountService(DEFINITION, handlers).methods.get(`/a.B/${method}`)!;
  const caller = new StubCaller();
  run({ ...caller.call, path: `/a.B/${method}`, metadata: CallMetadata.of(asks) });
  caller.send(bytes("request"));
  caller.halfClose();
  await settle();
  const { headers, messages, ends } = caller.seen;
  return {
    headers: Object.fromEntries(headers[0]?.entries() ?? []),
    texts: messages.map((each) => Buffer.from(each).toString()),
    messages,
    end: `${ends[0]?.status} ${ends[0]?.message}`,
  };
}

async function* abc(): AsyncIterable<Uint8Array> {
  await Promise.resolve();
  for (const text of ["a", "b", "c"]) yield bytes(text);
}

async function* abcAfter(_request: Uint8Array, { resume }: CallContext): AsyncIterable<Uint8Array> {
  await Promise.resolve();
  for (const text of ["a", "b", "c"].slice(resume?.afterSequence ?? 0)) yield bytes(text);
}

describe("The answer of a resumable method", () => {
  it("is an ordinary one for a caller that brings no position", async () => {
    const { headers, texts, end } = await served(abcAfter);
    expect([headers, texts, end]).toEqual([{}, ["a", "b", "c"], "0 "]);
  });

  it.each([
    ["that goes on after the position", abcAfter],
    ["that does not look at it, and begins anew", abc],
  ])("A1 of a handler %s has what the caller lacks, and A2 its headers say so", async (_which, handler) => {
    const { headers, texts, end } = await served(handler, { "heddle-resume-after": "2" });
    expect([headers, texts, end]).toEqual([{ "heddle-resume-after": "2" }, ["c"], "0 "]);
  });

  it("A1 of a handler that says where it begins lacks what the caller has", async () => {
    const handler: Watch = async function* (_request, context) {
      await Promise.resolve();
      const { afterSequence, checkpoint, checkpointSequence } = context.resume!;
      context.beginAfter(checkpointSequence);
      yield bytes(`dropped, since it is number ${checkpointSequence + 1}`);
      yield bytes(`${afterSequence} ${Buffer.from(checkpoint!).toString()}`);
    };
    const asks = {
      "heddle-resume-after": "5",
      "heddle-resume-checkpoint-bin": bytes("x"),
      "heddle-checkpoint-after": "4",
    };
    expect((await served(handler, asks)).texts).toEqual(["5 x"]);
  });

  it("is whole when the caller has all of it, and its headers still say where it is", async () => {
    const { headers, texts, end } = await served(abcAfter, { "heddle-resume-after": "3" });
    expect([headers, texts, end]).toEqual([{ "heddle-resume-after": "3" }, [], "0 "]);
  });

  it("fails where the handler gives less than the caller has: it cannot be the same stream", async () => {
    const { texts, end } = await served(abc, { "heddle-resume-after": "4" });
    expect([texts, end]).toEqual([[], expect.stringContaining("13 the handler was done after message 3")]);
  });

  it("has checkpoints only for a caller that asked, each with the message after it", async () => {
    const handler: Watch = async function* (_request, context) {
      await Promise.resolve();
      yield bytes("a");
      context.checkpoint(bytes("before b"));
      yield bytes("b");
      yield bytes("c");
    };
    expect((await served(handler)).texts).toEqual(["a", "b", "c"]);
    const { headers, messages } = await served(handler, { "heddle-checkpoints": "1" });
    expect(headers).toEqual({ "heddle-checkpoints": "1" });
    const taken = messages.map((each) => takeCheckpoint(each));
    expect(taken.map(({ message }) => Buffer.from(message).toString())).toEqual(["a", "b", "c"]);
    const checkpoints = taken.map(({ checkpoint }) => checkpoint && Buffer.from(checkpoint).toString());
    expect(checkpoints).toEqual([undefined, "before b", undefined]);
  });

  it.each([
    [
      "a checkpoint that is too long",
      (c: CallContext) => c.checkpoint(new Uint8Array(CHECKPOINT_MAX_BYTES + 1)),
      "16385 bytes",
    ],
    [
      "a checkpoint that is no bytes",
      (c: CallContext) => c.checkpoint("x" as never),
      "is a Uint8Array, and not string",
    ],
    ["a beginning that leaves a gap", (c: CallContext) => c.beginAfter(3), "the caller has 2"],
  ])("refuses %s, and says why", async (_what, misuse, why) => {
    const handler: Watch = async function* (_request, context) {
      await Promise.resolve();
      misuse(context);
      yield bytes("a");
    };
    expect((await served(handler, { "heddle-resume-after": "2" })).end).toContain(why);
  });

  it("of a position that is none is INVALID_ARGUMENT", async () => {
    expect((await served(abc, { "heddle-resume-after": "many" })).end).toContain(
      '3 [INVALID_ARGUMENT] heddle-resume-after is "many"',
    );
    const late = {
      "heddle-resume-after": "2",
      "heddle-resume-checkpoint-bin": bytes("x"),
      "heddle-checkpoint-after": "3",
    };
    expect((await served(abc, late)).end).toContain('heddle-checkpoint-after is "3"');
  });

  it("of a method that did not opt in has neither position nor checkpoint", async () => {
    const plain = await served(abc, { "heddle-resume-after": "2", "heddle-checkpoints": "1" }, "Plain");
    expect([plain.headers, plain.texts]).toEqual([{}, ["a", "b", "c"]]);
    const handler: Watch = async function* (_request, context) {
      await Promise.resolve();
      context.checkpoint(bytes("x"));
      yield bytes("a");
    };
    expect((await served(handler, {}, "Plain")).end).toContain("/a.B/Plain is not resumable");
  });

  it("goes uncompressed where it has a checkpoint, which a relay must see", async () => {
    const handler: Watch = async function* (_request, context) {
      await Promise.resolve();
      context.checkpoint(bytes("x"));
      yield Buffer.alloc(2 * COMPRESSED_MIN_BYTES);
    };
    const { messages } = await served(handler, { "heddle-checkpoints": "1" });
    expect(encodedFrameOf(messages[0]!, "gzip")[0]).toBe(0);
    expect(encodedFrameOf(takeCheckpoint(messages[0]!).message, "gzip")[0]).toBe(1);
  });
});

describe("The option (heddle.v1.resumable)", () => {
  const { watch, plain, one } = DEFINITION.methods;

  it("is read of raw definitions, for streams of answers alone", () => {
    expect([watch, plain, one].map((method) => traitsOf(method).resumable)).toEqual([true, false, false]);
  });

  it("is read of what ts-proto generates, which does not know it", () => {
    // As ts-proto 2.18 writes it for `option (heddle.v1.resumable) = true`: by the field's tag.
    const generated = { ...plain, options: { _unknownFields: { 465608: [Buffer.from([1]) as Buffer] } } } as const;
    const off = { ...plain, options: { _unknownFields: { 465608: [Buffer.from([0])] } } };
    const another: MethodDefinition = { ...plain, options: { _unknownFields: { 578365826: [Buffer.from([1])] } } };
    expect([generated, off, another].map((method) => traitsOf(method).resumable)).toEqual([true, false, false]);
  });
});
