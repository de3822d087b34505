import type { LookupFunction } from "node:net";
import { isIP } from "node:net";
import type { Connection } from "../../src/core/call";
import { seededRandom } from "../../src/core/random";
import { Status } from "../../src/core/status";
import { systemClock } from "../../src/platform/system-clock";
import { dialer } from "../../src/rpc/client/dial";
import { MessageConnection } from "../../src/rpc/client/message-connection";
import { Subchannel } from "../../src/rpc/client/subchannel";
import { RpcServer } from "../../src/rpc/server/rpc-server";
import { dialingTls, servingTls } from "../../src/wire/tls";
import { type BlackHole, blackHole } from "../support/black-hole";
import { TestTls } from "../support/test-tls";
import { OK, start, taking, whenReady } from "./grpc-fixtures";

/** Nobody listens there, at whichever port. */
const REFUSED = ["::1", "127.0.0.3"];
const SERVER = "127.0.0.1";
const HOLE = "127.0.0.2";

const tls = new TestTls();
beforeAll(() => tls.make());
afterAll(() => tls.remove());

describe.each([
  ["plain", "kept"],
  ["plain", "lent"],
  ["TLS", "kept"],
] as const)("A name with several addresses, %s, with reads that are %s", (security, reads) => {
  const clock = systemClock;
  let server: RpcServer;
  let port: string;
  let hole: BlackHole;
  let connection: Connection;
  let lookups: number;

  beforeAll(async () => {
    const certificate = tls.of(security);
    const parts = { clock, random: seededRandom(1), messageMaxBytes: 1 << 20, keepaliveMs: 0 };
    server = new RpcServer({ ...parts, tls: certificate && servingTls(certificate) });
    server.handle(
      "/a.B/C",
      taking(
        ({ call, halfClosed }) => void halfClosed.then(() => call.finish(OK)),
        ({ call }, message) => void call.send(message),
      ),
    );
    port = (await server.listen(`${SERVER}:0`, "TEST_ADDR")).split(":")[1]!;
    hole = await blackHole(HOLE, Number(port));
  });
  afterEach(() => connection.close());
  afterAll(() => {
    hole.close();
    server.close();
  });

  function dial(addresses: readonly string[], options: { connectTimeoutMs?: number } = {}): void {
    lookups = 0;
    const lookup: LookupFunction = (_name, _options, callback) => {
      lookups += 1;
      const found = addresses.map((address) => ({ address, family: isIP(address) }));
      process.nextTick(callback, null, found);
    };
    const certificate = tls.of(security);
    const parts = { clock, random: seededRandom(2), messageMaxBytes: 1 << 20, keepaliveMs: 0, reconnectMaxMs: 10 };
    const chunks = new Subchannel(`localhost:${port}`, {
      ...parts,
      ...options,
      scheme: security === "plain" ? "http" : "https",
      dial: dialer({ context: certificate && dialingTls(certificate)?.context, reads, lookup }),
    });
    connection = new MessageConnection(chunks, { ...parts, userAgent: "test" });
  }

  async function isServed(): Promise<void> {
    await whenReady(connection);
    const { call, ended, messages } = start(connection);
    call.send(Buffer.alloc(100_000, "x"));
    call.halfClose();
    expect(await ended).toMatchObject({ status: Status.OK });
    expect(messages.map(({ length }) => length)).toEqual([100_000]);
  }

  it.each([
    ["refuses", REFUSED],
    ["gives no answer", [HOLE]],
  ])("is reached by the next one where the first %s, within one attempt", async (_how, first) => {
    dial([...first, SERVER]);
    await isServed();
    expect(lookups).toBe(1);
  });

  it("has one deadline for all of them, and is tried again from the next address on", async () => {
    // The first attempt and the second, which may take twice as long, are over before the next address would be tried.
    dial([HOLE, HOLE, SERVER], { connectTimeoutMs: 100 });
    await isServed();
    expect(lookups).toBe(3);
  });
});
