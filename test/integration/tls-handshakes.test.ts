import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { HANDSHAKES_MAX, TlsHandshakes } from "../../src/rpc/server/tls-handshakes";
import { makeCertificates } from "../support/certificates";
import { ManualClock } from "../../src/testing/manual-clock";

describe("TlsHandshakes with more handshakes than may be under way", () => {
  let folder: string;
  let server: Server;
  let handshakes: TlsHandshakes;
  const clients: Socket[] = [];
  const crowdedOut: Socket[] = [];
  let begun = 0;
  let isBegun: () => void = () => {};

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "heddle-tls-"));
    const { certFile, keyFile } = await makeCertificates(folder);
    handshakes = new TlsHandshakes({
      clock: new ManualClock(),
      tls: { current: { cert: await readFile(certFile), key: await readFile(keyFile) }, watch: () => () => {} },
      timeoutMs: 10_000,
      onSecure: (socket) => socket.end("welcome"),
      onTimeout: () => {},
      onCrowdedOut: (socket) => crowdedOut.push(socket),
      onUnauthorized: () => {},
    });
    server = createServer((socket) => {
      handshakes.begin(socket);
      begun += 1;
      isBegun();
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  });

  afterAll(async () => {
    for (const client of clients) client.destroy();
    handshakes.close();
    server.close();
    await rm(folder, { recursive: true });
  });

  const port = () => (server.address() as AddressInfo).port;

  it("the oldest that says nothing gives way, and a client that means it gets in", async () => {
    const all = new Promise<void>((resolve) => {
      isBegun = () => begun === HANDSHAKES_MAX && resolve();
    });
    for (let count = 0; count < HANDSHAKES_MAX; count += 1) clients.push(connect(port(), "127.0.0.1"));
    await all;
    expect(crowdedOut).toHaveLength(0);
    const honest = connectTls({ port: port(), host: "127.0.0.1", ALPNProtocols: ["h2"], rejectUnauthorized: false });
    clients.push(honest);
    const [greeting] = (await once(honest, "data")) as [Buffer];
    expect([greeting.toString(), crowdedOut.length, crowdedOut[0]?.destroyed]).toEqual(["welcome", 1, true]);
  });
});
