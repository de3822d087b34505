import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { TcpProxy } from "../support/tcp-proxy";

describe("the TCP proxy that tests spoil connections with", () => {
  let server: Server;
  let proxy: TcpProxy;
  let client: Socket;
  let accepted: Socket;

  beforeEach(async () => {
    server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    proxy = await TcpProxy.listen({ host: "127.0.0.1", port: (server.address() as AddressInfo).port });
    client = connect({ host: "127.0.0.1", port: Number(proxy.address.split(":")[1]), noDelay: true });
    [accepted] = (await once(server, "connection")) as [Socket];
    accepted.on("error", () => {});
    client.on("error", () => {});
  });

  afterEach(async () => {
    client.destroy();
    accepted.destroy();
    await proxy.close();
    server.close();
  });

  /** What arrives until it is this long. */
  async function received(length: number): Promise<string> {
    let text = "";
    for (;;) {
      text += ((await once(accepted, "data")) as [Buffer])[0].toString();
      if (text.length >= length) return text;
    }
  }

  it("keeps the order of bytes while the delay comes and goes", async () => {
    const numbers = Array.from({ length: 200 }, (_, index) => `${1_000 + index}`);
    const arrived = received(4 * numbers.length);
    for (const [index, number] of numbers.entries()) {
      proxy.delay(index % 20 < 10 ? 7.3 : 0);
      client.write(number);
      await new Promise((turn) => setImmediate(turn));
    }
    expect(await arrived).toBe(numbers.join(""));
  });

  it("a black hole hides that the other side has gone, until it is over", async () => {
    proxy.pause("toServer");
    client.write("lost");
    const closed = once(accepted, "close");
    client.destroy();
    // The other direction still works, or would fail here.
    await new Promise((written) => accepted.write("there?", written));
    expect(accepted.destroyed).toBe(false);
    proxy.resume("toServer");
    accepted.resume();
    await closed;
  });
});
