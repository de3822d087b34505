import { once } from "node:events";
import { createWorker, service, type Worker, type WorkerOptions } from "../../src/api/worker";
import { SILENT_LOGGER } from "../../src/core/logger";
import { ErrorCode } from "../../src/http2/error-codes";
import { EchoServiceDefinition } from "../bench/ends/echo-definition";
import { eventually } from "../support/processes";
import { PortClient } from "../support/port-client";

const ECHO = "/bench.EchoService/Echo";
const CHAT = "/bench.EchoService/Chat";
const WATCH = "/grpc.health.v1.Health/Watch";
const HEALTH_REQUEST = Buffer.from([0, 0, 0, 0, 0]);

describe("A worker's port", () => {
  let worker: Worker;
  let clients: PortClient[];

  async function start(settings: WorkerOptions = {}): Promise<void> {
    clients = [];
    worker = createWorker({
      env: {},
      logger: SILENT_LOGGER,
      listenAddress: "127.0.0.1:0",
      directors: ["127.0.0.1:1"],
      services: [
        service(EchoServiceDefinition, {
          echo: (request) => request,
          async *echoMany(request) {
            for (;;) yield await Promise.resolve(request);
          },
          async *chat(requests) {
            for await (const request of requests) yield request;
          },
        }),
      ],
      ...settings,
    });
    await worker.start();
  }

  afterEach(async () => {
    for (const client of clients) client.close();
    await worker.stop({ graceMs: 0 });
  });

  async function connect(): Promise<PortClient> {
    const client = await PortClient.connect(worker.address);
    clients.push(client);
    return client;
  }

  async function client(): Promise<PortClient> {
    const connected = await connect();
    await connected.ready;
    return connected;
  }

  it("takes as many connections as it may, tells the next one why not, and takes another when one has left", async () => {
    await start({ connectionsMax: 1 });
    const first = await client();
    const { code, text } = await (await connect()).goaway;
    expect([code, text]).toEqual([ErrorCode.ENHANCE_YOUR_CALM, "HEDDLE_CONNECTIONS_MAX: try later, or another server"]);
    first.close();
    await once(first.socket, "close");
    await client();
  });

  it("takes as many calls as it may, no quarter more, and names the setting", async () => {
    await start({ callsMax: 4 });
    const caller = await client();
    for (let count = 0; count < 4; count += 1) caller.call(CHAT, [], false);
    const refused = await caller.call(CHAT).ended;
    expect(refused).toMatchObject({ "grpc-status": "8", "heddle-error": "TOO_MANY_CALLS" });
    expect(refused["grpc-message"]).toContain("HEDDLE_CALLS_MAX");
  });

  it("tells callers how many streams they may open", async () => {
    await start({ streamsPerConnectionMax: 2 });
    const caller = await client();
    for (let count = 0; count < 2; count += 1) caller.call(CHAT, [], false);
    expect(caller.connection.canStart).toBe(false);
  });

  it("refuses metadata over its limit in words, and serves the next call", async () => {
    await start({ headerListMaxBytes: 4_096 });
    const caller = await client();
    const refused = await caller.call(ECHO, ["x-large", "a".repeat(4_096)]).ended;
    expect(refused).toMatchObject({ "grpc-status": "8", "heddle-error": "METADATA_TOO_LARGE" });
    const { stream, ended } = caller.call(ECHO, [], false);
    stream.sendData(HEALTH_REQUEST, 0, HEALTH_REQUEST.length, true);
    expect(await ended).toMatchObject({ "grpc-status": "0" });
  });

  it.each([
    ["nothing of which came but its headers", "CALL_NOT_BEGUN", { firstMessageTimeoutMs: 100 }, undefined],
    ["on which nobody says anything", "CALL_IDLE", { callIdleTimeoutMs: 100 }, HEALTH_REQUEST],
  ])("ends a call %s, where it is told to, and no watch of its health", async (_what, code, settings, request) => {
    await start(settings);
    const caller = await client();
    const watch = caller.call(WATCH, [], false);
    let watchIsOver = false;
    void watch.ended.then(() => (watchIsOver = true));
    watch.stream.sendData(HEALTH_REQUEST, 0, HEALTH_REQUEST.length, true);
    const { stream, ended } = caller.call(CHAT, [], false);
    if (request) stream.sendData(request, 0, request.length, false);
    expect(await ended).toMatchObject({ "heddle-error": code });
    // The second one has been quiet for as long again, and so has the watch.
    expect(await caller.call(CHAT, [], false).ended).toMatchObject({ "grpc-status": "4" });
    expect(watchIsOver).toBe(false);
  });

  it("ends a call whose caller does not read, where it is told to", async () => {
    await start({ stallTimeoutMs: 100 });
    const caller = await client();
    const endless = caller.call("/bench.EchoService/EchoMany", [], false);
    const large = Buffer.alloc(32_773, "x");
    large.set([0, 0, 0, 0x80, 0]);
    endless.stream.sendData(large, 0, large.length, true);
    caller.socket.pause();
    // What waits at the worker for this caller is dropped with its call, of which another connection sees nothing.
    const other = await client();
    const { stream, ended } = other.call(ECHO, [], false);
    stream.sendData(HEALTH_REQUEST, 0, HEALTH_REQUEST.length, true);
    expect(await ended).toMatchObject({ "grpc-status": "0" });
    await eventually("no call is in flight", () => worker.inFlight === 0);
  });
});
