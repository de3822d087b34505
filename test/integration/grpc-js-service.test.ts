import { join } from "node:path";
import { credentials, Metadata, Server, ServerCredentials, type ServiceDefinition } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import {
  ComputeServiceClient,
  type ComputeServiceServer,
  ComputeServiceService,
  ExecuteRequest,
  ExecuteResponse,
} from "../../generated/heddle/compute/v1/compute";
import { seededRandom } from "../../src/core/random";
import { systemClock } from "../../src/platform/system-clock";
import { RpcServer } from "../../src/rpc/server/rpc-server";
import type { ServerInterceptor } from "../../src/rpc/service/server-interceptors";
import { grpcJsService } from "../../src/wire/grpc-js-service";
import { GrpcServer } from "../../src/wire/grpc-server";
import { Caller } from "../support/grpc-js/caller";
import { ROOT } from "../support/source-files";
import { DEFINITION, Diary, implementation, LARGE, LARGE_COUNT, trailers } from "../support/grpc-js/service";

interface Running {
  readonly address: string;
  close(): void;
}

const STACKS = {
  "a server of grpc-js itself": async (handlers: ReturnType<typeof implementation>): Promise<Running> => {
    const server = new Server();
    server.addService(DEFINITION, handlers);
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      ),
    );
    return { address: `127.0.0.1:${port}`, close: () => server.forceShutdown() };
  },
  "the engine": (handlers: ReturnType<typeof implementation>) =>
    mounted(new RpcServer({ ...PARTS, clock: systemClock, random: seededRandom(1) }), handlers),
  "the engine, inside of interceptors": (handlers: ReturnType<typeof implementation>) =>
    mounted(new RpcServer({ ...PARTS, clock: systemClock, random: seededRandom(1) }), handlers, [
      async (request, _context, next) => await next(request),
      (request, _context, next) => next(request),
    ]),
  "the transport grpc-js": (handlers: ReturnType<typeof implementation>) => mounted(new GrpcServer(PARTS), handlers),
};

const PARTS = { messageMaxBytes: 4 << 20, keepaliveMs: 0 };

async function mounted(
  server: RpcServer | GrpcServer,
  handlers: ReturnType<typeof implementation>,
  interceptors: readonly ServerInterceptor[] = [],
): Promise<Running> {
  const service = grpcJsService(DEFINITION, handlers);
  const { methods } = interceptors.length === 0 ? service : service.intercepted(interceptors);
  for (const [path, run] of methods) server.handle(path, run);
  return { address: await server.listen("127.0.0.1:0", "TEST_ADDR"), close: () => server.close() };
}

const { one, Gather, Spread, Chat, Missing, MissingStream } = DEFINITION;
const DETAILED = {
  code: 9,
  details: "Größe 100 %",
  trailers: { "x-why": ["because"], "x-raw-bin": [[0, 255]] },
};

describe.each(Object.entries(STACKS))("A service written for grpc-js, on %s", (_name, start) => {
  let diary: Diary;
  let running: Running;
  let caller: Caller;

  beforeEach(async () => {
    diary = new Diary();
    running = await start(implementation(diary));
    caller = new Caller(running.address);
  });
  afterEach(() => {
    caller.client.close();
    running.close();
  });

  it("answers each kind of call", async () => {
    const answers = await Promise.all([
      caller.one(one, "a"),
      caller.gather(Gather, (call) => {
        for (const text of ["a", "b", "c"]) call.write(text);
        call.end();
      }),
      caller.spread(Spread, "xyz"),
      caller.chat(Chat, (call) => {
        call.write("a");
        call.write("b");
        call.end();
      }),
    ]);
    expect(answers.map(({ code, messages }) => [code, messages])).toEqual([
      [0, ["one a"]],
      [0, ["a+b+c"]],
      [0, ["x", "y", "z"]],
      [0, ["you said a", "you said b"]],
    ]);
  });

  it("shows the handler who called what, and until when", async () => {
    const deadline = Date.now() + 20_000;
    const { messages } = await caller.one(one, "describe", new Metadata(), { deadline });
    expect(messages).toEqual([`/test.Grpc/One ${running.address} 127.0.0.1:port true false [object Object]`]);
  });

  it("carries metadata both ways: text, repeated, binary, and the first that is sent counts", async () => {
    const metadata = trailers({ "x-raw-bin": Buffer.from([0, 1, 255]) });
    metadata.add("x-text", "a");
    metadata.add("x-text", "b");
    const seen = await caller.one(one, "metadata", metadata);
    expect(seen).toEqual({
      messages: [JSON.stringify(["a, b", [[0, 1, 255]]])],
      headers: { "x-head": ["first"], "x-head-bin": [[1, 2]] },
      code: 0,
      details: "",
      trailers: { "x-end": ["1"], "x-end-bin": [[3]] },
    });
  });

  it.each([
    ["an error with code, details and metadata", "detailed", DETAILED],
    ["trailers beside an error", "trailers win", { ...DETAILED, trailers: { "x-why": ["the callback says so"] } }],
    ["an error without a code", "plain error", { code: 2, details: "no code" }],
    ["a status that is no error", "status object", { code: 5, details: "gone" }],
    ["a throw, of which nothing is told", "throw", { code: 2, details: "Unknown error" }],
    ["an answer that cannot be serialized", "nothing", { code: 13, details: "Error serializing response" }],
    ["a request that cannot be deserialized", "unreadable", { code: 13, details: "Error deserializing request" }],
  ])("ends a unary call with %s", async (_what, request, end) => {
    expect(await caller.one(one, request)).toMatchObject({ messages: [], ...end });
  });

  it.each([
    ["what came before an error, and the error", "detailed", { messages: ["one", "two"], ...DETAILED }],
    ["an emitted object that is no Error", "error with trailers", { messages: ["one"], code: 7, details: "no" }],
    ["trailers that `end` was given", "trailers", { messages: ["one"], code: 0, trailers: { "x-end": ["late"] } }],
    ["a throw, of which nothing is told", "throw", { messages: [], code: 2, details: "Unknown error" }],
    ["a message that cannot be serialized", "unwritable", { code: 13, details: "Error serializing response" }],
  ])("streams %s", async (_what, request, expected) => {
    expect(await caller.spread(Spread, request)).toMatchObject(expected);
  });

  it("answers an upload before it is whole, and fails one", async () => {
    const early = caller.gather(Gather, (call) => {
      call.write("a");
      call.write("enough");
    });
    const failed = caller.gather(Gather, (call) => call.write("detailed"));
    expect([await early, await failed]).toMatchObject([
      { code: 0, messages: ["a+enough"] },
      { messages: [], ...DETAILED },
    ]);
  });

  it("ends a dialogue from the server's side, well or with an error", async () => {
    const ended = caller.chat(Chat, (call) => {
      call.write("a");
      call.write("bye");
    });
    const failed = caller.chat(Chat, (call) => {
      call.write("a");
      call.write("detailed");
    });
    expect([await ended, await failed]).toMatchObject([
      { code: 0, messages: ["you said a"], trailers: { "x-end": ["bye"] } },
      { messages: ["you said a"], ...DETAILED },
    ]);
  });

  it("answers methods without a handler with UNIMPLEMENTED", async () => {
    const details = (name: string) => ({ code: 12, details: `The server does not implement the method ${name}` });
    expect(await caller.one(Missing, "a")).toMatchObject(details("Missing"));
    expect(await caller.chat(MissingStream, (call) => call.end())).toMatchObject(details("MissingStream"));
  });

  it.each([
    ["unary", () => caller.client.makeUnaryRequest(one.path, ...codec(one), "never", () => {})],
    ["upload", () => begun(caller.client.makeClientStreamRequest(Gather.path, ...codec(Gather), () => {}))],
    ["download", () => read(caller.client.makeServerStreamRequest(Spread.path, ...codec(Spread), "hold"))],
    ["dialogue", () => begun(read(caller.client.makeBidiStreamRequest(Chat.path, ...codec(Chat))))],
  ])("tells the handler of a cancelled %s", async (_kind, begin) => {
    const call = begin();
    await diary.whenHas("began");
    call.cancel();
    await diary.whenHas("cancelled: true");
    expect(diary.lines.slice(0, 2)).toEqual(["began", "cancelled: true"]);
  });

  it("ends a call whose deadline passes, and tells its handler", async () => {
    const { code } = await caller.one(one, "never", new Metadata(), { deadline: Date.now() + 300 });
    await diary.whenHas("cancelled: true");
    expect(code).toBe(4);
  });

  it("tells handlers of every end, and destroys their streams", async () => {
    await caller.one(one, "a");
    await diary.whenHas("cancelled: true");
    await caller.chat(Chat, (call) => call.end());
    await diary.whenHas("closed");
    expect(diary.lines).toEqual(["cancelled: true", "cancelled: true", "closed"]);
  });

  it("holds back a handler whose caller does not read, and lets it go on", async () => {
    const received: string[] = [];
    const call = caller.client.makeServerStreamRequest(Spread.path, ...codec(Spread), "pressure");
    await diary.whenHas("held back");
    for await (const message of call) received.push(message as string);
    expect([received.length, received.every((each) => each === LARGE)]).toEqual([LARGE_COUNT, true]);
  });

  it("holds back a caller whose handler does not read", async () => {
    const { address, close } = await start({ gather: () => {} });
    const other = new Caller(address);
    const call = other.client.makeClientStreamRequest(Gather.path, ...codec(Gather), () => {});
    call.on("error", () => {});
    let written = 0;
    while (call.write(LARGE) || (await drainedWithin(call))) written += 1;
    other.client.close();
    close();
    // 16 messages on each side, and the windows and sockets between them.
    expect(written).toBeLessThan(16 + 16 + (16 << 20) / LARGE.length);
  });
});

type Codec<Q, A> = [requestSerialize: (message: Q) => Buffer, responseDeserialize: (bytes: Buffer) => A];

function codec({ requestSerialize, responseDeserialize }: typeof one): Codec<string, string> {
  return [requestSerialize, responseDeserialize];
}

function begun<C extends { write(text: string): boolean }>(call: C): C {
  call.write("hold");
  return call;
}

function read<C extends { on(event: string, listener: () => void): unknown }>(call: C): C {
  call.on("data", () => {});
  call.on("error", () => {});
  return call;
}

/** False: for as long as nothing moves in this process, nobody takes more. */
async function drainedWithin(call: { once(event: "drain", run: () => void): unknown }): Promise<boolean> {
  let drained = false;
  call.once("drain", () => (drained = true));
  for (let turns = 0; turns < 200 && !drained; turns += 1) await new Promise((resolve) => setImmediate(resolve));
  return drained;
}

describe("A service written for grpc-js, where grpc-js would end the process or leave a call open", () => {
  const withMethods = (handlers: Readonly<Record<string, unknown>>) =>
    mounted(
      new RpcServer({ ...PARTS, clock: systemClock, random: seededRandom(1) }),
      handlers as ReturnType<typeof implementation>,
    );
  let running: Running | undefined;
  let caller: Caller | undefined;
  afterEach(() => {
    caller?.client.close();
    running?.close();
  });

  it("ends the call of a handler that rejects, as its callback would", async () => {
    const error = Object.assign(new Error("m"), { code: 5, details: "gone" });
    running = await withMethods({ one: () => Promise.reject(error) });
    caller = new Caller(running.address);
    expect(await caller.one(one, "a")).toMatchObject({ code: 5, details: "gone" });
  });

  it("ends the call of a listener that throws, and no other on its connection", async () => {
    running = await withMethods({
      ...implementation(new Diary()),
      gather: (call: NodeJS.EventEmitter) =>
        call.on("data", () => {
          throw new Error("in a listener");
        }),
    });
    caller = new Caller(running.address);
    const innocent = caller.chat(Chat, (call) => {
      call.write("a");
      setImmediate(() => call.end("b"));
    });
    const failed = await caller.gather(Gather, (call) => call.write("a"));
    expect(failed).toMatchObject({ code: 2, details: "in a listener" });
    expect(await innocent).toMatchObject({ code: 0, messages: ["you said a", "you said b"] });
  });

  it("ends the call of a stream that is destroyed", async () => {
    running = await withMethods({
      spread: (call: { destroy(error: Error): void }) => call.destroy(new Error("broken")),
    });
    caller = new Caller(running.address);
    expect(await caller.spread(Spread, "a")).toMatchObject({ code: 2, details: "broken" });
  });

  it("takes what ts-proto and @grpc/proto-loader generate", async () => {
    const execute: ComputeServiceServer["execute"] = ({ request }, callback) =>
      callback(null, ExecuteResponse.fromPartial({ workerLabel: `ran ${request.task}` }));
    const generated: ComputeServiceServer = { execute, executeStream: (call) => call.end() };
    const proto = loadSync(join(ROOT, "proto/heddle/compute/v1/compute.proto"), {
      includeDirs: [join(ROOT, "proto")],
    });
    const loaded = proto["heddle.compute.v1.ComputeService"] as ServiceDefinition;
    const byOriginalName = { execute: generated.execute };
    for (const service of [grpcJsService(ComputeServiceService, generated), grpcJsService(loaded, byOriginalName)]) {
      expect([service.fullName, service.methods.size]).toEqual(["heddle.compute.v1.ComputeService", 2]);
      const server = new RpcServer({ ...PARTS, clock: systemClock, random: seededRandom(1) });
      for (const [path, run] of service.methods) server.handle(path, run);
      running = { address: await server.listen("127.0.0.1:0", "TEST_ADDR"), close: () => server.close() };
      const client = new ComputeServiceClient(running.address, credentials.createInsecure());
      const answer = await new Promise((resolve, reject) =>
        client.execute(ExecuteRequest.fromPartial({ task: "t" }), (error, value) =>
          error ? reject(error) : resolve(value),
        ),
      );
      expect(answer).toMatchObject({ workerLabel: "ran t" });
      client.close();
      running.close();
    }
  });

  it("refuses a definition of no service, or of two", () => {
    expect(() => grpcJsService({}, {})).toThrow(/has the methods of one service/);
    const other = { ...one, path: "/test.Other/One" };
    expect(() => grpcJsService({ one, other }, {})).toThrow(/test.Grpc, test.Other/);
  });
});
