import type { CallCarrier, MemoryCall } from "./memory-call";
import type { MemoryHost } from "./memory-host";
import type { MemoryNetwork } from "./memory-network";
import type { MemoryPipe } from "./memory-pipe";
import type { MemoryServer } from "./memory-server";

/** An established connection. Each end learns of its break by itself. */
export class MemoryLink {
  readonly id: number;
  readonly client: MemoryHost;
  readonly server: MemoryHost;
  readonly target: MemoryServer;
  readonly toServer: MemoryPipe;
  readonly toClient: MemoryPipe;
  readonly #network: MemoryNetwork;
  readonly #calls = new Set<MemoryCall>();
  #clientBroken: ((reason: string) => void) | undefined;
  #goneAway: (() => void) | undefined;
  #clientUp = true;
  #serverUp = true;
  #drained: () => void = () => {};

  constructor(
    network: MemoryNetwork,
    id: number,
    client: MemoryHost,
    target: MemoryServer,
    toServer: MemoryPipe,
    toClient: MemoryPipe,
  ) {
    this.#network = network;
    this.id = id;
    this.client = client;
    this.server = target.host;
    this.target = target;
    this.toServer = toServer;
    this.toClient = toClient;
  }

  get isUp(): boolean {
    return this.#clientUp;
  }

  get calls(): number {
    return this.#calls.size;
  }

  follow(told: { broken(reason: string): void; goneAway(): void }): void {
    this.#clientBroken = told.broken;
    this.#goneAway = told.goneAway;
  }

  begin(call: MemoryCall): void {
    this.#calls.add(call);
    const carrier: CallCarrier = {
      toServer: this.toServer,
      toClient: this.toClient,
      serverClock: this.server.clock,
      clientAddress: `${this.client.name}:${this.id}`,
      losesAnswer: (path) => this.#network.losesAnswer(this, path),
      arrived: (incoming) => {
        if (this.#serverUp) this.target.take(incoming);
      },
      ended: (over) => {
        this.#calls.delete(over);
        if (this.#calls.size === 0) this.#drained();
      },
    };
    call.begin(carrier);
  }

  breakClient(reason: string): void {
    if (!this.#clientUp) return;
    this.#clientUp = false;
    this.#network.note(`link ${this.id} ${this.client.name}>${this.server.name} down at client: ${reason}`);
    for (const call of [...this.#calls]) call.clientBroken("WORKER_LOST", reason);
    this.#clientBroken?.(reason);
    this.#forgetIfDown();
  }

  breakServer(): void {
    if (!this.#serverUp) return;
    this.#serverUp = false;
    for (const call of [...this.#calls]) call.serverBroken();
    this.#forgetIfDown();
  }

  /** Both ends learn at once that the connection is gone. */
  reset(reason: string): void {
    this.breakClient(reason);
    this.breakServer();
  }

  /** A process at its end died: it learns nothing, and the other end is told by its kernel, or by nobody. */
  abandon(host: MemoryHost, silently: boolean): void {
    if (this.client === host) {
      if (!silently) this.toServer.send(() => this.breakServer());
      this.#clientUp = false;
    }
    if (this.server === host) {
      if (!silently) this.toClient.send(() => this.breakClient("connection reset"));
      this.#serverUp = false;
    }
    this.#forgetIfDown();
  }

  /** GOAWAY: no new calls on it; resolves when the present ones have ended. */
  drain(): Promise<void> {
    this.toClient.send(() => this.#goneAway?.());
    if (this.#calls.size === 0) return Promise.resolve();
    return new Promise((resolve) => (this.#drained = resolve));
  }

  release(): void {
    this.toServer.release();
    this.toClient.release();
  }

  #forgetIfDown(): void {
    this.#drained();
    if (this.#clientUp || this.#serverUp) return;
    this.toServer.close();
    this.toClient.close();
    this.#network.forget(this);
  }
}
