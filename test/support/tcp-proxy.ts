import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";

export type Direction = "toServer" | "toClient";

export interface ListenOptions {
  /** Where to listen. Default 127.0.0.1. */
  readonly host?: string;
  /** Default: a free one. */
  readonly port?: number;
}

/** How the bytes of one direction fare, on all connections. */
interface Condition {
  /** Nothing gets through, nor does the news that the sender is gone. */
  held: boolean;
  delayMs: number;
  /** 0 for no bound. */
  bytesPerSecond: number;
}

/** What waits for its time may not grow without bound: beyond this the sender is held back. */
const WAITING_BYTES_MAX = 64 * 1024;

/**
 * Stands between a client and a server and spoils the connection: cuts it, refuses new ones, delays or slows its bytes, or holds back
 * those of one direction while the other flows, which looks like a peer that hears but does not speak. What is held is delivered
 * when it is let go, as by a network that comes back.
 */
export class TcpProxy {
  readonly #server: Server;
  readonly #target: { readonly host: string; readonly port: number };
  readonly #pairs = new Set<Pair>();
  readonly #conditions: Readonly<Record<Direction, Condition>> = {
    toServer: { held: false, delayMs: 0, bytesPerSecond: 0 },
    toClient: { held: false, delayMs: 0, bytesPerSecond: 0 },
  };
  #refusing = false;
  #bytesToClient = 0;

  private constructor(target: { readonly host: string; readonly port: number }) {
    this.#target = target;
    this.#server = createServer((client) => this.#accept(client));
  }

  static async listen(
    target: { readonly host: string; readonly port: number },
    { host = "127.0.0.1", port = 0 }: ListenOptions = {},
  ): Promise<TcpProxy> {
    const proxy = new TcpProxy(target);
    proxy.#server.listen(port, host);
    await once(proxy.#server, "listening");
    return proxy;
  }

  get address(): string {
    const { address, port } = this.#server.address() as AddressInfo;
    return `${address}:${port}`;
  }

  /** Bytes that reached the client side since the start. */
  get bytesToClient(): number {
    return this.#bytesToClient;
  }

  /** A black hole in one direction: connections stay open, and new ones are accepted. */
  pause(direction: Direction): void {
    this.#conditions[direction].held = true;
    this.#changed();
  }

  resume(direction: Direction): void {
    this.#conditions[direction].held = false;
    this.#changed();
  }

  /** Each direction takes this much longer; 0 again does not overtake what is under way. */
  delay(delayMs: number): void {
    for (const condition of Object.values(this.#conditions)) condition.delayMs = delayMs;
  }

  /** So many bytes get through a second, of each connection in each direction; 0 for no bound. */
  throttle(bytesPerSecond: number): void {
    for (const condition of Object.values(this.#conditions)) condition.bytesPerSecond = bytesPerSecond;
  }

  /** Breaks every connection with a reset. New ones are accepted. */
  cut(): void {
    for (const { client, server } of this.#pairs) {
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

  #changed(): void {
    for (const { flows } of this.#pairs) for (const flow of flows) flow.conditionChanged();
  }

  #accept(client: Socket): void {
    if (this.#refusing) {
      client.resetAndDestroy();
      return;
    }
    const server = connect(this.#target);
    const flows = [
      new Flow(client, server, this.#conditions.toServer),
      new Flow(server, client, this.#conditions.toClient, (bytes) => (this.#bytesToClient += bytes)),
    ];
    const pair: Pair = { client, server, flows };
    this.#pairs.add(pair);
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on("error", () => {});
      socket.on("close", () => {
        if (client.destroyed && server.destroyed) this.#pairs.delete(pair);
      });
    }
  }
}

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  readonly flows: readonly Flow[];
}

/** One direction of one connection. */
class Flow {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #condition: Condition;
  readonly #delivered: (bytes: number) => void;
  /** In order, each due no sooner than the one before it. */
  readonly #waiting: { readonly bytes: Buffer; readonly dueMs: number }[] = [];
  #waitingBytes = 0;
  #writable = true;
  #gone = false;

  constructor(from: Socket, to: Socket, condition: Condition, delivered: (bytes: number) => void = () => {}) {
    this.#from = from;
    this.#to = to;
    this.#condition = condition;
    this.#delivered = delivered;
    from.on("data", (bytes) => this.#take(bytes));
    from.on("close", () => {
      this.#gone = true;
      this.conditionChanged();
    });
    to.on("drain", () => {
      this.#writable = true;
      this.conditionChanged();
    });
    this.conditionChanged();
  }

  conditionChanged(): void {
    const { held } = this.#condition;
    if (held || !this.#writable || this.#waitingBytes > WAITING_BYTES_MAX) this.#from.pause();
    else this.#from.resume();
    if (this.#gone && !held && this.#waiting.length === 0) this.#to.destroy();
  }

  #take(bytes: Buffer): void {
    const { delayMs, bytesPerSecond } = this.#condition;
    if (delayMs === 0 && bytesPerSecond === 0 && this.#waiting.length === 0) {
      this.#deliver(bytes);
      return;
    }
    const nowMs = performance.now();
    const slowMs = bytesPerSecond === 0 ? 0 : (1_000 * bytes.length) / bytesPerSecond;
    const dueMs = Math.max(nowMs + delayMs, this.#waiting.at(-1)?.dueMs ?? 0) + slowMs;
    this.#waiting.push({ bytes, dueMs });
    this.#waitingBytes += bytes.length;
    if (this.#waiting.length === 1) this.#wake(dueMs - nowMs);
    this.conditionChanged();
  }

  /** One timer for all that waits: of two, the later may fire first. */
  #wake(delayMs: number): void {
    setTimeout(() => {
      const next = this.#waiting.shift();
      if (!next) return;
      this.#waitingBytes -= next.bytes.length;
      this.#deliver(next.bytes);
      const [following] = this.#waiting;
      if (following) this.#wake(following.dueMs - performance.now());
      this.conditionChanged();
    }, delayMs);
  }

  #deliver(bytes: Buffer): void {
    this.#delivered(bytes.length);
    if (this.#to.destroyed) return;
    this.#writable = this.#to.write(bytes);
    if (!this.#writable) this.conditionChanged();
  }
}
