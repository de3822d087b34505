import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import type { IncomingCall } from "../../src/core/call";
import { CallMetadata } from "../../src/core/call-metadata";
import { type Logger, SILENT_LOGGER } from "../../src/core/logger";
import { seededRandom } from "../../src/core/random";
import { Status } from "../../src/core/status";
import type { PortLimits } from "../../src/rpc/server/port-limits";
import { Port } from "../../src/rpc/server/port";
import type { ServingTls } from "../../src/rpc/server/tls-handshakes";
import { type Authority, type Certificates, issueCertificate, makeAuthority } from "../support/certificates";
import { ManualClock } from "../../src/testing/manual-clock";
import { PortClient } from "../support/port-client";
import { eventually } from "../support/processes";

const folder = mkdtempSync(join(tmpdir(), "heddle-port-tls-"));
let ours: Authority;
let others: Authority;
let first: Certificates;
let second: Certificates;
let member: Certificates;
let stranger: Certificates;

beforeAll(async () => {
  ours = await makeAuthority(folder, "ours");
  others = await makeAuthority(folder, "others");
  first = await issueCertificate(ours, folder, "first");
  second = await issueCertificate(ours, folder, "second");
  member = await issueCertificate(ours, folder, "member");
  stranger = await issueCertificate(others, folder, "stranger");
});
afterAll(() => rmSync(folder, { recursive: true }));

const pairOf = ({ certFile, keyFile }: Certificates) => ({ cert: readFileSync(certFile), key: readFileSync(keyFile) });

describe("TLS of a port", () => {
  const clock = new ManualClock();
  let warnings: string[];
  let calls: IncomingCall[];
  let clients: PortClient[];
  let renew: (tls: ServingTls) => void;
  let server: Port;
  let address: string;

  async function open(asksClients: boolean, limits: Partial<PortLimits> = {}): Promise<void> {
    [warnings, calls, clients] = [[], [], []];
    const logger: Logger = { ...SILENT_LOGGER, warn: (line) => void warnings.push(line) };
    const clientCa = asksClients ? readFileSync(ours.caFile) : undefined;
    const watch = (listener: (tls: ServingTls) => void) => {
      renew = listener;
      return () => {};
    };
    const tls = { current: { ...pairOf(first), clientCa }, watch };
    const parts = { clock, random: seededRandom(1), logger, messageMaxBytes: 1_000, keepaliveMs: 0 };
    server = new Port({ ...parts, tls, limits });
    server.handleUnknown((call) => {
      call.listen({ message: () => {}, halfClosed: () => {}, cancelled: () => {} });
      calls.push(call);
    });
    address = await server.listen("127.0.0.1:0", "TEST_ADDR");
  }

  async function client(own?: Certificates): Promise<PortClient> {
    const trust = { ca: readFileSync(ours.caFile) };
    const next = await PortClient.connectTls(address, own ? { ...trust, ...pairOf(own) } : trust);
    clients.push(next);
    return next;
  }

  const shown = ({ socket }: PortClient) => (socket as TLSSocket).getPeerCertificate().subject.CN;

  afterEach(() => {
    for (const each of clients) each.close();
    server.close();
  });

  it("new connections see a renewed certificate, and a call on an old one ends well", async () => {
    await open(false);
    const old = await client();
    const call = old.call("/a.B/C");
    await eventually("the call has come", () => calls.length === 1);
    renew({ ...pairOf(second), clientCa: undefined });
    const next = await client();
    await next.ready;
    expect([shown(old), shown(next)]).toEqual(["first", "second"]);
    calls[0]!.finish({ status: Status.OK, message: "", trailers: new CallMetadata() });
    expect(await call.ended).toMatchObject({ "grpc-status": "0" });
  });

  it("with authorities of clients, one of theirs is served, and who has none or a stranger's is closed and logged", async () => {
    await open(true);
    await (
      await client(member)
    ).ready;
    for (const refused of [await client(), await client(stranger)]) {
      expect((await refused.closed).kind).not.toBe("violation");
      expect(refused.connection.peer.known).toBe(false);
    }
    expect(warnings).toEqual([expect.stringMatching(/^🔒 a client was refused for its certificate/)]);
  });

  it("renewed authorities decide about clients that come later, and not about those that are there", async () => {
    await open(true);
    const before = await client(member);
    await before.ready;
    renew({ ...pairOf(first), clientCa: readFileSync(others.caFile) });
    await (
      await client(stranger)
    ).ready;
    await (
      await client(member)
    ).closed;
    expect(before.connection.isClosed).toBe(false);
  });

  it("a handshake that is not done in time is cut, however busy; until then it counts as a connection", async () => {
    await open(false, { connectionsMax: 1, handshakeTimeoutMs: 5_000 });
    const port = Number(address.split(":")[1]);
    const halfOpen = connect({ host: "127.0.0.1", port });
    halfOpen.on("error", () => {});
    await once(halfOpen, "connect");
    // The beginning of a record that announces more than comes.
    halfOpen.write(Buffer.from([22, 3, 1, 2, 0]));
    const refused = connect({ host: "127.0.0.1", port });
    refused.on("error", () => {});
    await once(refused, "close");
    await clock.advance(4_999);
    halfOpen.write(Buffer.from([1]));
    expect(halfOpen.destroyed).toBe(false);
    const closed = once(halfOpen, "close");
    await clock.advance(1);
    await closed;
    expect(warnings).toEqual([
      "🚧 a client went over the limit HEDDLE_CONNECTIONS_MAX",
      "🚧 a client went over the limit HEDDLE_TLS_HANDSHAKE_TIMEOUT_MS",
    ]);
    await (
      await client()
    ).ready;
  });
});
