import type { CallStart, MethodTraits } from "../../../src/core/call";
import { CallMetadata } from "../../../src/core/call-metadata";
import type { FabricError } from "../../../src/core/errors";
import { Status } from "../../../src/core/status";
import {
  ComputeServiceDefinition,
  InferenceServiceDefinition,
  type GenerateResponse,
} from "../../../src/wire/contract";
import { typedClient } from "../../../src/rpc/service/typed-client";
import { settle } from "../../../src/testing/manual-clock";
import { StubConnection } from "../../support/stub-connection";

const response = (workerLabel: string) =>
  Buffer.from(ComputeServiceDefinition.methods.execute.responseType.encode(executed(workerLabel)).finish());
const executed = (workerLabel: string) => ({ output: Buffer.alloc(0), contentType: "", elapsedMs: 0, workerLabel });
const token = (sequence: bigint) =>
  Buffer.from(
    InferenceServiceDefinition.methods.generate.responseType
      .encode({ event: { $case: "token", value: { text: "t", sequence } } })
      .finish(),
  ).toString("latin1");

function open() {
  const connection = new StubConnection("w1:7000");
  const starts: (CallStart & { readonly traits?: MethodTraits })[] = [];
  const starter = {
    start: (...[call, listener]: Parameters<StubConnection["start"]>) => {
      starts.push(call);
      return connection.start(call, listener);
    },
  };
  const compute = typedClient(ComputeServiceDefinition, starter);
  const inference = typedClient(InferenceServiceDefinition, starter);
  return { connection, starts, compute, inference, call: () => connection.calls[0]! };
}

const REQUEST = { task: "echo", input: Buffer.from("x") };
const code = (error: FabricError) => error.code;

describe("typedClient", () => {
  it("sends one request and gives the one answer, headers and trailers", async () => {
    const { compute, call, starts } = open();
    const told: string[] = [];
    const answer = compute.execute(REQUEST, {
      timeoutMs: 500,
      metadata: { "X-Trace": "1" },
      onHeaders: (headers) => void told.push(headers.text("x-model") ?? ""),
      onTrailers: (trailers) => void told.push(trailers.text("x-cost") ?? ""),
    });
    call().headers({ "x-model": "m" });
    call().message(response("w1").toString("latin1"));
    call().succeed({ "x-cost": "3" });
    expect((await answer).workerLabel).toBe("w1");
    expect(told).toEqual(["m", "3"]);
    expect([call().requests.length, call().halfClosed, starts[0]?.timeoutMs]).toEqual([1, true, 500]);
    expect([starts[0]?.metadata.text("x-trace"), starts[0]?.traits?.requestStream]).toEqual(["1", false]);
  });

  it.each([
    ["no answer", 0],
    ["two answers", 2],
  ])("rejects a unary call that succeeds with %s", async (_what, count) => {
    const { compute, call } = open();
    const answer = compute.execute(REQUEST);
    for (let sent = 0; sent < count; sent += 1) call().message(response("w1").toString("latin1"));
    call().succeed();
    await expect(answer.catch(code)).resolves.toBe("REMOTE");
  });

  it("rejects with what the status means, although an answer came before it", async () => {
    const { compute, call } = open();
    const answer = compute.execute(REQUEST);
    call().message(response("w1").toString("latin1"));
    call().answer(Status.NOT_FOUND, "no such task");
    const error = await answer.catch((failure: FabricError) => failure);
    expect(error).toMatchObject({ code: "REMOTE", status: Status.NOT_FOUND, message: "[REMOTE] no such task" });
  });

  it("cancels a stream whose reader leaves early", async () => {
    const { inference, call } = open();
    const answers = inference.generate([{ prompt: "p" }]);
    await settle();
    call().message(token(1n));
    call().message(token(2n));
    const read: GenerateResponse[] = [];
    for await (const answer of answers) {
      read.push(answer);
      break;
    }
    expect([read.length, call().cancelled]).toEqual([1, true]);
  });

  it("does not cancel a stream that was read to its end", async () => {
    const { inference, call } = open();
    const answers = inference.generate([{ prompt: "p" }]);
    await settle();
    call().message(token(1n));
    call().succeed();
    const read: GenerateResponse[] = [];
    for await (const answer of answers) read.push(answer);
    expect([read.length, call().cancelled]).toEqual([1, false]);
  });

  it.each([
    ["before the call", true],
    ["during the call", false],
  ])("cancels when the signal aborts %s", async (_when, before) => {
    const { compute, call } = open();
    const abort = new AbortController();
    if (before) abort.abort();
    const answer = compute.execute(REQUEST, { signal: abort.signal });
    abort.abort();
    await expect(answer.catch(code)).resolves.toBe("CANCELLED");
    expect(call().cancelled).toBe(true);
  });

  it("sends what an iterable or an async iterable gives, and stops with the call", async () => {
    const { inference, call } = open();
    let returned = false;
    const requests = (async function* () {
      try {
        for (;;) yield { prompt: "p" };
      } finally {
        returned = true;
      }
    })();
    const answers = inference.generate(requests);
    call().takesMore = false;
    await settle();
    const sent = call().requests.length;
    call().answer(Status.ABORTED, "enough");
    await settle();
    await expect(answers[Symbol.asyncIterator]().next().catch(code)).resolves.toBe("REMOTE");
    expect([sent, returned]).toEqual([1, true]);
  });

  it("waits for a worker that reads slowly", async () => {
    const { inference, call } = open();
    inference.generate([{ prompt: "1" }, { prompt: "2" }, { prompt: "3" }]);
    call().takesMore = false;
    await settle();
    const held = call().requests.length;
    call().drain();
    await settle();
    expect([held, call().requests.length, call().halfClosed]).toEqual([1, 3, true]);
  });

  it("cancels the call and throws what the request iterator threw", async () => {
    const { inference, call } = open();
    const answers = inference.generate(
      // eslint-disable-next-line require-yield -- it fails before the first
      (async function* () {
        await settle();
        throw new Error("the disk is full");
      })(),
    );
    const failure = answers[Symbol.asyncIterator]()
      .next()
      .catch((error: Error) => error.message);
    await expect(failure).resolves.toBe("the disk is full");
    expect(call().cancelled).toBe(true);
  });

  it("cancels the call and throws when an answer cannot be decoded", async () => {
    const { inference, call } = open();
    const answers = inference.generate([{ prompt: "p" }]);
    await settle();
    call().message("\u000f\u00ff");
    await expect(answers[Symbol.asyncIterator]().next().catch(code)).resolves.toBe("REMOTE");
    expect(call().cancelled).toBe(true);
  });

  it("holds the worker back while the reader is slow", async () => {
    const { inference, call } = open();
    const reader = inference.generate([{ prompt: "p" }])[Symbol.asyncIterator]();
    await settle();
    for (let sequence = 1n; sequence <= 16n; sequence += 1n) call().message(token(sequence));
    const held = call().paused;
    for (let read = 0; read < 8; read += 1) await reader.next();
    expect([held, call().paused]).toEqual([true, false]);
  });

  it("does not change metadata that its caller keeps", () => {
    const { compute, starts } = open();
    const metadata = CallMetadata.of({ a: "1" });
    void compute.execute(REQUEST, { metadata }).catch(() => {});
    starts[0]!.metadata.set("a", "2");
    expect(metadata.text("a")).toBe("1");
  });
});
