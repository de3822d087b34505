import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";

type Direction = "toServer" | "toClient";

/**
 * Stands between a client and a server and spoils the connection: cuts it, refuses new ones, or holds back the bytes of one
 * direction while the other flows, which looks like a peer that hears but does not speak.
 */
export class TcpProxy {
  readonly #server: Server;
  readonly #target: { readonly host: string; readonly port: number };
  readonly #pairs = new Set<readonly [client: Socket, server: Socket]>();
  readonly #paused = new Set<Direction>();
  #refusing = false;
  #bytesToClient = 0;

  private constructor(target: { readonly host: string; readonly port: number }) {
    this.#target = target;
    this.#server = createServer((client) => this.#accept(client));
  }

  static async listen(target: { readonly host: string; readonly port: number }): Promise<TcpProxy> {
    const proxy = new TcpProxy(target);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Bytes that reached the client side since the start. */
  get bytesToClient(): number {
    return this.#bytesToClient;
  }

  pause(direction: Direction): void {
    this.#paused.add(direction);
    this.#applyPauses();
  }

  resume(direction: Direction): void {
    this.#paused.delete(direction);
    this.#applyPauses();
  }

  /** Breaks every connection with a reset. New ones are accepted. */
  cut(): void {
    for (const [client, server] of this.#pairs) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
    this.#pairs.clear();
  }

  /** Breaks every connection and resets new ones, until `accept`. */
  refuse(): void {
    this.#refusing = true;
    this.cut();
  }

  accept(): void {
    this.#refusing = false;
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, "close");
  }

  #accept(client: Socket): void {
    if (this.#refusing) {
      client.resetAndDestroy();
      return;
    }
    const server = connect(this.#target);
    const pair = [client, server] as const;
    this.#pairs.add(pair);
    for (const socket of pair) {
      socket.setNoDelay(true);
      socket.on("error", () => {});
      socket.on("close", () => {
        this.#pairs.delete(pair);
        client.destroy();
        server.destroy();
      });
    }
    client.on("data", (bytes) => {
      if (!server.write(bytes)) client.pause();
    });
    server.on("data", (bytes) => {
      this.#bytesToClient += bytes.length;
      if (!client.write(bytes)) server.pause();
    });
    server.on("drain", () => this.#applyPauses());
    client.on("drain", () => this.#applyPauses());
    this.#applyPauses();
  }

  #applyPauses(): void {
    for (const [client, server] of this.#pairs) {
      if (this.#paused.has("toServer")) client.pause();
      else client.resume();
      if (this.#paused.has("toClient")) server.pause();
      else server.resume();
    }
  }
}
