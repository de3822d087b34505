import { ExecuteRequest, ExecuteResponse } from "../../generated/heddle/compute/v1/compute";
import { CallError, type FabricError } from "../../src/core/errors";
import { Status } from "../../src/core/status";
import { typedClient } from "../../src/rpc/service/typed-client";
import { TestTls } from "../support/test-tls";
import { all, ask, ECHO, EchoRig, LOOSE, say } from "./echo-rig";
import { WAYS } from "./grpc-fixtures";

const LIMIT_BYTES = 20_000;
const STRICT_BYTES = 18_000;

const tls = new TestTls();
beforeAll(() => tls.make());
afterAll(() => tls.remove());

/** "5 [REMOTE] no such cart". */
const endOf = (failed: Promise<unknown>) =>
  failed.then(
    () => "0",
    (error: FabricError) => `${error.status} ${error.message}`,
  );
const codeOf = (failed: Promise<unknown>) =>
  failed.then(
    () => "OK",
    (error: FabricError) => error.code,
  );

/** What the encoding of a message adds to a field of bytes: its tag, and its length. */
const FIELD_BYTES = 4;
/** Messages whose encoding has so many bytes. */
const request = (bytes: number) => ({ input: Buffer.alloc(bytes - FIELD_BYTES) });
const answer = (bytes: number) => ({ output: Buffer.alloc(bytes - FIELD_BYTES) });

/** What a handler may throw, and what the caller is told of it. */
const THROWN: readonly (readonly [what: string, thrown: unknown, end: string])[] = [
  ["an Error", new Error("boom"), "13 [HANDLER_FAILED] boom"],
  ["a string", "boom", "13 [HANDLER_FAILED] boom"],
  ["undefined", undefined, "13 [HANDLER_FAILED] undefined"],
  ["null", null, "13 [HANDLER_FAILED] null"],
  ["an object without a prototype", Object.create(null), "13 [HANDLER_FAILED] [object Object]"],
  ["an Error that says half a character", new Error("a\ud800b"), "13 [HANDLER_FAILED] a\ufffdb"],
  ["a status", new CallError(Status.NOT_FOUND, "no such cart"), "5 [REMOTE] no such cart"],
];

describe.each(WAYS)("Typed calls that fail, $client to $server, $path, $security", (way) => {
  const echo = new EchoRig(way, tls, LIMIT_BYTES);
  beforeAll(() => echo.open());
  afterEach(() => echo.whenAtRest());
  afterAll(() => echo.close());

  async function isFine(): Promise<string> {
    echo.serve({ unary: ({ task }) => say(task) });
    return (await echo.client.unary(ask("fine"))).workerLabel;
  }

  /** How calls of each kind end, with no more than two answers. */
  function endsOfAll(): Promise<string[]> {
    const { client } = echo;
    return Promise.all([
      endOf(client.unary(ask("x"))),
      endOf(all(client.serverStream(ask("x")))),
      endOf(client.clientStream([ask("x")])),
      endOf(all(client.bidi([ask("x")]))),
    ]);
  }

  // ---- Handlers --------------------------------------------------------------------------------------------------------

  it.each(THROWN)(
    "end so when a handler of any kind throws %s, at once or in a promise",
    async (_what, thrown, end) => {
      const fail = (): never => {
        throw thrown;
      };
      echo.serve({ unary: fail, serverStream: fail, clientStream: fail, bidi: fail });
      const atOnce = await endsOfAll();
      const failLater = async (): Promise<never> => {
        await Promise.resolve();
        throw thrown;
      };
      const failWithin = async function* () {
        yield await failLater();
      };
      echo.serve({ unary: failLater, serverStream: failWithin, clientStream: failLater, bidi: failWithin });
      expect([atOnce, await endsOfAll()]).toEqual([Array(4).fill(end), Array(4).fill(end)]);
      expect(await isFine()).toBe("fine");
    },
  );

  it("give the answers that came before a failure, then the failure with its trailers", async () => {
    const failing = async function* (_request: unknown, { trailers }: { trailers: { set(key: string, value: string): void } }) {
      yield* [say("one"), say("two")];
      trailers.set("x-cost", "2");
      await Promise.resolve();
      throw new CallError(Status.DATA_LOSS, "the disk is gone");
    }; // prettier-ignore
    echo.serve({ serverStream: failing, bidi: failing });
    const seen: string[] = [];
    const options = {
      onTrailers: (trailers: { text(key: string): string | undefined }) => seen.push(trailers.text("x-cost")!),
    };
    const read = async (answers: AsyncIterable<{ readonly workerLabel: string }>) => {
      for await (const { workerLabel } of answers) seen.push(workerLabel);
    };
    expect(await endOf(read(echo.client.serverStream(ask("x"), options)))).toBe("15 [REMOTE] the disk is gone");
    expect(await endOf(read(echo.client.bidi([ask("x")], options)))).toBe("15 [REMOTE] the disk is gone");
    expect(seen.toSorted()).toEqual(["2", "2", "one", "one", "two", "two"]);
  });

  it("end with INTERNAL where a handler answers what is no stream, or cannot be encoded", async () => {
    const wrong = (() => ({ output: 5 })) as never;
    echo.serve({ unary: wrong, clientStream: wrong, serverStream: wrong, bidi: wrong });
    const internal = expect.stringMatching(/^13 \[HANDLER_FAILED\]/) as string;
    expect(await endsOfAll()).toEqual(Array(4).fill(internal));
    expect(await isFine()).toBe("fine");
  });

  it("fail with what their requests' iterator threw", async () => {
    echo.serve({ clientStream: async (requests) => say(String((await all(requests)).length)) });
    const requests = async function* () {
      yield ask("x");
      await Promise.resolve();
      throw new Error("the disk is full");
    };
    await expect(echo.client.clientStream(requests())).rejects.toThrow("the disk is full");
    expect(await isFine()).toBe("fine");
  });

  // ---- The number of messages ------------------------------------------------------------------------------------------

  it.each([
    [0, "REMOTE"],
    [1, "OK"],
    [2, "REMOTE"],
    [100, "REMOTE"],
  ])("that take one answer and get %i end with %s", async (count, code) => {
    const many = async function* () {
      for (let sent = 0; sent < count; sent += 1) yield say("x");
      await Promise.resolve();
    };
    echo.serveLoosely({ unary: many, clientStream: many });
    const strict = typedClient({ ...ECHO, fullName: LOOSE.fullName }, echo.connection);
    expect(await codeOf(strict.unary(ask("x")))).toBe(code);
    expect(await codeOf(strict.clientStream([ask("x")]))).toBe(code);
  });

  it.each([0, 2, 100])(
    "of a method that takes one request and gets %i are refused, and run no handler",
    async (count) => {
      let ran = false;
      const run = () => {
        ran = true;
        return say("x");
      };
      echo.serve({ unary: run, serverStream: run as never });
      const loose = typedClient({ ...LOOSE, fullName: ECHO.fullName }, echo.connection);
      const requests = Array.from({ length: count }, () => ask("x"));
      const refused = "3 [REMOTE] a unary method takes exactly one request message";
      expect(await endOf(all(loose.unary(requests)))).toBe(refused);
      expect(await endOf(all(loose.serverStream(requests)))).toBe(refused);
      expect(ran).toBe(false);
    },
  );

  // ---- Lengths ---------------------------------------------------------------------------------------------------------

  it("carry messages as long as may be, and one byte less", async () => {
    echo.serve({
      unary: ({ input }) =>
        answer(input.length > request(LIMIT_BYTES - 1).input.length ? LIMIT_BYTES : LIMIT_BYTES - 1),
    });
    const lengths = [LIMIT_BYTES - 1, LIMIT_BYTES];
    const answers = await Promise.all(lengths.map((bytes) => echo.client.unary(request(bytes))));
    expect(answers.map((each) => ExecuteResponse.encode(each).finish().length)).toEqual(lengths);
  });

  it("end with MESSAGE_TOO_LARGE at a request one byte too long, whoever looks first", async () => {
    echo.serve({ unary: () => say("x"), clientStream: async (requests) => say(String((await all(requests)).length)) });
    const generous = echo.anotherClient(1 << 20);
    const long = request(LIMIT_BYTES + 1);
    const ends = [echo.client.unary(long), generous.unary(long), echo.client.clientStream([ask("x"), long]), generous.clientStream([ask("x"), long])]; // prettier-ignore
    expect(await Promise.all(ends.map(codeOf))).toEqual(Array(4).fill("MESSAGE_TOO_LARGE"));
    expect(await isFine()).toBe("fine");
  });

  it("end with MESSAGE_TOO_LARGE at an answer one byte too long, after those before it, whoever looks first", async () => {
    const long = answer(LIMIT_BYTES + 1);
    const short = answer(STRICT_BYTES + 1);
    echo.serve({
      unary: ({ task }) => (task === "short" ? short : long),
      serverStream: async function* ({ task }) {
        yield say("first");
        yield task === "short" ? short : long;
        await Promise.resolve();
      },
    });
    const strict = echo.anotherClient(STRICT_BYTES);
    const seen: string[] = [];
    const read = async (answers: AsyncIterable<{ readonly workerLabel: string }>) => {
      for await (const { workerLabel } of answers) seen.push(workerLabel);
    };
    const ends = [
      codeOf(echo.client.unary(ask("long"))),
      codeOf(strict.unary(ask("short"))),
      codeOf(read(echo.client.serverStream(ask("long")))),
      codeOf(all(strict.serverStream(ask("short")))),
    ];
    expect([await Promise.all(ends), seen]).toEqual([Array(4).fill("MESSAGE_TOO_LARGE"), ["first"]]);
    expect(await isFine()).toBe("fine");
  });

  // ---- What is not there, and not to be read ---------------------------------------------------------------------------

  it("of unknown methods and services are UNIMPLEMENTED, whatever they send", async () => {
    const missing = { ...ECHO, methods: { ...ECHO.methods, unary: { ...ECHO.methods.unary, name: "Missing" } } };
    const ends = [
      typedClient(missing, echo.connection).unary(ask("x")),
      typedClient({ ...ECHO, fullName: "test.v1.Nothing" }, echo.connection).unary(ask("x")),
      all(typedClient({ ...ECHO, fullName: "test.v1.Nothing" }, echo.connection).bidi([ask("x"), ask("y")])),
    ];
    const statuses = await Promise.all(ends.map(endOf));
    expect(statuses.map((end) => end.split(" ")[0])).toEqual(["12", "12", "12"]);
  });

  /** Encodes every message into what no protobuf is. */
  const garbled = <Codec extends object>(codec: Codec) => ({
    ...codec,
    encode: () => ({ finish: () => Uint8Array.from([0x0f, 0xff]) }),
  });

  it("whose requests cannot be decoded are the caller's mistake", async () => {
    echo.serve({ unary: () => say("x"), clientStream: async (requests) => say(String((await all(requests)).length)) });
    const requestType = garbled(ExecuteRequest);
    const { unary, clientStream } = ECHO.methods;
    const methods = { unary: { ...unary, requestType }, clientStream: { ...clientStream, requestType } };
    const client = typedClient({ ...ECHO, methods }, echo.connection);
    const ends = await Promise.all([endOf(client.unary(ask("x"))), endOf(client.clientStream([ask("x"), ask("y")]))]);
    const undecodable = expect.stringMatching(/^3 \[REMOTE\] the request cannot be decoded/) as string;
    expect(ends).toEqual([undecodable, undecodable]);
    expect(await isFine()).toBe("fine");
  });

  it("whose answers cannot be decoded fail, and leave others alone", async () => {
    const responseType = {
      ...ExecuteResponse,
      decode: (): ExecuteResponse => {
        throw new Error("wire type 7");
      },
    };
    const { unary, serverStream } = ECHO.methods;
    const methods = { unary: { ...unary, responseType }, serverStream: { ...serverStream, responseType } };
    const client = typedClient({ ...ECHO, methods }, echo.connection);
    echo.serve({
      unary: () => say("x"),
      serverStream: async function* () {
        yield* [say("x"), say("y")];
        await Promise.resolve();
      },
    });
    expect(await Promise.all([codeOf(client.unary(ask("x"))), codeOf(all(client.serverStream(ask("x"))))])).toEqual(["REMOTE", "REMOTE"]); // prettier-ignore
    expect(await isFine()).toBe("fine");
  });
});

/** A client of grpc-js drops what came with the same read before a message that is too long. */
describe.each(WAYS.filter(({ client }) => client === "engine"))(
  "An answer over the client's limit, $client to $server, $path, $security",
  (way) => {
    const echo = new EchoRig(way, tls);
    beforeAll(() => echo.open());
    afterEach(() => echo.whenAtRest());
    afterAll(() => echo.close());

    it("ends its call after the answers before it", async () => {
      echo.serve({
        serverStream: async function* () {
          yield* [say("one"), say("two"), answer(STRICT_BYTES + 1), say("three")];
          await Promise.resolve();
        },
      });
      const seen: string[] = [];
      const read = async () => {
        const answers = echo.anotherClient(STRICT_BYTES).serverStream(ask("x"));
        for await (const { workerLabel } of answers) seen.push(workerLabel);
      };
      expect([await codeOf(read()), seen]).toEqual(["MESSAGE_TOO_LARGE", ["one", "two"]]);
    });
  },
);
