import { endOfHandlerError } from "../../../src/core/call-end";
import { CallError } from "../../../src/core/errors";
import { Status } from "../../../src/core/status";
import type { CallContext } from "../../../src/rpc/service/call-context";
import type { ServedMethod } from "../../../src/rpc/service/serve-call";
import { intercept, type ServerInterceptor } from "../../../src/rpc/service/server-interceptors";
import { mountMethods, type MountedService } from "../../../src/rpc/service/service-handlers";
import { settle } from "../../../src/testing/manual-clock";
import { StubCaller } from "../../support/stub-caller";

const PATH = "/a.B/C";
type Kind = Pick<ServedMethod, "requestStream" | "responseStream">;
const UNARY: Kind = { requestStream: false, responseStream: false };
const DOWNLOAD: Kind = { requestStream: false, responseStream: true };
const DIALOGUE: Kind = { requestStream: true, responseStream: true };

function methods(kind: Kind, handler: ServedMethod["handler"]): ReadonlyMap<string, ServedMethod> {
  const decode = (bytes: Uint8Array) => Buffer.from(bytes).toString();
  const encode = (message: unknown) => Buffer.from(message as string);
  return new Map([[PATH, { ...kind, decode, encode, handler, endOfError: endOfHandlerError }]]);
}

/** A call with these requests, and what its caller saw in the end. */
async function call(service: MountedService, ...requests: readonly string[]) {
  const caller = new StubCaller();
  service.methods.get(PATH)!(caller.call);
  caller.send(...requests.map((text) => Buffer.from(text)));
  caller.halfClose();
  await settle();
  const { messages, ends } = caller.seen;
  const [end] = ends;
  return {
    answers: messages.map((bytes) => Buffer.from(bytes).toString()),
    status: end?.status,
    message: end?.message,
    trailers: Object.fromEntries(end?.trailers.entries() ?? []),
    headers: caller.seen.headers.flatMap((headers) => headers.entries()),
    caller,
  };
}

const mount = (kind: Kind, handler: ServedMethod["handler"], ...interceptors: readonly ServerInterceptor[]) =>
  mountMethods("a.B", methods(kind, handler), interceptors);

const greet = (request: unknown) => `hello ${String(request)}`;
async function* spell(request: unknown): AsyncGenerator<string> {
  for (const letter of String(request)) yield await Promise.resolve(letter);
}
async function* echo(requests: unknown): AsyncGenerator<string> {
  for await (const request of requests as AsyncIterable<string>) yield request;
}

describe("Server interceptors", () => {
  it("cost nothing where there are none: the handler itself is called", () => {
    expect(intercept(greet, false, [])).toBe(greet);
  });

  it("stand around the handler in order, the worker's outside of the service's", async () => {
    const log: string[] = [];
    const noting =
      (name: string): ServerInterceptor =>
      async (request, _context, next) => {
        log.push(`${name} begins`);
        const answer = await next(request);
        log.push(`${name} ends`);
        return answer;
      };
    const service = mount(UNARY, greet, noting("third"), noting("fourth"));
    const { answers } = await call(service.intercepted([noting("first"), noting("second")]), "you");
    expect(answers).toEqual(["hello you"]);
    expect(log.map((line) => line.replace(/(.*) begins/, "$1"))).toEqual([
      ...["first", "second", "third", "fourth"],
      ...["fourth ends", "third ends", "second ends", "first ends"],
    ]);
  });

  it("replace requests and answers of a unary method", async () => {
    const shouting: ServerInterceptor = async (request, _context, next) =>
      `${(await next(String(request).toUpperCase())) as string}!`;
    expect(await call(mount(UNARY, greet, shouting), "you")).toMatchObject({ answers: ["hello YOU!"], status: 0 });
  });

  it("replace messages of streams", async () => {
    const doubling: ServerInterceptor = (requests, _context, next) => {
      async function* twice(messages: AsyncIterable<string>) {
        for await (const message of messages) yield* [message, message];
      }
      return twice(next(twice(requests as AsyncIterable<string>)) as AsyncIterable<string>);
    };
    const { answers } = await call(mount(DIALOGUE, echo, doubling), "a", "b");
    expect(answers.join("")).toBe("aaaabbbb");
  });

  it.each([
    ["a unary method", UNARY, greet, ["hello ab"]],
    ["a download", DOWNLOAD, spell, ["a", "b"]],
    ["a dialogue", DIALOGUE, echo, ["ab"]],
  ] as const)("may be async functions for %s", async (_what, kind, handler, answers) => {
    const waiting: ServerInterceptor = async (request, _context, next) => {
      await Promise.resolve();
      return next(request);
    };
    expect(await call(mount(kind, handler, waiting, waiting), "ab")).toMatchObject({ answers, status: 0 });
  });

  it.each([
    ["a unary method", UNARY],
    ["a download", DOWNLOAD],
    ["a dialogue", DIALOGUE],
  ] as const)("refuse a call of %s, whose handler is then not run", async (_what, kind) => {
    let runs = 0;
    const refusing: ServerInterceptor = (_request, context) => {
      context.trailers.append("x-realm", "here");
      throw new CallError(Status.UNAUTHENTICATED, "who are you?");
    };
    const counting = () => {
      runs += 1;
      return "answer";
    };
    const seen = await call(mount(kind, counting, refusing), "a");
    expect(seen).toMatchObject({
      answers: [],
      status: Status.UNAUTHENTICATED,
      message: "who are you?",
      trailers: { "x-realm": "here" },
    });
    expect(runs).toBe(0);
  });

  it("know the kind of the method, and share the context with the handler", async () => {
    const users = new WeakMap<CallContext, string>();
    const naming: ServerInterceptor = (request, context, next) => {
      context.headers.append("x-kind", `${context.requestStream} ${context.responseStream}`);
      users.set(context, "ann");
      return next(request);
    };
    const { answers, headers } = await call(
      mount(DOWNLOAD, (_request, context) => spell(users.get(context)), naming),
      "who am I",
    );
    expect([answers.join(""), headers]).toEqual(["ann", [["x-kind", "false true"]]]);
  });

  it.each([
    [
      "throws",
      UNARY,
      () => {
        throw new Error("broken");
      },
    ],
    ["rejects", UNARY, () => Promise.reject(new Error("broken"))],
    [
      "fails in its stream",
      DOWNLOAD,
      async function* () {
        yield await Promise.resolve("a");
        throw new Error("broken");
      },
    ],
  ] as const)("see that a handler %s, and may say something else", async (_what, kind, handler) => {
    const hiding: ServerInterceptor = async (request, context, next) => {
      const hidden = () => new CallError(Status.UNAVAILABLE, "come back later");
      async function* guarded(messages: AsyncIterable<unknown>) {
        try {
          yield* messages;
        } catch {
          throw hidden();
        }
      }
      try {
        const answer = await next(request);
        return context.responseStream ? guarded(answer as AsyncIterable<unknown>) : answer;
      } catch {
        throw hidden();
      }
    };
    expect(await call(mount(kind, handler, hiding), "a")).toMatchObject({
      status: Status.UNAVAILABLE,
      message: "come back later",
    });
  });

  it("see the end of a stream that its caller leaves", async () => {
    const log: string[] = [];
    const timing: ServerInterceptor = async function* (request, _context, next) {
      try {
        yield* next(request) as AsyncIterable<unknown>;
      } finally {
        log.push("over");
      }
    };
    const endless = async function* (_request: unknown, { signal }: CallContext) {
      while (!signal.aborted) yield await Promise.resolve("more");
    };
    const caller = new StubCaller();
    caller.takesMore = false;
    mount(DOWNLOAD, endless, timing).methods.get(PATH)!(caller.call);
    caller.send(Buffer.from("go"));
    caller.halfClose();
    await settle();
    expect([caller.seen.messages.length, log]).toEqual([1, []]);
    caller.listener!.cancelled();
    await settle();
    expect([caller.seen.messages.length, log]).toEqual([1, ["over"]]);
  });

  it("need not wait for an answer: one that fails ends nothing but the call", async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown) => void unhandled.push(reason);
    process.on("unhandledRejection", note);
    const hasty: ServerInterceptor = (request, _context, next) => {
      void next(request);
      return "from the cache";
    };
    const { answers } = await call(
      mount(UNARY, () => Promise.reject(new Error("late")), hasty),
      "a",
    );
    await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", note);
    expect([answers, unhandled]).toEqual([["from the cache"], []]);
  });
});
