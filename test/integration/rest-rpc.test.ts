import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";
import { createInterface } from "node:readline";
import { type CallOptions, Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { CallError } from "../../src/core/errors";
import { Status } from "../../src/core/status";
import { GatewayRig } from "../support/gateway/gateway-rig";
import { JsonCodecs } from "../../src/wire/json-codec";
import { Library, libraryContract, libraryWorker } from "../support/gateway/library-worker";

const library = new Library();
const rig = new GatewayRig();

beforeAll(async () => {
  await rig.open();
  await rig.add(libraryWorker(library, "w1", [rig.director.address]));
});
afterAll(() => rig.close());
afterEach(() => {
  library.getBook = ({ name }) => ({ name, title: `Title of ${name}` });
  library.given = 0;
  library.received.length = 0;
});

const SERVICE = "/library.v1.LibraryService";
const JSON_TYPE = { "content-type": "application/json" };

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: unknown;
}

async function ask(path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(`${rig.url}${path}`, init);
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.startsWith("application/json") === true;
  return { status: response.status, headers: response.headers, text, json: isJson ? JSON.parse(text) : undefined };
}

function post(method: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return ask(`${SERVICE}/${method}`, { method: "POST", body: text, headers: { ...JSON_TYPE, ...headers } });
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setImmediate(resolve));
}

/** A request whose body goes on, and its answer as it comes. */
function open(method: string, headers: Record<string, string>) {
  const request = httpRequest(`${rig.url}${SERVICE}/${method}`, { method: "POST", headers });
  const response = once(request, "response").then(([answer]) => answer as IncomingMessage);
  return { request, response };
}

describe("JSON for every RPC", () => {
  it("H-08 routes a call to a worker that serves it, and says which one answered", async () => {
    const { status, headers, json } = await post("GetBook", { name: "dune" });
    expect(status).toBe(200);
    expect(json).toEqual({ name: "dune", title: "Title of dune" });
    expect(headers.get("heddle-worker")).toMatch(/^w1/);
    expect(headers.get("heddle-attempts")).toBe("1");
  });

  it("speaks canonical JSON both ways", async () => {
    const book = {
      name: "x",
      isbn: "18446744073709551615",
      publishedAt: "2026-01-02T03:04:05.000000006Z",
      cover: "AP8=",
    };
    expect((await post("AddBook", book)).json).toEqual(book);
    expect(library.received).toMatchObject([{ name: "x", isbn: "18446744073709551615" }]);
  });

  it("calls the director's own methods, an empty message where there is no body", async () => {
    const { status, json } = await ask("/heddle.v1.DirectorService/ListMembers", { method: "POST" });
    expect(status).toBe(200);
    expect(json).toMatchObject({ members: [{ label: "w1", state: "MEMBER_STATE_ALIVE" }] });
  });

  it("carries metadata: heddle-… and tracing as they are, grpc-metadata-x as x, bytes as base64", async () => {
    let seen: (string | Uint8Array | undefined)[] = [];
    library.getBook = (_request, { metadata, headers, trailers }) => {
      const text = (key: string) => metadata.text(key);
      seen = [
        text("x-user"),
        metadata.bytes("x-bytes-bin"),
        text("traceparent"),
        text("authorization"),
        text("accept"),
      ];
      headers.set("x-shelf", "7");
      trailers.set("x-took-bin", Buffer.from([0, 255]));
      return {};
    };
    const { headers } = await post("GetBook", {}, {
      "grpc-metadata-x-user": "eva",
      "grpc-metadata-x-bytes-bin": "AP8",
      traceparent: "00-1-2-3",
      authorization: "Bearer t",
    }); // prettier-ignore
    expect(seen).toEqual(["eva", Buffer.from([0, 255]), "00-1-2-3", "Bearer t", undefined]);
    expect(headers.get("grpc-metadata-x-shelf")).toBe("7");
    expect(headers.get("grpc-trailer-x-took-bin")).toBe("AP8");
  });

  it.each([
    ["grpc-timeout", "50m"],
    ["connect-timeout-ms", "50"],
  ])("ends a call at the deadline that %s says: 504", async (header, value) => {
    let cancelled = false;
    library.getBook = (_request, { signal }) =>
      new Promise((resolve) =>
        signal.addEventListener("abort", () => {
          cancelled = true;
          resolve({});
        }),
      );
    const { status, json } = await post("GetBook", {}, { [header]: value });
    expect(status).toBe(504);
    expect(json).toMatchObject({ code: "deadline_exceeded", heddleError: "DEADLINE_EXCEEDED" });
    await until(() => cancelled);
  });

  it("gives a call with a deadline it cannot read back: 400", async () => {
    for (const headers of [{ "grpc-timeout": "5" }, { "connect-timeout-ms": "-1" }]) {
      const { status, json } = await post("GetBook", {}, headers);
      expect(status).toBe(400);
      expect(json).toMatchObject({
        code: "invalid_argument",
        message: expect.stringContaining(Object.keys(headers)[0]!),
      });
    }
  });

  it.each([
    [Status.NOT_FOUND, 404, "not_found"],
    [Status.ALREADY_EXISTS, 409, "already_exists"],
    [Status.PERMISSION_DENIED, 403, "permission_denied"],
    [Status.UNAUTHENTICATED, 401, "unauthenticated"],
    [Status.RESOURCE_EXHAUSTED, 429, "resource_exhausted"],
    [Status.INTERNAL, 500, "internal"],
    [Status.CANCELLED, 499, "canceled"],
    [Status.UNAVAILABLE, 503, "unavailable"],
  ] as const)("answers a handler's status %i with HTTP %i", async (status, httpStatus, code) => {
    library.getBook = () => {
      throw new CallError(status, "said so");
    };
    const answer = await post("GetBook", {});
    expect(answer.status).toBe(httpStatus);
    expect(answer.json).toEqual({ code, message: "said so" });
    expect(answer.headers.get("heddle-worker")).toMatch(/^w1/);
  });

  it("shows the details of an error, as JSON where the contract has their type", async () => {
    library.getBook = (_request, { trailers }) => {
      // google.rpc.Status { code: 5, message: "gone", details: [Any(library.v1.GetBookRequest { name: "x" }), Any(no.Such)] }
      const any = (type: string, value: Buffer) => {
        const url = Buffer.from(`type.googleapis.com/${type}`);
        return Buffer.concat([Buffer.from([0x0a, url.length]), url, Buffer.from([0x12, value.length]), value]);
      };
      const details = [any("library.v1.GetBookRequest", Buffer.from("\x0a\x01x")), any("no.Such", Buffer.from([1]))];
      const lines = details.map((detail) => Buffer.concat([Buffer.from([0x1a, detail.length]), detail]));
      trailers.set("grpc-status-details-bin", Buffer.concat([Buffer.from([8, 5]), ...lines]));
      throw new CallError(Status.NOT_FOUND, "gone");
    };
    expect((await post("GetBook", {})).json).toEqual({
      code: "not_found",
      message: "gone",
      details: [
        { type: "library.v1.GetBookRequest", value: "CgF4", debug: { name: "x" } },
        { type: "no.Such", value: "AQ" },
      ],
    });
  });

  it("names Heddle's error where nobody could take the call", async () => {
    const { status, headers, json } = await post("GetBook", {}, { "heddle-worker": "nobody", "grpc-timeout": "5S" });
    expect(status).toBe(404);
    expect(json).toMatchObject({ code: "not_found", heddleError: "MEMBER_NOT_FOUND" });
    expect(headers.get("heddle-error")).toBe("MEMBER_NOT_FOUND");
  });

  it.each([
    ["{bad", "it is no JSON"],
    ['{"name":5}', "name (in library.v1.GetBookRequest): expected string, got 5"],
    ['{"nam":"x"}', 'nam (in library.v1.GetBookRequest): unknown field "nam"'],
    ['{"name":"a","name":"b"}', 'the key "name" comes twice'],
    ["[]", "an object with the fields of library.v1.GetBookRequest is wanted"],
  ])("refuses the body %s with 400 that says where it is wrong", async (text, message) => {
    const called = library.received.length;
    const { status, json } = await post("GetBook", text);
    expect(status).toBe(400);
    expect(json).toMatchObject({ code: "invalid_argument", heddleError: "INVALID_ARGUMENT" });
    expect((json as { message: string }).message).toContain(message);
    expect(library.received).toHaveLength(called);
  });

  it("says which methods there are where a name is mistyped: 404", async () => {
    const message = async (path: string) => {
      const { status, json } = await ask(path, { method: "POST", body: "{}", headers: JSON_TYPE });
      expect(status).toBe(404);
      return (json as { code: string; message: string }).message;
    };
    expect(await message(`${SERVICE}/GetBok`)).toContain("did you mean GetBook?");
    expect(await message("/library.v1.LibraryServce/GetBook")).toContain("did you mean library.v1.LibraryService?");
    expect(await message(`${SERVICE}/Q`)).toContain("GetBook, AddBook, ListBooks");
    expect(await message("/nothing/here")).toContain('nothing is at POST "/nothing/here"');
  });

  it("takes no other types than it can read, and says which those are: 415", async () => {
    for (const type of [
      "application/x-www-form-urlencoded",
      "text/plain",
      "application/connect+json",
      "application/xml",
    ]) {
      const { status, headers, json } = await post("GetBook", "{}", { "content-type": type });
      expect(status).toBe(415);
      expect((json as { message: string }).message).toContain("send application/json");
      expect(headers.get("accept-post")).toContain("application/x-ndjson");
    }
    expect((await post("GetBook", "{}", { "content-encoding": "gzip" })).status).toBe(415);
  });

  it("answers GET for methods without side effects only: 405", async () => {
    expect((await ask(`${SERVICE}/GetBook?message=${encodeURIComponent('{"name":"dune"}')}`)).json).toEqual({
      name: "dune",
      title: "Title of dune",
    });
    const refused = await ask(`${SERVICE}/AddBook?message={}`);
    expect([refused.status, refused.headers.get("allow")]).toEqual([405, "POST"]);
    const put = await ask(`${SERVICE}/GetBook`, { method: "PUT", body: "{}", headers: JSON_TYPE });
    expect([put.status, put.headers.get("allow")]).toEqual([405, "POST, GET"]);
  });

  it("refuses a body over the limit, and headers that gRPC cannot carry", async () => {
    const large = await post("AddBook", { title: "x".repeat(5 << 20) });
    expect(large.status).toBe(413);
    expect(large.json).toMatchObject({ code: "resource_exhausted", heddleError: "MESSAGE_TOO_LARGE" });
    const { status, json } = await post("GetBook", {}, { "grpc-metadata-x-bin": "no base64!" });
    expect(status).toBe(400);
    expect((json as { message: string }).message).toContain("grpc-metadata-x-bin");
  });

  it("cancels the call when its caller goes away", async () => {
    let state = "not called";
    library.getBook = (_request, { signal }) =>
      new Promise((resolve) => {
        state = "called";
        signal.addEventListener("abort", () => {
          state = "cancelled";
          resolve({});
        });
      });
    const abort = new AbortController();
    const answer = ask(`${SERVICE}/GetBook`, { method: "POST", signal: abort.signal });
    await until(() => state === "called");
    abort.abort();
    await expect(answer).rejects.toThrow();
    await until(() => state === "cancelled");
  });

  it("sends a call to another director where heddle-director names one", async () => {
    const { json } = await ask("/heddle.v1.DirectorService/GetTopology", { method: "POST" });
    const { directorId } = (json as { directors: { directorId: string }[] }).directors[0]!;
    expect((await post("GetBook", { name: "a" }, { "heddle-director": directorId })).status).toBe(200);
    const refused = await post("GetBook", {}, { "heddle-director": "nobody" });
    expect(refused.status).toBe(400);
    expect((refused.json as { message: string }).message).toContain(`the directors are ${directorId}`);
  });
});

describe("Streams over HTTP", () => {
  it("are a line for each answer, and one that says how it ended", async () => {
    const { status, headers, text } = await post("ListBooks", { count: 2, titleBytes: 1 });
    expect(status).toBe(200);
    expect(headers.get("content-type")).toBe("application/x-ndjson");
    expect(headers.get("grpc-metadata-x-shelf")).toBe("7");
    const lines = text.trimEnd().split("\n").map((line) => JSON.parse(line) as unknown); // prettier-ignore
    expect(lines).toEqual([
      { result: { name: "1", title: "x" } },
      { result: { name: "2", title: "x" } },
      { end: { metadata: { "x-last": ["yes"], "heddle-worker": [expect.any(String)], "heddle-attempts": ["1"] } } },
    ]);
  });

  it("say in their last line how they failed, and in the HTTP status where nothing came before", async () => {
    const lines = (await post("ListBooks", { count: 13 })).text.trimEnd().split("\n");
    expect(lines).toHaveLength(14);
    expect(JSON.parse(lines[13]!)).toMatchObject({
      error: { code: "aborted", message: "thirteen", metadata: { "x-last": ["yes"] } },
    });
    const refused = await post("ListBooks", {}, { "heddle-worker": "nobody" });
    expect(refused.status).toBe(404);
    expect(refused.json).toMatchObject({ code: "not_found", heddleError: "MEMBER_NOT_FOUND" });
  });

  it("are server-sent events for who accepts those, by GET too", async () => {
    const accept = { accept: "text/event-stream" };
    const events = "data: {\"name\":\"1\"}\n\nevent: end\ndata: {\"metadata\":{\"x-last\":[\"yes\"]"; // prettier-ignore
    const posted = await post("ListBooks", { count: 1 }, accept);
    expect(posted.headers.get("content-type")).toBe("text/event-stream");
    expect(posted.text).toContain(events);
    const got = await ask(`${SERVICE}/ListBooks?message=${encodeURIComponent('{"count":1}')}`, { headers: accept });
    expect(got.text).toContain(events);
    const failed = await post("ListBooks", { count: 13 }, accept);
    expect(failed.text).toContain('event: error\ndata: {"code":"aborted","message":"thirteen"');
  });

  it("of resumable methods go on after the event that a browser had last", async () => {
    const path = `${SERVICE}/WatchBooks?message=${encodeURIComponent('{"count":3}')}`;
    const headers = { accept: "text/event-stream" };
    expect((await ask(path, { headers })).text).toContain('id: 1\ndata: {"name":"1"}\n\nid: 2\ndata: {"name":"2"}');
    const rest = (await ask(path, { headers: { ...headers, "last-event-id": "2" } })).text;
    expect(rest).toMatch(/^id: 3\ndata: {"name":"3"}\n\nevent: end\n/);
    expect((await ask(path, { headers: { ...headers, "last-event-id": "x" } })).status).toBe(400);
  });

  it("of requests are a line for each message, answered when they end", async () => {
    const body = '{"name":"a"}\n\n{"name":"b"}\r\n{"name":"c"}';
    const { status, json } = await post("AddBooks", body, { "content-type": "application/x-ndjson" });
    expect([status, json]).toEqual([200, { names: ["a", "b", "c"] }]);
  });

  it("that go both ways are answered as they come", async () => {
    const { request, response } = open("Chat", { "content-type": "application/x-ndjson" });
    request.write('{"title":"one"}\n');
    const lines = createInterface({ input: await response })[Symbol.asyncIterator]();
    expect((await lines.next()).value).toBe('{"result":{"title":"re: one"}}');
    request.write('{"title":');
    request.write('"two"}\n');
    expect((await lines.next()).value).toBe('{"result":{"title":"re: two"}}');
    request.end();
    expect((await lines.next()).value).toContain('{"end":');
  });

  it("end where a line is no message, and name the line", async () => {
    const type = { "content-type": "application/x-ndjson" };
    const unary = await post("AddBooks", '{"name":"a"}\n{"nme":"b"}\n', type);
    expect(unary.status).toBe(400);
    expect((unary.json as { message: string }).message).toContain(
      "line 2 of the body cannot be sent: nme (in library.v1.Book)",
    );
    const { request, response } = open("Chat", type);
    request.write("{}\n");
    const lines = createInterface({ input: await response })[Symbol.asyncIterator]();
    await lines.next();
    request.write("{bad\n");
    expect((await lines.next()).value).toContain(
      '{"error":{"code":"invalid_argument","message":"[INVALID_ARGUMENT] line 2 of the body',
    );
    request.on("error", () => {});
    const two = await post("GetBook", "{}\n{}\n", type);
    expect(two.status).toBe(400);
    expect((two.json as { message: string }).message).toContain("one message more than the method takes");
    expect((await post("GetBook", "\n", type)).status).toBe(400);
  });

  it("wait for a reader that is slow, and so does the worker", async () => {
    const { request, response } = open("ListBooks", JSON_TYPE);
    request.end('{"count":1000,"titleBytes":20000}');
    const answer = await response;
    answer.pause();
    // A worker that was stopped gives nothing more, whatever else goes on.
    for (let [last, same] = [-1, 0]; same < 20; [last, same] = [library.given, library.given === last ? same + 1 : 0]) {
      await post("AddBook", {});
    }
    expect(library.given).toBeLessThan(800);
    let sizeBytes = 0;
    for await (const chunk of answer) sizeBytes += (chunk as Buffer).length;
    expect(library.given).toBe(1_000);
    expect(sizeBytes).toBeGreaterThan(20_000_000);
  });

  it("are cancelled when their reader goes away, and begin before there is an answer", async () => {
    const abort = new AbortController();
    const response = await fetch(`${rig.url}${SERVICE}/ListBooks`, { method: "POST", signal: abort.signal });
    expect(response.status).toBe(200);
    await until(() => library.open === 1);
    abort.abort();
    await until(() => library.open === 0);
  });

  it("of requests stop where their sender goes away", async () => {
    const { request, response } = open("AddBooks", { "content-type": "application/x-ndjson" });
    response.catch(() => {});
    request.on("error", () => {});
    request.write('{"name":"a"}\n');
    await until(() => library.open === 1);
    request.destroy();
    await until(() => library.open === 0);
  });
});

describe("Connect's own client", () => {
  const service = JsonCodecs.ofDescriptors(libraryContract().descriptorSet).method(`${SERVICE}/GetBook`)!.method.parent;

  function connectClient(options: { readonly useBinaryFormat: boolean; readonly useHttpGet?: boolean }) {
    const transport = createConnectTransport({ baseUrl: rig.url, httpVersion: "1.1", ...options });
    return createClient(service, transport) as Record<string, Unary>;
  }

  type Unary = (request: object, options?: CallOptions) => Promise<Record<string, unknown>>;

  it.each([true, false])("calls methods, in binary form %s", async (useBinaryFormat) => {
    const client = connectClient({ useBinaryFormat });
    library.getBook = ({ name }, { metadata, headers, trailers }) => {
      headers.set("x-shelf", metadata.text("x-asked") ?? "not asked");
      trailers.set("x-last", "yes");
      return { name, isbn: "18446744073709551615" };
    };
    let heard: (string | null)[] = [];
    const book = await client["getBook"]!({ name: "dune" }, {
      headers: { "x-asked": "shelf 7" },
      onHeader: (headers) => (heard = [headers.get("x-shelf"), ...heard]),
      onTrailer: (trailers) => (heard = [...heard, trailers.get("x-last"), trailers.get("heddle-attempts")]),
    }); // prettier-ignore
    expect(book).toMatchObject({ name: "dune", isbn: 18446744073709551615n });
    expect(heard).toEqual(["shelf 7", "yes", "1"]);
  });

  it("asks by GET for what has no side effects", async () => {
    const methods: string[] = [];
    const note = (message: unknown) => void methods.push((message as { request: ClientRequest }).request.method);
    subscribe("http.client.request.start", note);
    for (const useBinaryFormat of [true, false]) {
      const client = connectClient({ useBinaryFormat, useHttpGet: true });
      expect(await client["getBook"]!({ name: "größer" })).toMatchObject({ title: "Title of größer" });
    }
    unsubscribe("http.client.request.start", note);
    expect(new Set(methods)).toEqual(new Set(["GET"]));
  });

  it("gets errors as Connect has them: code, message, details, trailers", async () => {
    const client = connectClient({ useBinaryFormat: false });
    library.getBook = (_request, { trailers }) => {
      trailers.set("x-last", "yes");
      throw new CallError(Status.CANCELLED, "said so");
    };
    const error = ConnectError.from(await client["getBook"]!({}).catch((thrown: unknown) => thrown));
    expect([error.code, error.rawMessage]).toEqual([Code.Canceled, "said so"]);
    expect(error.metadata.get("x-last")).toBe("yes");
  });

  it("has its deadlines kept", async () => {
    const client = connectClient({ useBinaryFormat: true });
    let timeoutMs: number | undefined;
    library.getBook = (_request, context) => {
      timeoutMs = context.timeoutMs;
      return {};
    };
    await client["getBook"]!({}, { timeoutMs: 60_000 });
    expect(timeoutMs).toBeGreaterThan(0);
    expect(timeoutMs).toBeLessThanOrEqual(60_600);
  });

  it("is told what is not there, and what is not compressed here", async () => {
    const nothing = await post("GetBok", {}, { "connect-protocol-version": "1" });
    expect([nothing.status, (nothing.json as { code: string }).code]).toEqual([404, "unimplemented"]);
    const squeezed = await post("GetBook", {}, { "connect-protocol-version": "1", "content-encoding": "br" });
    expect([squeezed.status, (squeezed.json as { code: string }).code]).toEqual([501, "unimplemented"]);
    expect((await post("GetBook", {}, { "connect-protocol-version": "2" })).status).toBe(400);
  });
});

describe("Routes of a worker's contract", () => {
  it("H-08 lead to its methods, for as long as somebody serves them", async () => {
    const before = await ask("/v1/books/dune");
    expect(before.json).toEqual({ name: "books/dune", title: "Title of books/dune" });
    expect(before.headers.get("heddle-worker")).toMatch(/^w1/);
    const added = await ask("/v1/books", { method: "POST", body: '{"name":"x","isbn":7}', headers: JSON_TYPE });
    expect([added.status, added.json]).toEqual([200, { name: "x", isbn: "7" }]);
    const other = await ask("/v1/books/dune", { method: "DELETE" });
    expect([other.status, other.headers.get("allow")]).toEqual([405, "GET"]);
    const own = new GatewayRig();
    await own.open();
    const worker = await own.add(libraryWorker(new Library(), "w2", [own.director.address]));
    const status = async () => (await fetch(`${own.url}/v1/books/x`)).status;
    expect(await status()).toBe(200);
    await worker.stop({ graceMs: 500 });
    while ((await status()) !== 404);
    await own.close();
  });

  it("stream answers as methods do, and requests", async () => {
    const { headers, text } = await ask("/v1/books?count=1&title_bytes=1");
    expect(headers.get("content-type")).toBe("application/x-ndjson");
    expect(text).toContain('{"result":{"name":"1","title":"x"}}\n{"end":');
    const lines = { "content-type": "application/x-ndjson" };
    const chat = await ask("/v1/chats/7", {
      method: "POST",
      body: '{"name":"a"}\n{"title":"other"}\n',
      headers: lines,
    });
    expect(chat.text).toContain('{"result":{"name":"a","title":"re: chats/7"}}\n{"result":{"title":"re: chats/7"}}\n');
  });

  it("never take the place of the gateway's own", async () => {
    expect((await ask("/healthz")).json).toEqual({ status: "ok" });
  });
});
