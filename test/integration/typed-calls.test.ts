import { CallMetadata } from "../../src/core/call-metadata";
import { CallError, type FabricError } from "../../src/core/errors";
import { Status } from "../../src/core/status";
import type { CallContext } from "../../src/rpc/service/call-context";
import { TestTls } from "../support/test-tls";
import { aborted, all, ask, EchoRig, Gate, say } from "./echo-rig";
import { type Serving, WAYS } from "./grpc-fixtures";

/** What is not the same on all ways: node:http2 joins the values of a key that is repeated, as RFC 9110 §5.3 allows. */
const REPEATED: Readonly<Record<Serving, readonly string[]>> = {
  engine: ["one", "two"],
  "engine, threads": ["one", "two"],
  "grpc-js": ["one, two"],
};

/** A client of grpc-js that is just sending when an answer ends the call early takes it for a failure ("Write error: write after end"). */
const ENGINE_CLIENTS = WAYS.filter(({ client }) => client === "engine");

/** grpc-js neither says what it takes nor looks at what the other side says. */
const ENGINE_ENDS = ENGINE_CLIENTS.filter(({ server }) => server !== "grpc-js");

const tls = new TestTls();
beforeAll(() => tls.make());
afterAll(() => tls.remove());

const code = (error: FabricError) => error.code;
const labels = async (answers: AsyncIterable<{ readonly workerLabel: string }>) =>
  (await all(answers)).map(({ workerLabel }) => workerLabel);
const tasks = async (requests: AsyncIterable<{ readonly task: string }>) =>
  (await all(requests)).map(({ task }) => task);
const numbers = (count: number) => Array.from({ length: count }, (_, index) => String(index));

function entriesOf(metadata: CallMetadata | undefined, key: string) {
  return metadata?.entries().flatMap(([name, value]) => (name === key ? [value] : []));
}

describe.each(WAYS)("Typed calls, $client to $server, $path, $security", (way) => {
  const echo = new EchoRig(way, tls);
  beforeAll(() => echo.open());
  afterEach(() => echo.whenAtRest());
  afterAll(() => echo.close());

  // ---- Messages --------------------------------------------------------------------------------------------------------

  it("carry one request and one answer", async () => {
    echo.serve({ unary: ({ task, input }) => ({ workerLabel: `${task}!`, output: input }) });
    const input = Buffer.from([0, 1, 254, 255]);
    expect(await echo.client.unary({ task: "größer", input })).toMatchObject({ workerLabel: "größer!", output: input });
  });

  it.each([0, 1, 3, 2_000])("carry %i messages in order in each direction that streams", async (count) => {
    echo.serve({
      serverStream: async function* ({ task }) {
        for (const number of numbers(Number(task))) yield say(number);
        await Promise.resolve();
      },
      clientStream: async (requests) => say((await tasks(requests)).join()),
      bidi: async function* (requests) {
        for await (const { task } of requests) yield say(task);
      },
    });
    const { client } = echo;
    const sent = numbers(count);
    const seen = await Promise.all([
      labels(client.serverStream(ask(String(count)))),
      client.clientStream(sent.map(ask)).then(({ workerLabel }) => workerLabel),
      labels(client.bidi(sent.map(ask))),
    ]);
    expect(seen).toEqual([sent, sent.join(), sent]);
  });

  it("carry messages of no bytes", async () => {
    const received: unknown[] = [];
    echo.serve({
      unary: (request) => {
        received.push(request);
        return {};
      },
      bidi: async function* (requests) {
        for await (const request of requests) {
          received.push(request);
          yield {};
        }
      },
    });
    const empty = { output: Buffer.alloc(0), contentType: "", elapsedMs: 0, workerLabel: "" };
    expect(await echo.client.unary({})).toEqual(empty);
    expect(await all(echo.client.bidi([{}, {}, {}]))).toEqual([empty, empty, empty]);
    expect(received).toEqual(Array.from({ length: 4 }, () => ({ task: "", input: Buffer.alloc(0), parameters: new Map() }))); // prettier-ignore
  });

  it("of all four kinds run beside each other without taking each other's messages", async () => {
    echo.serve({
      unary: ({ task }) => say(task),
      serverStream: async function* ({ task }) {
        for (const part of [task, task]) yield say(part);
        await Promise.resolve();
      },
      clientStream: async (requests) => say((await tasks(requests)).join("")),
      bidi: async function* (requests) {
        for await (const { task } of requests) yield say(task);
      },
    });
    const { client } = echo;
    const seen = await Promise.all(
      numbers(50).map(async (number) => [
        (await client.unary(ask(number))).workerLabel,
        (await labels(client.serverStream(ask(number)))).join(),
        (await client.clientStream([ask(number), ask("-")])).workerLabel,
        (await labels(client.bidi([ask(number), ask("-")]))).join(),
      ]),
    );
    expect(seen).toEqual(numbers(50).map((each) => [each, `${each},${each}`, `${each}-`, `${each},-`]));
  });

  // ---- Metadata --------------------------------------------------------------------------------------------------------

  it("carry metadata both ways: repeated keys in order, bytes as bytes, and nothing of the transport's own", async () => {
    let received: CallMetadata | undefined;
    echo.serve({
      unary: (_request, { metadata, headers, trailers }) => {
        received = metadata;
        for (const each of [headers, trailers]) fill(each);
        return say("done");
      },
    });
    const [metadata, heard] = [new CallMetadata(), [] as CallMetadata[]];
    fill(metadata);
    await echo.client.unary(ask("x"), {
      metadata,
      onHeaders: (headers) => heard.push(headers),
      onTrailers: (trailers) => heard.push(trailers),
    });
    const at = (receiver: Serving) => ({
      text: REPEATED[receiver],
      binary: [Buffer.from([0, 255]), Buffer.from("€,")],
      upper: ["kept as it is: A, b %41"],
      transport: [[], [], []],
    });
    const shown = (each: CallMetadata | undefined) => ({
      text: entriesOf(each, "x-text"),
      binary: entriesOf(each, "x-key-bin"),
      upper: entriesOf(each, "x-upper"),
      transport: ["content-type", "te", "grpc-encoding"].map((key) => entriesOf(each, key)),
    });
    expect([received, ...heard].map(shown)).toEqual([at(way.server), at(way.client), at(way.client)]);
  });

  function fill(metadata: CallMetadata): void {
    metadata.append("x-text", "one");
    metadata.append("x-text", "two");
    metadata.append("x-key-bin", Buffer.from([0, 255]));
    metadata.append("x-key-bin", Buffer.from("€,"));
    metadata.append("X-Upper", "kept as it is: A, b %41");
  }

  it("carry 12 KiB of metadata each way", async () => {
    const long = "0123456789abcdef".repeat(768);
    echo.serve({
      unary: (_request, { metadata, trailers }) => {
        trailers.set("x-long", metadata.text("x-long")!);
        return {};
      },
    });
    let back: string | undefined;
    await echo.client.unary(ask("x"), {
      metadata: { "x-long": long },
      onTrailers: (trailers) => (back = trailers.text("x-long")),
    });
    expect(back).toBe(long);
  });

  it("with more metadata than most servers take leave the calls beside them alone", async () => {
    echo.serve({ unary: () => say("fine") });
    const metadata = new CallMetadata();
    for (const number of numbers(33)) metadata.append(`x-${number}`, "y".repeat(2_000));
    const large = echo.client.unary(ask("x"), { metadata, timeoutMs: 10_000 }).catch(code);
    expect((await echo.client.unary(ask("x"))).workerLabel).toBe("fine");
    await large;
    expect((await echo.client.unary(ask("x"))).workerLabel).toBe("fine");
  });

  it("show headers as soon as the server sends them, without waiting for an answer", async () => {
    const [heard, told] = [new Gate(), [] as string[]];
    echo.serve({
      unary: async (_request, { headers, sendHeaders }) => {
        headers.set("x-model", "m");
        sendHeaders();
        await heard.opened;
        return say("done");
      },
    });
    const answer = await echo.client.unary(ask("x"), {
      onHeaders: (headers) => {
        told.push(`headers ${headers.text("x-model")}`);
        heard.open();
      },
      onTrailers: () => told.push("trailers"),
    });
    expect([told, answer.workerLabel]).toEqual([["headers m", "trailers"], "done"]);
  });

  // ---- The end ---------------------------------------------------------------------------------------------------------

  it("end with every status as it was given, its message to the letter, its details as bytes", async () => {
    const details = Buffer.from([8, 5, 18, 2, 104, 105]);
    const message = "Größe 100 %\n„zweite“ Zeile 日本 🎉 %41 ";
    echo.serve({
      unary: ({ task }, { trailers }) => {
        trailers.set("grpc-status-details-bin", details);
        throw new CallError(Number(task) as Status, message);
      },
    });
    const statuses = numbers(17).slice(1).map(Number);
    const ends = await Promise.all(
      statuses.map(async (status) => {
        let trailers: CallMetadata | undefined;
        const error = await echo.client
          .unary(ask(String(status)), { onTrailers: (each) => (trailers = each) })
          .catch((each: FabricError) => each);
        const { message: said, status: ended } = error as FabricError;
        return [ended, said, entriesOf(trailers, "grpc-status-details-bin")];
      }),
    );
    expect(ends).toEqual(statuses.map((status) => [status, `[REMOTE] ${message}`, [details]]));
  });

  it("have a deadline that both sides keep, whatever their kind", async () => {
    const seen: CallContext[] = [];
    const waiting = async (context: CallContext) => {
      seen.push(context);
      await aborted(context.signal);
      return say("late");
    };
    const stream = async function* (_request: unknown, context: CallContext) {
      yield say("first");
      yield await waiting(context);
    };
    echo.serve({
      unary: (_request, context) => waiting(context),
      clientStream: (_requests, context) => waiting(context),
      serverStream: stream,
      bidi: stream,
    });
    const { client } = echo;
    const [options, never] = [{ timeoutMs: 500 }, new Gate()];
    const unending = async function* () {
      yield ask("x");
      await never.opened;
    };
    const ends = await Promise.all([
      client.unary(ask("x"), options).catch(code),
      client.clientStream(unending(), options).catch(code),
      all(client.serverStream(ask("x"), options)).catch(code),
      all(client.bidi(unending(), options)).catch(code),
    ]);
    never.open();
    await Promise.all(seen.map(({ signal }) => aborted(signal)));
    const isTold = ({ timeoutMs = 0 }: CallContext) => timeoutMs > 0 && timeoutMs <= 500;
    expect([ends, seen.map(isTold)]).toEqual([Array(4).fill("DEADLINE_EXCEEDED"), Array(4).fill(true)]);
  });

  it("without a deadline have none at the server", async () => {
    const seen: (number | undefined)[] = [];
    echo.serve({
      unary: (_request, { timeoutMs }) => {
        seen.push(timeoutMs);
        return {};
      },
    });
    await echo.client.unary(ask("x"));
    expect(seen).toEqual([undefined]);
  });

  it("are cancelled at both sides by their signal, whatever their kind", async () => {
    const [abort, running, seen] = [new AbortController(), new Gate(), [] as CallContext[]];
    const waiting = async (context: CallContext) => {
      seen.push(context);
      if (seen.length === 4) running.open();
      await aborted(context.signal);
      return say("late");
    };
    const stream = async function* (_request: unknown, context: CallContext) {
      yield await waiting(context);
    };
    echo.serve({
      unary: (_request, context) => waiting(context),
      clientStream: (_requests, context) => waiting(context),
      serverStream: stream,
      bidi: stream,
    });
    const { client } = echo;
    const options = { signal: abort.signal };
    const ends = [
      client.unary(ask("x"), options).catch(code),
      client.clientStream([ask("x")], options).catch(code),
      all(client.serverStream(ask("x"), options)).catch(code),
      all(client.bidi([ask("x")], options)).catch(code),
    ];
    await running.opened;
    abort.abort();
    expect(await Promise.all(ends)).toEqual(Array(4).fill("CANCELLED"));
    await Promise.all(seen.map(({ signal }) => aborted(signal)));
  });

  it("that were cancelled before they began do not answer", async () => {
    echo.serve({ unary: () => say("answered") });
    const signal = AbortSignal.abort();
    expect(await echo.client.unary(ask("x"), { signal }).catch(code)).toBe("CANCELLED");
    expect(await all(echo.client.bidi([ask("x")], { signal })).catch(code)).toBe("CANCELLED");
  });

  it("are cancelled at the server when a reader leaves early", async () => {
    const cleanedUp = new Gate();
    echo.serve({
      serverStream: async function* (_request, { signal }) {
        try {
          for (;;) {
            yield say("more");
            await Promise.resolve();
            signal.throwIfAborted();
          }
        } finally {
          cleanedUp.open();
        }
      },
    });
    const read: string[] = [];
    for await (const { workerLabel } of echo.client.serverStream(ask("x"))) {
      read.push(workerLabel);
      if (read.length === 3) break;
    }
    await cleanedUp.opened;
    expect(read).toEqual(["more", "more", "more"]);
  });

  // ---- Orders ----------------------------------------------------------------------------------------------------------

  it("are conversations: each side may wait for the other at every message", async () => {
    const heard: Gate[] = numbers(5).map(() => new Gate());
    echo.serve({
      bidi: async function* (requests) {
        for await (const { task } of requests) yield say(`re: ${task}`);
        yield say("bye");
      },
    });
    const questions = async function* () {
      for (const number of numbers(5)) {
        yield ask(number);
        await heard[Number(number)]!.opened;
      }
    };
    const answers: string[] = [];
    for await (const { workerLabel } of echo.client.bidi(questions())) {
      heard[answers.push(workerLabel) - 1]?.open();
    }
    expect(answers).toEqual([...numbers(5).map((number) => `re: ${number}`), "bye"]);
  });

  it("go on with answers long after the requests ended, and with requests long after the answers began", async () => {
    const [read, halfClosed] = [new Gate(), new Gate()];
    echo.serve({
      bidi: async function* (requests) {
        yield say("before any request");
        yield say((await tasks(requests)).join());
        halfClosed.open();
        await read.opened;
        for (const number of numbers(20)) yield say(number);
      },
    });
    const questions = async function* () {
      for (const number of numbers(20)) yield ask(number);
      await Promise.resolve();
    };
    const answers = echo.client.bidi(questions())[Symbol.asyncIterator]();
    const first = await answers.next();
    await halfClosed.opened;
    read.open();
    const rest = await labels({ [Symbol.asyncIterator]: () => answers });
    expect([first.value?.workerLabel, ...rest]).toEqual(["before any request", numbers(20).join(), ...numbers(20)]);
  });

  it("may be answered in full before their requests have ended", async () => {
    const answered = new Gate();
    const unended = async function* () {
      yield ask("x");
      await answered.opened;
    };
    echo.serve({
      clientStream: () => say("known already"),
      bidi: async function* () {
        yield* [say("one"), say("two")];
        await Promise.resolve();
      },
    });
    const { client } = echo;
    expect((await client.clientStream(unended())).workerLabel).toBe("known already");
    expect(await labels(client.bidi(unended()))).toEqual(["one", "two"]);
    answered.open();
  });

  // ---- Slow readers ----------------------------------------------------------------------------------------------------

  const [SLOW_MESSAGES, SLOW_BYTES, IN_BETWEEN_MAX] = [300, 65_536, 150];

  it("hold back a client whose requests the server does not read, in bounded memory, and lose none", async () => {
    const go = new Gate();
    let given = 0;
    echo.serve({
      clientStream: async (requests) => {
        await go.opened;
        return { elapsedMs: (await all(requests)).reduce((sum, { input }) => sum + input.length, 0) };
      },
    });
    const uploads = async function* () {
      for (; given < SLOW_MESSAGES; given += 1) yield { input: Buffer.alloc(SLOW_BYTES) };
      await Promise.resolve();
    };
    const answer = echo.client.clientStream(uploads());
    await whenItRests(() => given);
    const givenUnread = given;
    go.open();
    expect((await answer).elapsedMs).toBe(SLOW_MESSAGES * SLOW_BYTES);
    expect(givenUnread).toBeLessThan(IN_BETWEEN_MAX);
  });

  it("hold back a server whose answers the client does not read, in bounded memory, and lose none", async () => {
    let given = 0;
    echo.serve({
      serverStream: async function* () {
        for (; given < SLOW_MESSAGES; given += 1) yield { output: Buffer.alloc(SLOW_BYTES) };
        await Promise.resolve();
      },
    });
    const answers = echo.client.serverStream(ask("x"))[Symbol.asyncIterator]();
    const first = await answers.next();
    await whenItRests(() => given);
    const givenUnread = given;
    const rest = await all({ [Symbol.asyncIterator]: () => answers });
    const bytes = [first.value!, ...rest].reduce((sum, { output }) => sum + output.length, 0);
    expect(bytes).toBe(SLOW_MESSAGES * SLOW_BYTES);
    expect(givenUnread).toBeLessThan(IN_BETWEEN_MAX);
  });
});

describe.each(ENGINE_CLIENTS)("Typed calls that end early, $client to $server, $path, $security", (way) => {
  const echo = new EchoRig(way, tls);
  beforeAll(() => echo.open());
  afterEach(() => echo.whenAtRest());
  afterAll(() => echo.close());

  it("stop whoever gives their requests when the server ends them", async () => {
    const stopped = new Gate();
    const endless = async function* () {
      try {
        for (;;) {
          yield { input: Buffer.alloc(1_000) };
          await Promise.resolve();
        }
      } finally {
        stopped.open();
      }
    };
    echo.serve({
      clientStream: async (requests) => {
        for await (const _ of requests) throw new CallError(Status.ABORTED, "enough");
        return {};
      },
    });
    const end = await echo.client.clientStream(endless()).catch((error: FabricError) => error);
    expect([(end as FabricError).message, (end as FabricError).status]).toEqual(["[REMOTE] enough", Status.ABORTED]);
    await stopped.opened;
  });

  it("answer although the server left the requests at the first", async () => {
    echo.serve({
      clientStream: async (requests) => {
        for await (const { task } of requests) return say(task);
        return {};
      },
    });
    const many = Array.from({ length: 200 }, (_, index) => ({ task: String(index), input: Buffer.alloc(10_000) }));
    expect((await echo.client.clientStream(many)).workerLabel).toBe("0");
  });
});

describe.each(ENGINE_ENDS)(
  "Metadata over what the other side says it takes, $client to $server, $path, $security",
  (way) => {
    const echo = new EchoRig(way, tls);
    beforeAll(() => echo.open());
    afterEach(() => echo.whenAtRest());
    afterAll(() => echo.close());

    it("is not sent: its call is refused, and those beside it go on", async () => {
      const go = new Gate();
      echo.serve({
        unary: async () => {
          await go.opened;
          return say("fine");
        },
      });
      const beside = echo.client.unary(ask("x"));
      const metadata = { "x-huge": "y".repeat(200_000) };
      const refused = await echo.client.unary(ask("x"), { metadata }).catch(code);
      go.open();
      expect([refused, (await beside).workerLabel]).toEqual(["METADATA_TOO_LARGE", "fine"]);
    });

    it.each(["headers", "trailers"] as const)(
      "is not sent as %s: the call ends so, and those beside it go on",
      async (which) => {
        const go = new Gate();
        echo.serve({
          unary: async (_request, context) => {
            await go.opened;
            context[which].set("x-huge", "y".repeat(200_000));
            return say("done");
          },
          clientStream: async (requests) => say((await tasks(requests)).join()),
        });
        const finished = new Gate();
        const requests = async function* () {
          yield ask("one");
          await finished.opened;
        };
        const beside = echo.client.clientStream(requests());
        const huge = echo.client.unary(ask("x")).catch(code);
        go.open();
        expect(await huge).toBe("METADATA_TOO_LARGE");
        finished.open();
        expect((await beside).workerLabel).toBe("one");
      },
    );
  },
);

/** Once nothing was added for a while: what could be sent has been sent. */
async function whenItRests(count: () => number): Promise<void> {
  for (let [last, quietTurns] = [-1, 0]; quietTurns < 200; quietTurns += 1) {
    if (count() !== last) [last, quietTurns] = [count(), 0];
    await new Promise((resolve) => setImmediate(resolve));
  }
}
