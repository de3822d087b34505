import { runCall, type CallRequest } from "../../../src/cli/call/run-call";
import { jsonTexts } from "../../../src/cli/call/json-texts";
import { explainCommand, metadataOf } from "../../../src/cli/call/selectors";
import type { CallTools } from "../../../src/cli/call-tools";
import type { FabricClient } from "../../../src/client/fabric-client";
import { reportFailure } from "../../../src/cli/report-failure";
import type { Terminal } from "../../../src/cli/terminal";
import { MemoryCluster } from "../../../src/testing/memory-cluster";
import { AgentServiceDefinition, FILE_DESCRIPTOR_SET } from "../../../src/wire/contract";
import { DescriptorCatalog } from "../../../src/wire/descriptor-catalog";
import { reflect } from "../../../src/wire/reflection-service";

const D1 = "director-1:61000";

/** Directors in memory have no reflection; this answers as a director's does. */
function withReflection(fabric: FabricClient): FabricClient {
  const catalog = new DescriptorCatalog(FILE_DESCRIPTOR_SET);
  async function* serverReflectionInfo(requests: AsyncIterable<Parameters<typeof reflect>[0]>) {
    for await (const request of requests) yield reflect(request, catalog);
  }
  const client = fabric.client.bind(fabric);
  return { director: fabric.director, client, atDirector: () => ({ serverReflectionInfo }) } as unknown as FabricClient;
}

const REQUEST: CallRequest = {
  target: undefined,
  data: undefined,
  describe: false,
  receipt: false,
  emitDefaults: false,
  json: false,
  timeoutMs: undefined,
  idempotencyKey: undefined,
  resumeAfter: undefined,
};

describe("heddle call", () => {
  let cluster: MemoryCluster;

  beforeAll(async () => {
    cluster = await MemoryCluster.open();
    const director = await cluster.director();
    await cluster.worker("w1", [D1]);
    await cluster.worker("w2", [D1]);
    await cluster.untilReady(director, ["w1", "w2"]);
  });

  afterAll(() => cluster.close());

  /** The exit code and the lines, standard error marked by "! ". */
  const call = async (
    target: string | undefined,
    data?: string,
    more: Partial<CallRequest> = {},
    { input = [], interrupted = new AbortController().signal }: { input?: string[]; interrupted?: AbortSignal } = {},
  ) => {
    const lines: string[] = [];
    const terminal: Terminal = {
      out: (line) => lines.push(line),
      err: (line) => lines.push(`! ${line}`),
      coloured: false,
    };
    const tools: CallTools = {
      openScreen: () => undefined,
      standardInput: () =>
        (async function* () {
          yield* await Promise.resolve(input);
        })(),
      readText: (path) =>
        path === "there.json" ? Promise.resolve('{"task": "echo"}') : Promise.reject(new Error("ENOENT")),
      inputIsTerminal: false,
      outputIsTerminal: false,
    };
    const fabric = withReflection(cluster.client([D1], { mode: "proxy" }));
    const agents = fabric.client(AgentServiceDefinition);
    const parts = {
      operator: fabric.director,
      agents,
      fabric,
      terminal,
      clock: cluster.clock,
      interrupted,
      timeoutMs: 10_000,
    };
    const running = runCall(parts, tools, { ...REQUEST, target, data, ...more });
    const code = await cluster.outcome(running.catch((error: unknown) => reportFailure(terminal, error)));
    return { code, lines, text: lines.join("\n") };
  };

  it("answers in JSON, one message a line", async () => {
    const { code, lines } = await call("ComputeService/Execute", '{"task": "echo", "input": "aGVsbG8="}');
    expect([code, lines.length]).toEqual([0, 1]);
    expect(JSON.parse(lines[0]!)).toMatchObject({ output: "aGVsbG8=" });
  });

  it("takes the request from a file, from standard input, or sends an empty one", async () => {
    const texts = await Promise.all([
      call("ComputeService/Execute", "@there.json"),
      call("ComputeService/Execute", "-", {}, { input: ['{"task":', ' "echo"}\n'] }),
    ]);
    expect(texts.map(({ code }) => code)).toEqual([0, 0]);
    expect((await call("ComputeService/Execute")).text).toMatch(/there is no task ""/);
  });

  it("streams requests in and answers out", async () => {
    const input = ['{"prompt": "hi", "maxTokens": "2", "tokenIntervalMs": 1}'];
    const { code, lines } = await call("InferenceService/Generate", undefined, {}, { input });
    expect([code, lines.map((line) => Object.keys(JSON.parse(line) as object)[0])]).toEqual([
      0,
      ["connected", "token", "token", "done"],
    ]);
  });

  it("the receipt says who answered, after how many attempts, and how long it took", async () => {
    const { lines } = await call("ComputeService/Execute", '{"task": "echo"}', { receipt: true, worker: "w2" });
    expect(lines.slice(1)).toEqual([
      "! heddle.compute.v1.ComputeService/Execute",
      "!   worker     w2",
      "!   attempts   1",
      "!   answers    1",
      expect.stringMatching(/^! {3}time {7}/),
    ]);
  });

  it("the same idempotency key gets the same answer, which the receipt says", async () => {
    const once = { receipt: true, idempotencyKey: "k1" };
    await call("ComputeService/Execute", '{"task": "echo"}', once);
    expect((await call("ComputeService/Execute", '{"task": "echo"}', once)).text).toContain(
      "the answer of an earlier call",
    );
  });

  it("lists services of workers before ours, with their methods", async () => {
    const { lines } = await call(undefined);
    expect(lines[0]).toBe("heddle.compute.v1.ComputeService");
    expect(lines[1]).toBe(
      "  Execute(heddle.compute.v1.ExecuteRequest) → heddle.compute.v1.ExecuteResponse  [idempotent]",
    );
    expect(lines.indexOf("heddle.v1.DirectorService")).toBeGreaterThan(
      lines.indexOf("heddle.inference.v1.InferenceService"),
    );
  });

  it("describes a method as its .proto file does, with a request to fill in", async () => {
    expect((await call("InferenceService/Generate", undefined, { describe: true })).text).toMatchInlineSnapshot(`
     "rpc Generate(stream heddle.inference.v1.GenerateRequest) returns (stream heddle.inference.v1.GenerateResponse);

     message heddle.inference.v1.GenerateRequest {
       string connection_id = 1;
       string prompt = 2;
       uint64 resume_after_sequence = 3;
       uint64 max_tokens = 4;
       uint32 token_interval_ms = 5;
     }

     message heddle.inference.v1.GenerateResponse {
       oneof event {
         heddle.inference.v1.Connected connected = 1;
         heddle.inference.v1.Token token = 2;
         heddle.inference.v1.Error error = 3;
         heddle.inference.v1.Done done = 4;
       }
     }

     message heddle.inference.v1.Connected {
       string connection_id = 1;
       string worker_label = 2;
     }

     message heddle.inference.v1.Token {
       string text = 1;
       uint64 sequence = 2;
     }

     message heddle.inference.v1.Error {
       string message = 1;
     }

     message heddle.inference.v1.Done {
       uint64 tokens = 1;
     }

     A request with every field, to be filled in:
     heddle call heddle.inference.v1.InferenceService/Generate '{"connectionId":"","prompt":"","resumeAfterSequence":"0","maxTokens":"0","tokenIntervalMs":0}'"
    `);
  });

  it.each([
    ["computeservice/execute", '{"task": "echo"}', {}, 0, /"contentType"/],
    [
      "ComputeServce/Execute",
      "{}",
      {},
      3,
      /did you mean heddle\.compute\.v1\.ComputeService\?\n! Try: heddle call heddle/,
    ],
    ["Service/Execute", "{}", {}, 3, /no service's name is or ends with "Service"/],
    ["ComputeService/Exekute", "{}", {}, 3, /did you mean Execute\?\n! Try: heddle call .*ComputeService\/Execute/],
    ["ComputeService/Execute", '{"taks": "echo"}', {}, 2, /taks.*unknown field[^]*Try: heddle call .* --describe/],
    ["ComputeService/Execute", "{", {}, 2, /the request is not right/],
    ["ComputeService/Execute", "{} {}", {}, 2, /takes one request, and there are more/],
    ["ComputeService/Execute", "@nowhere.json", {}, 2, /cannot be read: ENOENT/],
    [
      "ComputeService/Execute",
      '{"task": "nope"}',
      {},
      3,
      /^! NOT_FOUND: there is no task "nope".*\n! Try: heddle call .* --describe/,
    ],
    ["ComputeService/Execute", '{"task": "fail"}', {}, 1, /^! INTERNAL: this task always fails/],
    [
      "ComputeService/Execute",
      "{}",
      { match: "zone=c" },
      1,
      /^! UNAVAILABLE: [^]*Try: heddle explain heddle\.compute\.v1\.ComputeService\/Execute --match zone=c/,
    ],
    [
      "ComputeService/Execute",
      '{"task": "sleep", "parameters": {"ms": "5000"}}',
      { timeoutMs: 50 },
      5,
      /^! DEADLINE_EXCEEDED[^]*longer --timeout/,
    ],
    ["ComputeService/Execute", "{}", { worker: "w" }, 2, /beginning of 2 nodes/],
    ["ComputeService/Execute", "{}", { metadata: ["nocolon"] }, 2, /--metadata is "nocolon": use key:value/],
    ["ComputeService/Execute", "{}", { resumeAfter: 3 }, 1, /not resumable/],
  ] as const)("%s %s %j ends with %i and says what to do", async (target, data, more, code, words) => {
    const ended = await call(target, data, more);
    expect([ended.code, ended.text]).toEqual([code, expect.stringMatching(words)]);
  });

  it("Ctrl-C cancels the call, and says how much had come", async () => {
    const interrupt = new AbortController();
    const running = call(
      "ComputeService/Execute",
      '{"task": "sleep", "parameters": {"ms": "60000"}}',
      {},
      { interrupted: interrupt.signal },
    );
    await cluster.clock.advance(5_000);
    interrupt.abort();
    expect(await running).toMatchObject({ code: 130, lines: ["! Cancelled after 0 messages."] });
  });
});

describe("The input of heddle call", () => {
  const texts = async (...chunks: string[]) => {
    const found: string[] = [];
    for await (const text of jsonTexts(chunks)) found.push(text);
    return found;
  };

  it("is JSON texts on lines, over lines, joined, or cut anywhere", async () => {
    const input = '{"a": "}\\"{"}\n\n[1,\n2]{"b":{}}\n"text"\n42\ntrue';
    const expected = ['{"a": "}\\"{"}', "[1,\n2]", '{"b":{}}', '"text"', "42", "true"];
    expect(await texts(input)).toEqual(expected);
    expect(await texts(...input)).toEqual(expected);
    expect(await texts("", " \n ")).toEqual([]);
  });

  it("metadata is text, or bytes under keys that end in -bin", () => {
    const made = metadataOf({ metadata: ["X-User: ann:b", "trace-bin:AQI="], match: "zone=a", worker: "w1" });
    expect(made.entries()).toEqual([
      ["x-user", "ann:b"],
      ["trace-bin", Buffer.from([1, 2])],
      ["heddle-worker", "w1"],
      ["heddle-match", "zone=a"],
    ]);
    for (const bad of ["a", ":b", "grpc-x:1", "a b:c", "x:é"])
      expect(() => metadataOf({ metadata: [bad] })).toThrow("--metadata");
  });

  it("a call that found nobody can be asked about in the same words", () => {
    expect(explainCommand("a.B/C", { match: "zone=a,gpu", affinity: "it's", worker: "w1" })).toBe(
      "heddle explain a.B/C --worker w1 --match zone=a,gpu --affinity 'it'\\''s'",
    );
  });
});
