import { connect } from "node:net";
import { seededRandom } from "../../src/core/random";
import { Http2Connection } from "../../src/http2/connection";
import type { StreamHandler } from "../../src/http2/handlers";
import { HeaderList } from "../../src/http2/header-list";
import type { Http2Stream } from "../../src/http2/stream";
import { systemClock } from "../../src/platform/system-clock";
import { dialer } from "../../src/rpc/client/dial";
import { Subchannel } from "../../src/rpc/client/subchannel";
import { Port } from "../../src/rpc/server/port";
import { passStraightOn } from "../support/straight-call";
import { engineOptions } from "../support/http2-parts";
import { startHttp2Server, type RunningHttp2Server } from "../support/http2-server";

const STALLED = 200;
const CHUNK = Buffer.alloc(1 << 18);
const HEAD = HeaderList.of([":status", "200", "content-type", "application/grpc"]);
const TRAILERS = HeaderList.of(["grpc-status", "0"]);

/** Neither takes what it gets nor gives it back. */
const STALLING: StreamHandler = {
  onHeaders: () => {},
  onData: () => {},
  onTrailers: () => {},
  onReset: () => {},
  onWritable: () => {},
};

describe("Calls that wait for a slow peer", () => {
  let worker: RunningHttp2Server;
  let toWorker: Subchannel;
  let relay: Port;
  let port: number;
  const clients: Http2Connection[] = [];
  /** Streams of the worker by the method that was called. */
  const taken = new Map<string, Http2Stream[]>();

  beforeEach(async () => {
    taken.clear();
    worker = await startHttp2Server(
      {
        onStream: (stream, list) => {
          const path = list.get(":path")!;
          taken.set(path, [...(taken.get(path) ?? []), stream]);
          if (path !== "/a.B/Stall") stream.sendHeaders(HEAD);
          if (path === "/a.B/Feed") stream.sendData(CHUNK, 0, CHUNK.length);
          if (path === "/a.B/Echo") stream.sendTrailers(TRAILERS);
          return STALLING;
        },
      },
      engineOptions(),
    );
    const parts = { clock: systemClock, random: seededRandom(1), messageMaxBytes: 1 << 20, keepaliveMs: 0 };
    const address = `127.0.0.1:${worker.port}`;
    toWorker = new Subchannel(address, {
      ...parts,
      scheme: "http",
      dial: dialer({ reads: "lent" }),
      reconnectMaxMs: 50,
    });
    await new Promise<void>((resolve) => toWorker.onReadiness((isReady) => isReady && resolve()));
    relay = new Port({ ...parts });
    relay.handleUnknown((call) => passStraightOn(call, toWorker));
    port = Number((await relay.listen("127.0.0.1:0", "TEST_ADDR")).split(":")[1]);
  });

  afterEach(async () => {
    for (const client of clients.splice(0)) client.destroy();
    relay.close();
    toWorker.close();
    await worker.close();
  });

  async function newClient(): Promise<Http2Connection> {
    const socket = connect(port, "127.0.0.1");
    return await new Promise((resolve) => {
      const client: Http2Connection = new Http2Connection(
        "client",
        socket,
        { onReady: () => resolve(client) },
        engineOptions({ writeHighWaterBytes: 256 << 20, connectionWindowBytes: 0x7fff_ffff }),
      );
      clients.push(client);
    });
  }

  function start(client: Http2Connection, method: string, handler: StreamHandler, isWhole: boolean): Http2Stream {
    const called = [":method", "POST", ":scheme", "http", ":path", `/a.B/${method}`, ":authority", "x"];
    const head = HeaderList.of([...called, "te", "trailers", "content-type", "application/grpc"]);
    return client.startStream(head, handler, isWhole)!;
  }

  /** Resolves to the status of a call. */
  function echo(client: Http2Connection): Promise<string | undefined> {
    return new Promise((resolve) => {
      const onTrailers = (_stream: Http2Stream, list: HeaderList) => resolve(list.get("grpc-status"));
      start(client, "Echo", { ...STALLING, onTrailers, onReset: (_stream, code) => resolve(`reset ${code}`) }, true);
    });
  }

  it("hold up no other call of their client: uploads that the worker does not read", async () => {
    const client = await newClient();
    for (let count = 0; count < STALLED; count += 1) {
      // All that the windows take: each stream its own, and nothing of what others may send.
      const prefix = Buffer.from([0, 0, 0x0f, 0xff, 0xff]);
      const stream = start(client, "Stall", STALLING, false);
      stream.sendData(prefix, 0, prefix.length);
      expect(stream.sendData(CHUNK, 0, CHUNK.length)).toBe(65_536 - prefix.length);
    }
    expect(await echo(client)).toBe("0");
    expect(taken.get("/a.B/Stall")).toHaveLength(STALLED);
  });

  it("hold up no other client: answers that one does not read", async () => {
    const slow = await newClient();
    for (let count = 0; count < STALLED; count += 1) start(slow, "Feed", STALLING, true);
    expect(await echo(await newClient())).toBe("0");
    expect(await echo(slow)).toBe("0");
    expect(taken.get("/a.B/Feed")).toHaveLength(STALLED);
    expect(worker.connections.size).toBe(1);
  });
});
