import { connect } from "node:net";
import { CallMetadata } from "../../src/core/call-metadata";
import { directedMetadata, withServer } from "../../src/core/heddle-metadata";
import { seededRandom } from "../../src/core/random";
import { Http2Connection } from "../../src/http2/connection";
import type { StreamHandler } from "../../src/http2/handlers";
import { HeaderList } from "../../src/http2/header-list";
import { systemClock } from "../../src/platform/system-clock";
import { dialer } from "../../src/rpc/client/dial";
import { Subchannel } from "../../src/rpc/client/subchannel";
import { Port } from "../../src/rpc/server/port";
import { passStraightOn } from "../support/straight-call";
import { engineOptions } from "../support/http2-parts";
import { startHttp2Server } from "../support/http2-server";

const SILENT: StreamHandler = {
  onHeaders: () => {},
  onData: () => {},
  onTrailers: () => {},
  onReset: () => {},
  onWritable: () => {},
};

const hidden = (list: HeaderList) => list.neverIndexed.map((at) => list.fields[at]);

/** RFC 7541 §6.2.3, §7.1.3: what a sender keeps out of compression tables, an intermediary keeps out of them too. */
describe("A field that came never-indexed", () => {
  const closes: (() => void)[] = [];

  afterEach(() => {
    for (const close of closes.splice(0)) close();
  });

  /** One call through the relay, with what the worker and the caller see of each other's fields. */
  async function exchange(request: HeaderList, head: HeaderList, trailers: HeaderList): Promise<HeaderList[]> {
    const seen: HeaderList[] = [];
    const worker = await startHttp2Server(
      {
        onStream: (stream, list) => {
          seen.push(list);
          stream.sendHeaders(head);
          stream.sendTrailers(trailers);
          return SILENT;
        },
      },
      engineOptions(),
    );
    closes.push(() => void worker.close());
    const parts = { clock: systemClock, random: seededRandom(1), messageMaxBytes: 1 << 20, keepaliveMs: 0 };
    const toWorker = new Subchannel(`127.0.0.1:${worker.port}`, {
      ...parts,
      scheme: "http",
      dial: dialer({ reads: "lent" }),
      reconnectMaxMs: 50,
    });
    closes.push(() => toWorker.close());
    await new Promise<void>((resolve) => toWorker.onReadiness((isReady) => isReady && resolve()));
    const relay = new Port({ ...parts });
    relay.handleUnknown((call) => passStraightOn(call, toWorker));
    closes.push(() => relay.close());
    const address = await relay.listen("127.0.0.1:0", "TEST_ADDR");
    const client = new Http2Connection(
      "client",
      connect(Number(address.split(":")[1]), "127.0.0.1"),
      {},
      engineOptions(),
    );
    closes.push(() => client.destroy());
    await new Promise<void>((resolve) => {
      const caller: StreamHandler = {
        ...SILENT,
        onHeaders: (_stream, list) => void seen.push(list),
        onTrailers: (_stream, list) => {
          seen.push(list);
          resolve();
        },
      };
      client.startStream(request, caller, true);
    });
    return seen;
  }

  it("leaves so, in requests, heads and trailers, time after time", async () => {
    const called = [":method", "POST", ":scheme", "http", ":path", "/a.B/C", ":authority", "x"];
    const asked = [
      ...called,
      "te",
      "trailers",
      "content-type",
      "application/grpc",
      "authorization",
      "secret",
      "x-a",
      "1",
    ];
    const request = HeaderList.of(asked, ["authorization"]);
    const head = HeaderList.of([":status", "200", "content-type", "application/grpc", "set-key", "k"], ["set-key"]);
    const trailers = HeaderList.of(["grpc-status", "0", "x-token", "t", "x-b", "2"], ["x-token"]);
    for (let round = 0; round < 3; round += 1) {
      const seen = await exchange(request, head, trailers);
      expect(seen.map(hidden)).toEqual([["authorization"], ["set-key"], ["x-token"]]);
      expect(seen.map((list) => list.get(hidden(list)[0]!))).toEqual(["secret", "k", "t"]);
    }
  });

  it("is still marked in what a director makes of the metadata", () => {
    const metadata = CallMetadata.of({ authorization: "secret", "heddle-match": "role=a" });
    metadata.markSensitive("authorization");
    expect(directedMetadata(metadata, "d1").forwarded.sensitiveKeys).toEqual(["authorization"]);
    expect(withServer(metadata, "w1", 1).sensitiveKeys).toEqual(["authorization"]);
  });
});
