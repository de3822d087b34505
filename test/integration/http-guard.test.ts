import { Readable } from "node:stream";

import fastify, { type FastifyInstance } from "fastify";

import type { Logger } from "../../src/core/logger";
import { SILENT_LOGGER } from "../../src/core/logger";
import { guard, guardedApp, guardedServer } from "../../src/gateway/guard/guard";
import { systemClock } from "../../src/platform/system-clock";
import { type HttpDirector, httpDirector } from "../support/http/director";
import { RawHttp, rawRequest } from "../support/http/raw-http";
import { freeAddress } from "../support/processes";

const JSON_TYPE = { "content-type": "application/json" };

describe("The HTTP port of a director", () => {
  let http: HttpDirector;
  let extraPort: number;

  beforeAll(async () => {
    const extra = await freeAddress();
    extraPort = Number(extra.split(":")[1]);
    http = await httpDirector({
      HEDDLE_HTTP_EXTRA_ADDRS: extra,
      HEDDLE_HTTP_HOSTS: "heddle.example.org",
      HEDDLE_HTTP_RECEIVE_TIMEOUT_MS: "500",
    });
  });
  afterAll(() => http.director.stop({ graceMs: 0 }));

  it.each([["its first address"], ["an extra address"]])("is asked for by its own names only, at %s", async (which) => {
    const port = which === "its first address" ? http.port : extraPort;
    const ask = (host: string) =>
      rawRequest(port, "GET /healthz HTTP/1.1", `Host: ${host}`, "Connection: close", "", "");
    expect(await ask(`127.0.0.1:${port}`)).toMatch(/^HTTP\/1.1 200 /);
    expect(await ask("heddle.example.org")).toMatch(/^HTTP\/1.1 200 /);
    const refused = await ask("evil.example");
    expect(refused).toMatch(/^HTTP\/1.1 421 /);
    expect(refused).toContain("HEDDLE_HTTP_HOSTS");
  });

  it("answers with 404 in the one shape of errors where nothing is", async () => {
    const answer = await fetch(`${http.url}/nothing?here`);
    expect(answer.status).toBe(404);
    expect(await answer.json()).toEqual({ code: "not_found", message: expect.stringContaining("nothing is at GET") });
  });

  it.each([["/healthz"], ["/nothing"], ["/%"]])("has the security headers at %s", async (path) => {
    const { headers } = await fetch(http.url + path);
    expect(Object.fromEntries(headers)).toMatchObject({
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
      "referrer-policy": "no-referrer",
      "content-security-policy": expect.stringContaining("frame-ancestors 'none'"),
    });
    expect(headers.get("access-control-allow-origin")).toBeNull();
  });

  it("cuts the body of a call that does not arrive in time, and no stream of requests", async () => {
    const stream = await RawHttp.open(http.port);
    const call = (type: string) =>
      `POST /grpc.health.v1.Health/Check HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${type}\r\n`;
    stream.send(`${call("application/x-ndjson")}Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n`);
    const slow = await RawHttp.open(http.port);
    slow.send(`${call("application/json")}Content-Length: 2\r\n\r\n{`);
    expect(await slow.ended).toMatch(/^HTTP\/1.1 408 /);
    stream.send("2\r\n}\n\r\n0\r\n\r\n");
    expect(await stream.until(/SERVING/)).toMatch(/^HTTP\/1.1 200 /);
    stream.close();
  });

  it("takes no call from a page of another origin, and none as plain text", async () => {
    const url = `${http.url}/heddle.v1.DirectorService/SetBalancing`;
    const send = (headers: Record<string, string>) =>
      fetch(url, { method: "POST", headers, body: '{"policy":"round-robin"}' });
    expect((await send({ ...JSON_TYPE, origin: "http://evil.example" })).status).toBe(403);
    expect((await send({ "content-type": "text/plain" })).status).toBe(415);
    const balancing = await fetch(`${http.url}/heddle.v1.DirectorService/GetBalancing`, { method: "POST" });
    expect(await balancing.json()).toMatchObject({ policy: "least-connections" });
  });

  it("says what is wrong with what is no HTTP, and goes on", async () => {
    const answer = await rawRequest(http.port, "BREW /pot", "", "");
    expect(answer).toMatch(/^HTTP\/1.1 400 Bad Request\r\nx-content-type-options: nosniff/);
    expect(answer).toContain('{"code":"invalid_argument"');
    expect((await fetch(`${http.url}/healthz`)).status).toBe(200);
  });

  it("answers headers over their limit with 431", async () => {
    const answer = await rawRequest(
      http.port,
      "GET /healthz HTTP/1.1",
      "Host: localhost",
      `X: ${"x".repeat(40_000)}`,
      "",
      "",
    );
    expect(answer).toMatch(/^HTTP\/1.1 431 /);
  });
});

describe("What guards an HTTP port", () => {
  const errors: string[] = [];
  const logger: Logger = { ...SILENT_LOGGER, error: (line) => errors.push(line) };
  let app: FastifyInstance;
  let port: number;
  let answered: () => void;
  const commands: unknown[] = [];

  beforeAll(async () => {
    const config = {
      hosts: [],
      receiveTimeoutMs: 300,
      headersMaxBytes: 32_768,
      connectionsMax: 4,
      requestsMax: 2,
      bodyMaxBytes: 2_048,
    };
    const parts = { config, clock: systemClock, logger, stallMaxMs: 300 };
    app = fastify({ ...guardedApp(parts), http: guardedServer(config) });
    guard(app, parts);
    app.addContentTypeParser("application/x-ndjson", (_request, payload, done) => done(null, payload));
    app.get("/health", { config: { answeredAlways: true } }, () => ({ status: "ok" }));
    app.get("/waits", (_request, reply) => {
      answered = () => void reply.send({});
      return reply;
    });
    app.get("/large", (_request, reply) => reply.send(Buffer.alloc(32 * 1024 * 1024)));
    app.post("/command", (request) => {
      commands.push(request.body);
      return {};
    });
    app.post("/stream", (request) => Readable.from(echo(request.body as Readable)));
    app.get("/fault", () => {
      throw new Error("the secret is 42");
    });
    await app.listen({ host: "127.0.0.1", port: 0 });
    port = (app.server.address() as { port: number }).port;
  });
  afterAll(() => app.close());
  afterEach(() => commands.splice(0));

  const post = (path: string, body: string, headers: Record<string, string> = JSON_TYPE) =>
    fetch(`http://127.0.0.1:${port}${path}`, { method: "POST", body, headers: { connection: "close", ...headers } });

  it("takes commands of programs, and of its own pages", async () => {
    expect((await post("/command", "{}")).status).toBe(200);
    const own = { ...JSON_TYPE, origin: `http://127.0.0.1:${port}` };
    expect((await post("/command", "{}", own)).status).toBe(200);
    expect(commands).toEqual([{}, {}]);
  });

  it("takes none from a page of another origin", async () => {
    const answer = await rawRequest(
      port,
      "POST /command HTTP/1.1",
      `Host: 127.0.0.1:${port}`,
      "Origin: http://evil.example",
      "Content-Type: application/json",
      "Content-Length: 2",
      "",
      "{}",
    );
    expect(answer).toMatch(/^HTTP\/1.1 403 .*"code":"permission_denied"/s);
    expect(commands).toEqual([]);
  });

  it.each([["text/plain"], ["application/x-www-form-urlencoded"], ["multipart/form-data; boundary=x"]])(
    "makes no command of %s, which browsers send for anybody",
    async (type) => {
      expect((await post("/command", "{}", { "content-type": type })).status).toBe(415);
      expect(commands).toEqual([]);
    },
  );

  it.each([
    ["that says its length", `Content-Length: 3000`],
    ["that does not", "Transfer-Encoding: chunked"],
  ])("refuses a body over the limit with 413: one %s", async (_name, framing) => {
    const body = framing.startsWith("C") ? "x".repeat(3_000) : `bb8\r\n${"x".repeat(3_000)}\r\n0\r\n\r\n`;
    const answer = await rawRequest(
      port,
      "POST /command HTTP/1.1",
      "Host: localhost",
      "Content-Type: application/json",
      framing,
      "",
      body,
    );
    expect(answer).toMatch(/^HTTP\/1.1 413 .*"code":"resource_exhausted"/s);
    expect(commands).toEqual([]);
  });

  it("cuts headers that dribble", async () => {
    const connection = await RawHttp.open(port);
    const end = dribble(connection, "GET /health HTTP/1.1\r\nHost: localhost\r\nX: ");
    expect(await connection.ended).toMatch(/^HTTP\/1.1 408 .*HEDDLE_HTTP_RECEIVE_TIMEOUT_MS/s);
    end();
  });

  it.each([
    ["whose length is known", "Content-Length: 2000\r\n\r\n", "x"],
    ["in chunks", "Transfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"],
  ])("cuts a body that dribbles, %s", async (_name, rest, piece) => {
    const connection = await RawHttp.open(port);
    const head = "POST /command HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    const end = dribble(connection, head + rest, piece);
    expect(await connection.ended).toMatch(/^HTTP\/1.1 408 .*HEDDLE_HTTP_RECEIVE_TIMEOUT_MS/s);
    end();
    expect(commands).toEqual([]);
  });

  it("does not let a body that nobody reads keep the connection", async () => {
    const connection = await RawHttp.open(port);
    const end = dribble(connection, "GET /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000\r\n\r\n", "x");
    expect(await connection.ended).toMatch(/^HTTP\/1.1 200 /);
    end();
  });

  it("leaves a stream of requests as long as it likes, which a body that is read whole has not", async () => {
    const stream = await RawHttp.open(port);
    const head = "POST /stream HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n";
    stream.send(`${head}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n`);
    await stream.until(/a/);
    // Begun later, and cut: the stream has been open for longer than a body may take.
    const slow = await RawHttp.open(port);
    slow.send(
      "POST /command HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\n{",
    );
    expect(await slow.ended).toMatch(/ 408 /);
    stream.send("5\r\nlater\r\n");
    expect(await stream.until(/later/)).toMatch(/^HTTP\/1.1 200 /);
    stream.send("0\r\n\r\n");
    await stream.until(/\r\n0\r\n\r\n$/);
    stream.close();
  });

  it("has as many requests in hand as are set; one more is told when to come back, and health is always answered", async () => {
    const url = `http://127.0.0.1:${port}`;
    const held = [await RawHttp.open(port), await RawHttp.open(port)];
    for (const connection of held)
      connection.send("GET /waits HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let refused = await fetch(`${url}/nothing`, { headers: { connection: "close" } });
    while (refused.status === 404) refused = await fetch(`${url}/nothing`, { headers: { connection: "close" } });
    expect(refused.status).toBe(503);
    expect(refused.headers.get("retry-after")).toBe("1");
    expect(await refused.json()).toMatchObject({ code: "unavailable" });
    expect((await fetch(`${url}/health`, { headers: { connection: "close" } })).status).toBe(200);
    held[0]!.close(); // one that its caller gave up makes room too
    answered();
    await held[1]!.ended;
    const again = await fetch(`${url}/nothing`, { headers: { connection: "close" } });
    expect(again.status).toBe(404);
  });

  it("ends an answer of which nothing is taken, and neither one that takes its time nor a connection that waits", async () => {
    const health = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
    const waiting = await RawHttp.open(port);
    waiting.send("GET /waits HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    const idle = await RawHttp.open(port);
    idle.send(health);
    await idle.until(/ 200 /);
    const stalled = (await RawHttp.open(port)).pause();
    stalled.send("GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n");
    const statusOf = async () =>
      (await fetch(`http://127.0.0.1:${port}/nothing`, { headers: { connection: "close" } })).status;
    let status = await statusOf();
    while (status === 404) status = await statusOf();
    expect(status).toBe(503);
    while (status === 503) status = await statusOf();
    expect(status).toBe(404);
    answered();
    expect(await waiting.ended).toMatch(/ 200 /);
    idle.send(health);
    await idle.until(/ 200 [^]* 200 /);
    idle.close();
    stalled.close();
  });

  it("closes a connection beyond as many as are set, and takes others when one ends", async () => {
    const held = await Promise.all([1, 2, 3, 4].map(() => RawHttp.open(port)));
    // Each is counted when it is answered.
    for (const connection of held) {
      connection.send("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
      await connection.until(/ 200 /);
    }
    expect(await rawRequest(port, "GET /health HTTP/1.1", "Host: localhost", "", "")).toBe("");
    held[0]!.close();
    let answer = "";
    while (answer === "") {
      answer = await rawRequest(port, "GET /health HTTP/1.1", "Host: localhost", "Connection: close", "", "");
    }
    expect(answer).toMatch(/ 200 /);
    for (const connection of held) connection.close();
  });

  it("tells a caller nothing of its faults but that there is one, and its log everything", async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/fault`, { headers: { connection: "close" } });
    expect(answer.status).toBe(500);
    const body = await answer.text();
    expect(JSON.parse(body)).toEqual({ code: "internal", message: expect.any(String) });
    expect(body).not.toMatch(/42|Error|\.ts/);
    expect(errors.join()).toContain("the secret is 42");
  });
});

async function* echo(stream: Readable): AsyncGenerator<Buffer> {
  for await (const chunk of stream) yield chunk as Buffer;
}

/** Says `head`, then a piece now and then for as long as the other side listens. @returns what ends it */
function dribble(connection: RawHttp, head: string, piece = "x"): () => void {
  connection.send(head);
  const timer = setInterval(() => connection.send(piece), 20);
  return () => clearInterval(timer);
}
