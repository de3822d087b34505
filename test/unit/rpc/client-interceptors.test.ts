import { CallMetadata } from "../../../src/core/call-metadata";
import { FabricError } from "../../../src/core/errors";
import type { ClientInterceptor } from "../../../src/rpc/service/client-interceptors";
import { typedClient } from "../../../src/rpc/service/typed-client";
import {
  ComputeServiceDefinition,
  InferenceServiceDefinition,
  type ExecuteRequest,
  type ExecuteResponse,
  type GenerateRequest,
  type GenerateResponse,
} from "../../../src/wire/contract";
import { settle } from "../../../src/testing/manual-clock";
import { type StubCallee, StubConnection } from "../../support/stub-connection";

const { execute } = ComputeServiceDefinition.methods;
const { generate } = InferenceServiceDefinition.methods;

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");
const executed = (workerLabel: string) => ({ output: Buffer.alloc(0), contentType: "", elapsedMs: 0, workerLabel });
const executedBy = (workerLabel: string) => text(execute.responseType.encode(executed(workerLabel)).finish());
const token = (sequence: bigint) =>
  text(generate.responseType.encode({ event: { $case: "token", value: { text: "t", sequence } } }).finish());
const sequenceOf = (answer: GenerateResponse) =>
  answer.event?.$case === "token" ? Number(answer.event.value.sequence) : undefined;

const REQUEST = { task: "echo", input: Buffer.from("x") };

function open(...interceptors: readonly ClientInterceptor[]) {
  const connection = new StubConnection("w1:7000");
  const compute = typedClient(ComputeServiceDefinition, connection, { interceptors });
  const inference = typedClient(InferenceServiceDefinition, connection, { interceptors });
  return { connection, calls: connection.calls, compute, inference };
}

/** Answers every call as the test says. */
function answering(connection: StubConnection, answer: (callee: StubCallee, number: number) => void): void {
  connection.onCall = (callee) => queueMicrotask(() => answer(callee, connection.calls.length));
}

describe("Interceptors of a client", () => {
  it("stand around a call in order, the first outermost", async () => {
    const told: string[] = [];
    const named =
      (name: string): ClientInterceptor =>
      async (call, next) => {
        told.push(`${name} asks`);
        const answer = await next(call);
        told.push(`${name} has it`);
        return answer;
      };
    const { compute, connection } = open(named("outer"), named("inner"));
    answering(connection, (callee) => {
      callee.message(executedBy("w1"));
      callee.succeed();
    });
    expect((await compute.execute(REQUEST)).workerLabel).toBe("w1");
    expect(told).toEqual(["outer asks", "inner asks", "inner has it", "outer has it"]);
  });

  it("see what the call is, and change its metadata and its deadline, but nothing of its caller's", async () => {
    const seen: unknown[] = [];
    const { compute, calls } = open((call, next) => {
      const { path, requestStream, responseStream, idempotent, timeoutMs } = call;
      seen.push({ path, requestStream, responseStream, idempotent, timeoutMs });
      call.metadata.set("authorization", "Bearer x");
      return next({ ...call, timeoutMs: 100 });
    });
    const metadata = CallMetadata.of({ a: "b" });
    compute.execute(REQUEST, { metadata, timeoutMs: 500 }).catch(() => {});
    await settle();
    const what = { path: "/heddle.compute.v1.ComputeService/Execute", requestStream: false, responseStream: false };
    expect(seen).toEqual([{ ...what, idempotent: true, timeoutMs: 500 }]);
    expect(calls[0]!.start.timeoutMs).toBe(100);
    expect(calls[0]!.start.metadata.entries()).toEqual([
      ["a", "b"],
      ["authorization", "Bearer x"],
    ]);
    expect(metadata.size).toBe(1);
  });

  it("see headers, trailers and the status, which the caller sees too", async () => {
    const seen: unknown[] = [];
    const observing: ClientInterceptor = async (call, next) => {
      try {
        return await next({
          ...call,
          onHeaders: (headers) => {
            seen.push(headers.text("x-model"));
            call.onHeaders?.(headers);
          },
          onTrailers: (trailers) => {
            seen.push(trailers.text("x-cost"));
            call.onTrailers?.(trailers);
          },
        });
      } catch (error) {
        seen.push((error as FabricError).status);
        throw error;
      }
    };
    const { compute, connection } = open(observing);
    answering(connection, (callee) => {
      callee.headers({ "x-model": "m" });
      callee.answer(5, "no such thing", { "x-cost": "3" });
    });
    const told: (string | undefined)[] = [];
    const onHeaders = (headers: CallMetadata) => void told.push(headers.text("x-model"));
    await expect(compute.execute(REQUEST, { onHeaders })).rejects.toMatchObject({ status: 5 });
    expect([seen, told]).toEqual([["m", "3", 5], ["m"]]);
  });

  it("replace the request and the answer", async () => {
    const { compute, connection, calls } = open(async (call, next) => {
      const answer = (await next({
        ...call,
        request: { ...(call.request as ExecuteRequest), task: "other" },
      })) as ExecuteResponse;
      return { ...answer, workerLabel: answer.workerLabel.toUpperCase() };
    });
    answering(connection, (callee) => {
      callee.message(executedBy("w1"));
      callee.succeed();
    });
    expect((await compute.execute(REQUEST)).workerLabel).toBe("W1");
    expect(execute.requestType.decode(calls[0]!.requests[0]!).task).toBe("other");
  });

  it.each<[string, ClientInterceptor]>([
    ["an async function", async (call, next) => odd((await next(call)) as AsyncIterable<GenerateResponse>)],
    ["a function", (call, next) => odd(next(call) as AsyncIterable<GenerateResponse>)],
  ])("look at the messages of a stream, as %s", async (_kind, interceptor) => {
    const { inference, connection } = open(interceptor);
    answering(connection, (callee) => {
      for (const sequence of [1n, 2n, 3n]) callee.message(token(sequence));
      callee.succeed();
    });
    const read: unknown[] = [];
    for await (const answer of inference.generate([{ prompt: "p" }])) read.push(sequenceOf(answer));
    expect(read).toEqual([1, 3]);
  });

  async function* odd(answers: AsyncIterable<GenerateResponse>): AsyncGenerator<GenerateResponse> {
    for await (const answer of answers) if (sequenceOf(answer)! % 2 === 1) yield answer;
  }

  it("look at the requests of a stream", async () => {
    const { inference, connection, calls } = open((call, next) => next({ ...call, request: loud(call.request) }));
    connection.onCall = (callee) => void settle().then(() => callee.succeed());
    for await (const answer of inference.generate([{ prompt: "a" }, { prompt: "b" }])) void answer;
    const prompts = calls[0]!.requests.map((bytes) => generate.requestType.decode(bytes).prompt);
    expect(prompts).toEqual(["A", "B"]);
  });

  async function* loud(requests: unknown): AsyncGenerator<GenerateRequest> {
    for await (const each of requests as AsyncIterable<GenerateRequest>) {
      yield { ...each, prompt: each.prompt.toUpperCase() };
    }
  }

  it("answer without a call", async () => {
    const { compute, inference, calls } = open((call) =>
      call.responseStream ? [{ event: undefined }] : executed("the cache"),
    );
    expect((await compute.execute(REQUEST)).workerLabel).toBe("the cache");
    const read: GenerateResponse[] = [];
    for await (const answer of inference.generate([{ prompt: "p" }])) read.push(answer);
    expect(read).toEqual([{ event: undefined }]);
    expect(calls).toHaveLength(0);
  });

  it("call again after a failure, with metadata of each attempt's own", async () => {
    const retrying: ClientInterceptor = async (call, next) => {
      for (let attempt = 1; ; attempt += 1) {
        const metadata = call.metadata.clone();
        metadata.set("x-attempt", String(attempt));
        try {
          return await next({ ...call, metadata });
        } catch (error) {
          if (!(error instanceof FabricError) || error.code !== "WORKER_LOST" || attempt === 3) throw error;
        }
      }
    };
    const { compute, connection, calls } = open(retrying);
    answering(connection, (callee, number) => {
      if (number < 3) return callee.fail("WORKER_LOST");
      callee.message(executedBy("w3"));
      callee.succeed();
    });
    expect((await compute.execute(REQUEST)).workerLabel).toBe("w3");
    expect(calls.map(({ start }) => start.metadata.text("x-attempt"))).toEqual(["1", "2", "3"]);
  });

  it("may leave a call that fails alone", async () => {
    const { compute, connection } = open((call, next) => {
      void next(call);
      return executed("the cache");
    });
    answering(connection, (callee) => callee.fail("WORKER_LOST"));
    expect((await compute.execute(REQUEST)).workerLabel).toBe("the cache");
    await settle();
  });

  it("throw at once or later: the caller's promise rejects, its iterable throws", async () => {
    const error = new Error("not today");
    const refusing = open(() => {
      throw error;
    });
    await expect(refusing.compute.execute(REQUEST)).rejects.toBe(error);
    const read = refusing.inference.generate([{ prompt: "p" }])[Symbol.asyncIterator]();
    await expect(read.next()).rejects.toBe(error);
    const later = open(() => Promise.reject(error));
    await expect(later.compute.execute(REQUEST)).rejects.toBe(error);
    const readLater = later.inference.generate([{ prompt: "p" }])[Symbol.asyncIterator]();
    await expect(readLater.next()).rejects.toBe(error);
  });

  it("cancel a stream that is left before it is read", async () => {
    const { inference, calls } = open(async (call, next) => next(call));
    const read = inference.generate([{ prompt: "p" }])[Symbol.asyncIterator]();
    await settle();
    await read.return!();
    expect(calls.map(({ cancelled }) => cancelled)).toEqual([true]);
  });

  it("let a signal cancel the call", async () => {
    const { compute, connection } = open(async (call, next) => next(call));
    const abort = new AbortController();
    answering(connection, () => abort.abort());
    await expect(compute.execute(REQUEST, { signal: abort.signal })).rejects.toMatchObject({ code: "CANCELLED" });
  });
});
