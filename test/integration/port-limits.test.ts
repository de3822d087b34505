import { once } from "node:events";
import type { CallEnd, IncomingCall } from "../../src/core/call";
import { CallMetadata } from "../../src/core/call-metadata";
import { type Logger, SILENT_LOGGER } from "../../src/core/logger";
import { seededRandom } from "../../src/core/random";
import { Status } from "../../src/core/status";
import { ErrorCode } from "../../src/http2/error-codes";
import { networkOf } from "../../src/rpc/server/connection-bounds";
import type { PortLimits } from "../../src/rpc/server/port-limits";
import { Port } from "../../src/rpc/server/port";
import { ManualClock } from "../../src/testing/manual-clock";
import { PortClient } from "../support/port-client";
import { eventually } from "../support/processes";

const OK: Omit<CallEnd, "error"> = { status: Status.OK, message: "", trailers: new CallMetadata() };
const CONTROL = "/heddle.v1.X/Control";
const LASTING = "/heddle.v1.X/Attach";

/** A port with calls that stay open until the test ends them, on a clock of its own. */
class TestPort {
  readonly clock = new ManualClock();
  readonly warnings: string[] = [];
  readonly calls: IncomingCall[] = [];
  readonly server: Port;
  readonly #clients: PortClient[] = [];
  address = "";

  constructor(limits: Partial<PortLimits>) {
    const logger: Logger = { ...SILENT_LOGGER, warn: (message) => void this.warnings.push(message) };
    this.server = new Port({
      clock: this.clock,
      random: seededRandom(1),
      logger,
      messageMaxBytes: 1_000,
      keepaliveMs: 0,
      limits,
      isOwn: (path) => path === CONTROL || path === LASTING,
      isLasting: (path) => path === LASTING,
    });
    const take = (call: IncomingCall) => {
      call.listen({ message: () => {}, halfClosed: () => {}, cancelled: () => {} });
      this.calls.push(call);
    };
    this.server.handleUnknown(take);
    this.server.handleOwn(take);
  }

  async open(): Promise<this> {
    this.address = await this.server.listen("127.0.0.1:0", "TEST_ADDR");
    return this;
  }

  async connect(localAddress?: string): Promise<PortClient> {
    const client = await PortClient.connect(this.address, localAddress);
    this.#clients.push(client);
    return client;
  }

  /** A client that was taken. */
  async client(localAddress?: string): Promise<PortClient> {
    const client = await this.connect(localAddress);
    await client.ready;
    return client;
  }

  async whenCalls(count: number): Promise<void> {
    await eventually(`${count} calls have come`, () => this.calls.length === count);
  }

  close(): void {
    for (const client of this.#clients) client.close();
    this.server.close();
  }
}

describe("Limits of a port", () => {
  let port: TestPort;
  const open = async (limits: Partial<PortLimits>) => (port = await new TestPort(limits).open());

  afterEach(() => port.close());

  it("one connection too many is told why and closed; those that are there go on, and when one leaves another is taken", async () => {
    await open({ connectionsMax: 2 });
    const [first, second] = [await port.client(), await port.client()];
    const call = first.call("/a.B/C");
    const refused = await port.connect();
    expect(await refused.goaway).toEqual({
      code: ErrorCode.ENHANCE_YOUR_CALM,
      text: "HEDDLE_CONNECTIONS_MAX: try later, or another server",
    });
    await refused.closed;
    await port.whenCalls(1);
    port.calls[0]!.finish(OK);
    expect(await call.ended).toMatchObject({ "grpc-status": "0" });
    second.close();
    await once(second.socket, "close");
    await eventually("another is taken", async () => {
      const next = await port.connect();
      return await Promise.race([next.ready.then(() => true), next.closed.then(() => false)]);
    });
    expect(port.warnings).toEqual(["🚧 a client went over the limit HEDDLE_CONNECTIONS_MAX"]);
  });

  it("one address has its share, and others theirs", async () => {
    await open({ connectionsMax: 10, connectionsPerAddressMax: 2 });
    await port.client();
    await port.client();
    expect((await (await port.connect()).goaway).text).toMatch(/^HEDDLE_CONNECTIONS_PER_ADDRESS_MAX/);
    await port.client("127.0.0.2");
  });

  it.each([
    ["10.1.2.3", "10.1.2.3"],
    ["::ffff:10.1.2.3", "10.1.2.3"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:db8::9", "2001:db8:0:0::/64"],
    ["1::2:3:4:5:6:7", "1:0:2:3::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
  ])("the share of %s is that of %s", (address, network) => {
    expect(networkOf(address)).toBe(network);
  });

  it("one call too many is refused with the setting's name; control calls still have room, and so have later ones", async () => {
    await open({ callsMax: 4, ownCallsMax: 5 });
    const [first, second] = [await port.client(), await port.client()];
    const calls = [first, first, second, second].map((client) => client.call("/a.B/C"));
    await port.whenCalls(4);
    const refused = await second.call("/a.B/C").ended;
    expect(refused).toMatchObject({ "grpc-status": "8", "heddle-error": "TOO_MANY_CALLS" });
    expect(refused["grpc-message"]).toContain("raise HEDDLE_CALLS_MAX");
    second.call(CONTROL);
    await port.whenCalls(5);
    expect(await second.call(CONTROL).ended).toMatchObject({ "heddle-error": "TOO_MANY_CALLS" });
    for (const call of port.calls) call.finish(OK);
    for (const { ended } of calls) expect(await ended).toMatchObject({ "grpc-status": "0" });
    first.call("/a.B/C");
    await port.whenCalls(6);
  });

  it("calls of a connection that broke make room", async () => {
    await open({ callsMax: 2 });
    const [first, second] = [await port.client(), await port.client()];
    first.call("/a.B/C");
    first.call("/a.B/C");
    await port.whenCalls(2);
    first.close();
    await eventually("there is room", async () => {
      const ended = second.call("/a.B/C").ended;
      return await Promise.race([
        ended.then(() => false),
        eventually("it came", () => port.calls.length > 2).then(() => true),
      ]);
    });
  });

  it("clients are told how many streams they may open", async () => {
    await open({ streamsPerConnectionMax: 3 });
    const client = await port.client();
    for (let count = 0; count < 3; count += 1) client.call("/a.B/C");
    expect(client.connection.canStart).toBe(false);
  });

  it("a call with too much metadata is told the limit, and it alone ends", async () => {
    await open({ headerListMaxBytes: 4_096 });
    const client = await port.client();
    const other = client.call("/a.B/C", ["x-fits", "a".repeat(3_000)]);
    const refused = await client.call("/a.B/C", ["x-large", "a".repeat(4_096)]).ended;
    expect(refused).toMatchObject({ ":status": "200", "grpc-status": "8", "heddle-error": "METADATA_TOO_LARGE" });
    expect(refused["grpc-message"]).toContain("over 4096 bytes (HEDDLE_HEADER_LIST_MAX_BYTES)");
    await port.whenCalls(1);
    port.calls[0]!.finish(OK);
    expect(await other.ended).toMatchObject({ "grpc-status": "0" });
    expect(port.server.limitCounters.headerListBytes).toBe(1);
    expect(port.warnings).toEqual(["🚧 a client went over the limit HEDDLE_HEADER_LIST_MAX_BYTES"]);
  });

  it("a connection is closed in order when it was idle for the time, and not while it has a call", async () => {
    await open({ idleMs: 60_000 });
    const [idle, busy] = [await port.client(), await port.client()];
    const call = busy.call("/a.B/C");
    await port.whenCalls(1);
    await port.clock.advance(60_000);
    expect((await idle.goaway).code).toBe(ErrorCode.NO_ERROR);
    expect((await idle.closed).kind).toBe("closed");
    port.calls[0]!.finish(OK);
    expect(await call.ended).toMatchObject({ "grpc-status": "0" });
    expect(port.warnings).toEqual([]);
  });

  it("a connection of age takes no new calls, and its calls end as they would; one with a lasting call has no age", async () => {
    await open({ ageMaxMs: 60_000 });
    const [old, lasting] = [await port.client(), await port.client()];
    const call = old.call("/a.B/C");
    lasting.call(LASTING);
    await port.whenCalls(2);
    await port.clock.advance(66_000);
    expect((await old.goaway).code).toBe(ErrorCode.NO_ERROR);
    await port.clock.advance(3_600_000);
    port.calls.find(({ path }) => path === "/a.B/C")!.finish(OK);
    expect(await call.ended).toMatchObject({ "grpc-status": "0" });
    await old.closed;
    expect(lasting.connection.isDraining).toBe(false);
  });

  it("calls on a connection of age are cut off after its grace", async () => {
    await open({ ageMaxMs: 60_000, ageGraceMs: 5_000 });
    const old = await port.client();
    const call = old.call("/a.B/C");
    await port.whenCalls(1);
    await port.clock.advance(66_000);
    await old.goaway;
    await port.clock.advance(5_000);
    expect(await call.ended).toHaveProperty("reset");
  });

  it("the log says once in ten seconds who went over a limit, and then how often", async () => {
    await open({ connectionsMax: 1 });
    await port.client();
    for (let count = 0; count < 5; count += 1) await (await port.connect()).closed;
    await port.clock.advance(10_000);
    await (
      await port.connect()
    ).closed;
    expect(port.warnings).toEqual([
      "🚧 a client went over the limit HEDDLE_CONNECTIONS_MAX",
      "🚧 a client went over the limit HEDDLE_CONNECTIONS_MAX (and 4 times more since that was last said)",
    ]);
  });
});
